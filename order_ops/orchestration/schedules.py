"""Schedules, in UTC: each tick asks one cheap question, and runs only when there is work.

When is declared in the catalogue. A tick names itself as what asks for its run's work,
so that two daemons do it once, and asks for none while a run of its job works or waits to.
After an outage the newest tick finds all there is to do.
"""

from collections.abc import Callable, Iterator

import dagster as dg

from order_ops.domain.jobs import Job, period_s
from order_ops.jobs import catalogue
from order_ops.jobs.days import reconciliation_days
from order_ops.jobs.files import fetched_days
from order_ops.jobs.messages import message_ledger
from order_ops.jobs.repairs import due
from order_ops.orchestration.performing import REQUEST
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.under_way import under_way
from order_ops.store import beats
from order_ops.store.engine import transaction

Context = dg.ScheduleEvaluationContext
Asked = Iterator[dg.RunRequest | dg.SkipReason]
Look = Callable[[Context, OrderOps], Asked]


def _schedule(job: Job, what: str, look: Look) -> dg.ScheduleDefinition:
    """A schedule that beats once it has looked: one that fails at every look is missed."""

    def tick(context: dg.ScheduleEvaluationContext, order_ops: OrderOps) -> Asked:
        yield from look(context, order_ops)
        beats.beat(order_ops.pool, f"schedule:{job.schedule}", period_s(str(job.cron)) or 0.0)

    return dg.schedule(
        name=job.schedule,
        job_name=job.name,
        cron_schedule=str(job.cron),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=what,
    )(tick)


def _unless_under_way(context: Context, order_ops: OrderOps, job: Job) -> Asked:
    """A tick's run, but for what one that works or waits does too."""
    if why := under_way(context.instance, order_ops.pool, job):
        yield dg.SkipReason(why)
    else:
        asks = f"tick {context.scheduled_execution_time:%Y-%m-%dT%H:%M}Z"
        yield dg.RunRequest(run_key=asks, tags={REQUEST: asks})


def _closed_days(context: Context, order_ops: OrderOps) -> Asked:
    """Hourly, since accounts close at different hours; the last week is caught up."""
    at = context.scheduled_execution_time
    with transaction(order_ops.pool) as conn:
        reconciliation_days.open_closed_days(conn, order_ops.mapping, at)
        due = reconciliation_days.take_due(conn, order_ops.mapping, at)
    if not due:
        yield dg.SkipReason("every closed day is reconciled")
    for day in due:
        yield day_request(day)


def day_request(day: reconciliation_days.DueDay) -> dg.RunRequest:
    """The run of an account's day; its news are what asks for it."""
    key = day.request_key
    return dg.RunRequest(
        run_key=key, partition_key=day.account_day.key, tags={REQUEST: f"day {key}"}
    )


def _due_orders(context: Context, order_ops: OrderOps) -> Asked:
    """One run looks at all that are due."""
    if due.has_reservations(order_ops.pool, order_ops.settings.expiry_grace_s):
        yield from _unless_under_way(context, order_ops, catalogue.EXPIRE_ORDERS)
    else:
        yield dg.SkipReason("no reservation is due")


def _open_orders(context: Context, order_ops: OrderOps) -> Asked:
    if due.has_open(order_ops.pool):
        yield from _unless_under_way(context, order_ops, catalogue.VERIFY_PAYMENTS)
    else:
        yield dg.SkipReason("nothing is open about any order")


def _pending_refunds(context: Context, order_ops: OrderOps) -> Asked:
    if due.has_pending_refunds(order_ops.pool):
        yield from _unless_under_way(context, order_ops, catalogue.SETTLE_REFUNDS)
    else:
        yield dg.SkipReason("every refund has ended, or was asked about lately")


def _expiring(context: Context, order_ops: OrderOps) -> Asked:
    before = order_ops.mapping.repairs.remind_before_minutes or 0.0
    if due.has_expiring(order_ops.pool, before * 60):
        yield from _unless_under_way(context, order_ops, catalogue.REMIND_CUSTOMERS)
    else:
        yield dg.SkipReason("no reservation is about to run out untold")


def _approved_acts(context: Context, order_ops: OrderOps) -> Asked:
    if due.has_acts_under_way(order_ops.pool):
        yield from _unless_under_way(context, order_ops, catalogue.APPLY_REPAIRS)
    else:
        yield dg.SkipReason("no act is approved, or begun and not ended")


def _message_ledger(context: Context, order_ops: OrderOps) -> Asked:
    """The watcher alerts within a minute; this is the record in the run history."""
    if message_ledger.has_changed(order_ops.pool, within_s=3_660):
        yield from _unless_under_way(context, order_ops, catalogue.MESSAGE_LEDGER)
    else:
        yield dg.SkipReason("no message came or went in the last hour")


def _unfetched_days(context: Context, order_ops: OrderOps) -> Asked:
    """Hourly, since accounts close at different hours; each day once."""
    if fetched_days.due(order_ops.pool, order_ops.mapping, context.scheduled_execution_time):
        yield from _unless_under_way(context, order_ops, catalogue.FETCH_TRANSACTIONS)
    else:
        yield dg.SkipReason("every day that is over was fetched, or no account has an API")


def _purge(context: Context, order_ops: OrderOps) -> Asked:
    yield from _unless_under_way(context, order_ops, catalogue.PURGE)


reconcile_payments_schedule = _schedule(
    catalogue.RECONCILE_PAYMENTS,
    "Each account's accounting day, once it has ended where the account is.",
    _closed_days,
)
expire_orders_schedule = _schedule(
    catalogue.EXPIRE_ORDERS,
    "Reservations past their expiry -> a run.",
    _due_orders,
)
verify_payments_schedule = _schedule(
    catalogue.VERIFY_PAYMENTS, "Orders about which something is open -> a run.", _open_orders
)
remind_customers_schedule = _schedule(
    catalogue.REMIND_CUSTOMERS, "Reservations that are about to run out -> a run.", _expiring
)
settle_refunds_schedule = _schedule(
    catalogue.SETTLE_REFUNDS, "Refunds that have not ended -> a run.", _pending_refunds
)
apply_repairs_schedule = _schedule(
    catalogue.APPLY_REPAIRS, "Acts that were approved -> a run.", _approved_acts
)
fetch_transactions_schedule = _schedule(
    catalogue.FETCH_TRANSACTIONS,
    "Days that are over and were not fetched -> a run.",
    _unfetched_days,
)
message_ledger_schedule = _schedule(
    catalogue.MESSAGE_LEDGER,
    "The ledger of messages, when an hour of it has changed.",
    _message_ledger,
)
purge_schedule = _schedule(catalogue.PURGE, "Purges daily, when the shop is quiet.", _purge)

ALL = (
    apply_repairs_schedule,
    expire_orders_schedule,
    fetch_transactions_schedule,
    message_ledger_schedule,
    purge_schedule,
    reconcile_payments_schedule,
    remind_customers_schedule,
    settle_refunds_schedule,
    verify_payments_schedule,
)
