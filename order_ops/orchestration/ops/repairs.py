"""Looking at orders that may not be as they should be: each job chooses, then all do the same."""

from collections.abc import Callable, Sequence

import dagster as dg
from pydantic import Field
from sqlalchemy import Engine

from order_ops.domain.jobs import Job
from order_ops.jobs import catalogue
from order_ops.jobs.repairs import due
from order_ops.jobs.repairs.reminding import remind
from order_ops.jobs.repairs.repairing import Looked, look
from order_ops.jobs.running.runtime import Running
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps
from order_ops.store.ledger import Key

_SHOWN = 200
Choice = Callable[[Engine, int], Sequence[Key]]


class LookConfig(dg.Config):
    """How many orders of each tenant one run looks at, those due longest first.

    With `dry_run` nothing is written and no provider is told anything.
    """

    limit: int = Field(default=1_000, ge=1)
    dry_run: bool = False


def _looks_at(
    context: dg.OpExecutionContext,
    config: LookConfig,
    order_ops: OrderOps,
    job: Job,
    choose: Choice,
) -> None:
    """The one way in which a job looks at the orders that it chose."""

    def work(running: Running) -> Looked:
        keys = choose(running.pool, config.limit)
        context.log.info("%d orders are looked at", len(keys))
        return look(order_ops.repairer(running), keys, dry_run=config.dry_run)

    _show(context, performed(context, order_ops, job, work, dry_run=config.dry_run) or Looked())


def _show(context: dg.OpExecutionContext, done: Looked) -> None:
    """What became of the orders, in the run's log and metadata."""
    rows = "\n".join(f"| {order} | {what} | {why} |" for order, what, why in done.details[:_SHOWN])
    table = f"| order | became | because |\n|---|---|---|\n{rows}"
    stopped = {} if done.stopped is None else {"stopped": done.stopped}
    context.log.info("%s", dict(done.orders) or "nothing was due")
    context.add_output_metadata(
        {**dict(done.orders), **stopped, "orders": dg.MetadataValue.md(table)}
    )


@dg.op(
    pool=catalogue.EXPIRE_ORDERS.pool,
    description="Asks the provider about each reservation that has run out, and expires, confirms, "
    "proposes or leaves it.",
)
def expire_due_orders(
    context: dg.OpExecutionContext, config: LookConfig, order_ops: OrderOps
) -> None:
    """Reservations past their expiry and its grace."""
    grace_s = order_ops.settings.expiry_grace_s
    _looks_at(
        context,
        config,
        order_ops,
        catalogue.EXPIRE_ORDERS,
        lambda pool, limit: due.reservations(pool, grace_s, limit),
    )


@dg.op(
    pool=catalogue.VERIFY_PAYMENTS.pool,
    description="Asks the provider about each order of which something is open: money that came "
    "after its end, paid twice, stock that is still held, what the shop says and the books do not.",
)
def verify_open_orders(
    context: dg.OpExecutionContext, config: LookConfig, order_ops: OrderOps
) -> None:
    """Orders about which something else is open."""
    _looks_at(context, config, order_ops, catalogue.VERIFY_PAYMENTS, due.open_orders)


@dg.op(
    pool=catalogue.SETTLE_REFUNDS.pool,
    description="Asks the provider about each refund that has not ended, and settles it, or makes "
    "it once more where it failed.",
)
def settle_pending_refunds(
    context: dg.OpExecutionContext, config: LookConfig, order_ops: OrderOps
) -> None:
    """Orders with a refund under way."""
    _looks_at(context, config, order_ops, catalogue.SETTLE_REFUNDS, due.pending_refunds)


@dg.op(
    pool=catalogue.APPLY_REPAIRS.pool,
    description="Carries out the acts that were approved, and those that a run began and did not "
    "end; what has been overtaken since is not done.",
)
def apply_approved_acts(
    context: dg.OpExecutionContext, config: LookConfig, order_ops: OrderOps
) -> None:
    """Orders of acts under way."""
    _looks_at(context, config, order_ops, catalogue.APPLY_REPAIRS, due.of_acts_under_way)


@dg.op(
    pool=catalogue.REMIND_CUSTOMERS.pool,
    description="Tells of each reservation that is about to run out, once: the shop writes to its "
    "customer.",
)
def remind_of_expiring_orders(
    context: dg.OpExecutionContext, config: LookConfig, order_ops: OrderOps
) -> None:
    """Reservations that run out soon; none, where the mapping does not say how soon."""
    before = order_ops.mapping.repairs.remind_before_minutes or 0.0

    def work(running: Running) -> Looked:
        keys = due.expiring(running.pool, before * 60, config.limit)
        return remind(running.pool, running.asked.run_id, keys, dry_run=config.dry_run)

    job = catalogue.REMIND_CUSTOMERS
    _show(context, performed(context, order_ops, job, work, dry_run=config.dry_run) or Looked())
