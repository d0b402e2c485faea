"""Dagster, and nothing but Dagster: each definition is thin over `order_ops.jobs`."""
