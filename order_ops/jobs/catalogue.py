"""Every job, declared once: Dagster's jobs, schedules, tags and pools are made from this."""

from order_ops.domain.failures import API_CALLS, DATABASE, RetryPolicy
from order_ops.domain.jobs import Job, Priority, period_s, retries
from order_ops.domain.retention import BUSY, MONEY

APPLY_ORDER_EVENTS = Job(
    name="apply_order_events_job",
    what="Staged events -> orders, payments, refunds, outbox.",
    owner="platform",
    priority=Priority.MONEY,
    pool="intake",
    retries=retries(DATABASE),
    timeout_s=600,
    lease_s=900,
    retention=BUSY,
)
EXPIRE_ORDERS = Job(
    name="expire_orders_job",
    what="Reservations past their expiry: ask the provider, then expire or confirm.",
    owner="platform",
    priority=Priority.EXPIRY,
    pool="money",
    retries=retries(API_CALLS),
    timeout_s=600,
    lease_s=900,
    retention=BUSY,
    cron="* * * * *",
)
VERIFY_PAYMENTS = Job(
    name="verify_payments_job",
    what="Orders about which something is open: ask the provider, then put them right.",
    owner="payments",
    priority=Priority.EXPIRY,
    pool="money",
    retries=retries(API_CALLS),
    timeout_s=600,
    lease_s=900,
    retention=MONEY,
    cron="*/5 * * * *",
)
SETTLE_REFUNDS = Job(
    name="settle_refunds_job",
    what="Refunds that have not ended: ask the provider, then settle or make them.",
    owner="payments",
    priority=Priority.EXPIRY,
    pool="money",
    retries=retries(API_CALLS),
    timeout_s=600,
    lease_s=900,
    retention=MONEY,
    cron="*/5 * * * *",
)
APPLY_REPAIRS = Job(
    name="apply_repairs_job",
    what="Acts that were approved, or begun and not ended: carried out.",
    owner="payments",
    priority=Priority.EXPIRY,
    pool="money",
    retries=retries(API_CALLS),
    timeout_s=600,
    lease_s=900,
    retention=MONEY,
    cron="* * * * *",
)
REMIND_CUSTOMERS = Job(
    name="remind_customers_job",
    what="Reservations that are about to run out: one event for each.",
    owner="platform",
    priority=Priority.EXPIRY,
    pool="housekeeping",
    retries=retries(DATABASE),
    timeout_s=240,
    lease_s=300,
    retention=BUSY,
    cron="* * * * *",
)
RECONCILE_PAYMENTS = Job(
    name="reconcile_payments_job",
    what="One accounting day of one provider account: inputs, matches, breaks, bridge.",
    owner="finance-operations",
    priority=Priority.MONEY,
    pool="reconciliation",
    retries=retries(DATABASE),
    timeout_s=3_000,
    lease_s=3_600,
    retention=MONEY,
    cron="7 * * * *",
    assets=(
        "provider_transactions",
        "internal_transactions",
        "payment_matches",
        "reconciliation_breaks",
        "reconciliation_bridge",
    ),
)
FETCH_TRANSACTIONS = Job(
    name="fetch_transactions_job",
    what="Days that are over of accounts with an API -> a file of each, taken in.",
    owner="finance-operations",
    priority=Priority.MONEY,
    pool="reconciliation",
    retries=retries(API_CALLS),
    timeout_s=1_800,
    lease_s=2_400,
    retention=MONEY,
    cron="23 * * * *",
)
HANDLE_RUN_FAILURE = Job(
    name="handle_run_failure_job",
    what="Failed runs -> dead letters and alerts.",
    owner="platform",
    priority=Priority.MONEY,
    pool="failures",
    retries=retries(DATABASE),
    timeout_s=240,
    lease_s=300,
    retention=BUSY,
)
DEAD_LETTERS = Job(
    name="dead_letters_job",
    what="Dead letters: replay or discard them; a dry run unless told otherwise.",
    owner="platform",
    priority=Priority.MONEY,
    pool="dead_letters",
    # each letter is tried again alone: a step that is tried again would choose another set
    retries=retries(RetryPolicy(attempts=1, base_s=0.0, cap_s=0.0)),
    timeout_s=3_000,
    lease_s=3_600,
    retention=MONEY,
    alone=False,
)
MESSAGE_LEDGER = Job(
    name="message_ledger_job",
    what="The ledger of messages per hour, and the check that none is missing.",
    owner="platform",
    priority=Priority.RELAY,
    pool="housekeeping",
    retries=retries(DATABASE),
    timeout_s=240,
    lease_s=300,
    retention=BUSY,
    cron="2 * * * *",
    assets=("message_ledger",),
)
TAKE_IN_FILES = Job(
    name="take_in_files_job",
    what="Files of watched folders that are whole: taken in, or refused with an alert.",
    owner="finance-operations",
    priority=Priority.MONEY,
    pool="reconciliation",
    retries=retries(DATABASE),
    timeout_s=3_000,
    lease_s=3_600,
    retention=MONEY,
)
PURGE = Job(
    name="purge_job",
    what="What has been kept for as long as it has to be: executions, messages, runs. Never an "
    "unreviewed failure.",
    owner="platform",
    priority=Priority.PURGE,
    pool="housekeeping",
    retries=retries(DATABASE),
    timeout_s=3_000,
    lease_s=3_600,
    retention=BUSY,
    cron="17 3 * * *",
)

JOBS = (
    APPLY_ORDER_EVENTS,
    APPLY_REPAIRS,
    DEAD_LETTERS,
    EXPIRE_ORDERS,
    FETCH_TRANSACTIONS,
    HANDLE_RUN_FAILURE,
    MESSAGE_LEDGER,
    PURGE,
    RECONCILE_PAYMENTS,
    REMIND_CUSTOMERS,
    SETTLE_REFUNDS,
    TAKE_IN_FILES,
    VERIFY_PAYMENTS,
)
BY_NAME = {job.name: job for job in JOBS}


def owner_of(name: str) -> str | None:
    """Who is asked about a job; None: it is no job of ours, or not any more."""
    return BY_NAME[name].owner if name in BY_NAME else None


SENSORS = {
    "staging_sensor": 5.0,
    "changed_days_sensor": 10.0,
    "run_failure_sensor": 5.0,
    "again_sensor": 5.0,
    "replay_sensor": 5.0,
    "watched_files_sensor": 30.0,
}
"""Seconds between two looks of each sensor."""


def expected_beats() -> dict[str, float]:
    """What should be alive while Dagster runs: seconds between two beats, by name."""
    schedules = {f"schedule:{job.schedule}": period_s(job.cron or "") for job in JOBS}
    sensors = {f"sensor:{name}": seconds for name, seconds in SENSORS.items()}
    return {name: seconds for name, seconds in schedules.items() if seconds} | sensors
