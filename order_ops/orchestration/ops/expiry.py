"""Expiring reservations: choose, then ask and decide."""

import dagster as dg

from order_ops.jobs.catalogue import EXPIRE_ORDERS
from order_ops.jobs.orders.expire_orders import Expiry, due_reservations, expire
from order_ops.jobs.running.runtime import Running
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps

_SHOWN = 200


class ExpireConfig(dg.Config):
    """How many orders one run looks at, oldest-checked first; the next run goes on.

    With `dry_run` nothing is written and no provider is told anything.
    """

    limit: int = 1_000
    dry_run: bool = False


@dg.op(
    pool=EXPIRE_ORDERS.pool,
    description="Asks the provider about each order past its expiry, oldest-checked first, and "
    "expires, confirms, proposes or leaves it.",
)
def expire_due_orders(
    context: dg.OpExecutionContext, config: ExpireConfig, order_ops: OrderOps
) -> None:
    """See `order_ops.jobs.orders.expire_orders`."""

    def work(running: Running) -> Expiry:
        grace_s = order_ops.settings.expiry_grace_s
        due = due_reservations(running.pool, grace_s, config.limit)
        context.log.info("%d orders are due", len(due))
        return expire(order_ops.expirer(running), due, dry_run=config.dry_run)

    done = performed(context, order_ops, EXPIRE_ORDERS, work, dry_run=config.dry_run) or Expiry()
    rows = "\n".join(f"| {order} | {what} | {why} |" for order, what, why in done.details[:_SHOWN])
    table = f"| order | became | because |\n|---|---|---|\n{rows}"
    context.add_output_metadata({**dict(done.orders), "orders": dg.MetadataValue.md(table)})
