"""order_ops: the background jobs of an order service, done so that they are right.

Nothing belongs in this file; `order_ops.definitions` is what Dagster loads and
`order_ops.cli` what a person types.
"""
