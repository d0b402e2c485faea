"""Schedules, in UTC: each tick asks one cheap question, and runs only when there is work.

When is declared in the catalogue. A tick names itself as what asks for its run's work,
so that two daemons do it once; after an outage the newest tick finds all there is to do.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

import dagster as dg

from order_ops.domain.jobs import Job, period_s
from order_ops.jobs import catalogue, expire_orders, message_ledger, reconciliation_days
from order_ops.orchestration.performing import REQUEST
from order_ops.orchestration.resources import OrderOps
from order_ops.store import beats
from order_ops.store.engine import transaction

Asked = Iterator[dg.RunRequest | dg.SkipReason]


def _schedule(
    job: Job, what: str, look: Callable[[OrderOps, datetime], Asked]
) -> dg.ScheduleDefinition:
    """A schedule that beats at each tick and then looks whether there is work."""

    def tick(context: dg.ScheduleEvaluationContext, order_ops: OrderOps) -> Asked:
        beats.beat(order_ops.pool, f"schedule:{job.schedule}", period_s(str(job.cron)) or 0.0)
        yield from look(order_ops, context.scheduled_execution_time)

    return dg.schedule(
        name=job.schedule,
        job_name=job.name,
        cron_schedule=str(job.cron),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=what,
    )(tick)


def _tick(at: datetime) -> dg.RunRequest:
    asks = f"tick {at:%Y-%m-%dT%H:%M}Z"
    return dg.RunRequest(run_key=asks, tags={REQUEST: asks})


def _closed_days(order_ops: OrderOps, at: datetime) -> Asked:
    """Hourly, since accounts close at different hours; the last week is caught up."""
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


def _due_orders(order_ops: OrderOps, at: datetime) -> Asked:
    """The runtime sees to it that no two runs expire orders at once."""
    if expire_orders.has_due(order_ops.pool, order_ops.settings.expiry_grace_s):
        yield _tick(at)
    else:
        yield dg.SkipReason("no reservation is due")


def _message_ledger(order_ops: OrderOps, at: datetime) -> Asked:
    """The watcher alerts within a minute; this is the record in the run history."""
    if message_ledger.has_changed(order_ops.pool, within_s=3_660):
        yield _tick(at)
    else:
        yield dg.SkipReason("no message came or went in the last hour")


def _purge(_: OrderOps, at: datetime) -> Asked:
    yield _tick(at)


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
message_ledger_schedule = _schedule(
    catalogue.MESSAGE_LEDGER,
    "The ledger of messages, when an hour of it has changed.",
    _message_ledger,
)
purge_schedule = _schedule(catalogue.PURGE, "Purges daily, when the shop is quiet.", _purge)

ALL = (
    expire_orders_schedule,
    message_ledger_schedule,
    purge_schedule,
    reconcile_payments_schedule,
)
