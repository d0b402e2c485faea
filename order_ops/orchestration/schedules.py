"""Schedules, in UTC: each tick asks one cheap question, and runs only when there is work."""

from collections.abc import Iterator

import dagster as dg

from order_ops.jobs import expire_orders, message_ledger, reconciliation_days
from order_ops.orchestration.jobs import (
    expire_orders_job,
    message_ledger_job,
    reconcile_payments_job,
)
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.sensors import live_runs
from order_ops.store.engine import transaction


@dg.schedule(
    name="reconcile_payments_schedule",
    job=reconcile_payments_job,
    cron_schedule="7 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each account's accounting day, once it has ended where the account is.",
)
def reconcile_payments_schedule(
    context: dg.ScheduleEvaluationContext, order_ops: OrderOps
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Hourly, since accounts close at different hours; the last week is caught up."""
    now = context.scheduled_execution_time
    with transaction(order_ops.pool) as conn:
        reconciliation_days.open_closed_days(conn, order_ops.mapping, now)
        due = reconciliation_days.take_due(conn, order_ops.mapping, now)
    if not due:
        yield dg.SkipReason("every closed day is reconciled")
    for day in due:
        yield dg.RunRequest(run_key=day.request_key, partition_key=day.account_day.key)


@dg.schedule(
    name="expire_orders_schedule",
    job=expire_orders_job,
    cron_schedule="* * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reservations past their expiry -> a run.",
)
def expire_orders_schedule(
    context: dg.ScheduleEvaluationContext, order_ops: OrderOps
) -> dg.RunRequest | dg.SkipReason:
    """No work, no run; and never two runs at once."""
    if not expire_orders.has_due(order_ops.pool, order_ops.settings.expiry_grace_s):
        return dg.SkipReason("no reservation is due")
    if live_runs(context.instance, expire_orders_job.name):
        return dg.SkipReason("a run is expiring orders already")
    return dg.RunRequest()


@dg.schedule(
    name="message_ledger_schedule",
    job=message_ledger_job,
    cron_schedule="2 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The ledger of messages, when an hour of it has changed.",
)
def message_ledger_schedule(order_ops: OrderOps) -> dg.RunRequest | dg.SkipReason:
    """The watcher alerts within a minute; this is the record in the run history."""
    if not message_ledger.has_changed(order_ops.pool, within_s=3_660):
        return dg.SkipReason("no message came or went in the last hour")
    return dg.RunRequest()
