"""`python -m order_ops.cli` is `order-ops`."""

from order_ops.cli import app

app(prog_name="order-ops")
