"""Expiring reservations: choose, then ask and decide."""

from dataclasses import dataclass

import dagster as dg

from order_ops.domain.failures import API_CALLS, DATABASE
from order_ops.jobs.expire_orders import due_reservations, expire
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.retries import failures_by_kind
from order_ops.store.ledger import Key

_SHOWN = 200


class DueConfig(dg.Config):
    """How many orders one run looks at; the next run goes on with the others."""

    limit: int = 1_000


class ExpireConfig(dg.Config):
    """With `dry_run` nothing is written and no provider is told anything."""

    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DueOrders:
    """Reservations past their expiry, oldest-checked first: (tenant, order id)."""

    keys: list[Key]


@dg.op(description="Chooses reservations past expiry and grace, oldest-checked first.")
def find_due_orders(
    context: dg.OpExecutionContext, config: DueConfig, order_ops: OrderOps
) -> DueOrders:
    """See `order_ops.jobs.expire_orders.due_reservations`."""
    with failures_by_kind(context, DATABASE):
        found = due_reservations(order_ops.pool, order_ops.settings.expiry_grace_s, config.limit)
    context.add_output_metadata({"due": len(found)})
    return DueOrders(found)


@dg.op(description="Asks the provider about each order, and expires, confirms, proposes or leaves.")
def expire_due_orders(
    context: dg.OpExecutionContext, config: ExpireConfig, due: DueOrders, order_ops: OrderOps
) -> None:
    """See `order_ops.jobs.expire_orders.expire`."""
    with failures_by_kind(context, API_CALLS):
        done = expire(order_ops.expirer(context.run_id), due.keys, dry_run=config.dry_run)
    rows = "\n".join(f"| {order} | {what} | {why} |" for order, what, why in done.details[:_SHOWN])
    table = f"| order | became | because |\n|---|---|---|\n{rows}"
    context.add_output_metadata({**dict(done.orders), "orders": dg.MetadataValue.md(table)})
