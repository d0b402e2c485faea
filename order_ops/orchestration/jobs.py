"""The jobs: what is run. When, how urgently and for how long is declared in the catalogue.

Steps of a run are executed in its own process: a run is the unit that is limited,
killed and retried.
"""

from collections.abc import Callable
from typing import Any

import dagster as dg

from order_ops.domain.jobs import Job
from order_ops.jobs import catalogue
from order_ops.orchestration.assets.reconciliation import GROUP
from order_ops.orchestration.job_tags import job_tags
from order_ops.orchestration.ops.dead_letters import handle_dead_letters
from order_ops.orchestration.ops.failures import handle_run_failure
from order_ops.orchestration.ops.fetched_days import fetch_transactions
from order_ops.orchestration.ops.intake import apply_order_events
from order_ops.orchestration.ops.purge import purge_old_rows
from order_ops.orchestration.ops.repairs import (
    apply_approved_acts,
    expire_due_orders,
    remind_of_expiring_orders,
    settle_pending_refunds,
    verify_open_orders,
)
from order_ops.orchestration.ops.watched_files import take_in_watched_files


def _declared(job: Job) -> dict[str, Any]:
    return {"name": job.name, "description": job.what, "tags": job_tags(job)}


def _of_op(job: Job, op: Callable[[], object]) -> dg.JobDefinition:
    @dg.job(name=job.name, description=job.what, tags=job_tags(job))
    def graph() -> None:
        op()

    return graph


apply_order_events_job = _of_op(catalogue.APPLY_ORDER_EVENTS, apply_order_events)
apply_repairs_job = _of_op(catalogue.APPLY_REPAIRS, apply_approved_acts)
dead_letters_job = _of_op(catalogue.DEAD_LETTERS, handle_dead_letters)
expire_orders_job = _of_op(catalogue.EXPIRE_ORDERS, expire_due_orders)
fetch_transactions_job = _of_op(catalogue.FETCH_TRANSACTIONS, fetch_transactions)
handle_run_failure_job = _of_op(catalogue.HANDLE_RUN_FAILURE, handle_run_failure)
purge_job = _of_op(catalogue.PURGE, purge_old_rows)
remind_customers_job = _of_op(catalogue.REMIND_CUSTOMERS, remind_of_expiring_orders)
settle_refunds_job = _of_op(catalogue.SETTLE_REFUNDS, settle_pending_refunds)
take_in_files_job = _of_op(catalogue.TAKE_IN_FILES, take_in_watched_files)
verify_payments_job = _of_op(catalogue.VERIFY_PAYMENTS, verify_open_orders)
message_ledger_job = dg.define_asset_job(
    **_declared(catalogue.MESSAGE_LEDGER), selection=dg.AssetSelection.assets("message_ledger")
)
reconcile_payments_job = dg.define_asset_job(
    **_declared(catalogue.RECONCILE_PAYMENTS), selection=dg.AssetSelection.groups(GROUP)
)

ALL = (
    apply_order_events_job,
    apply_repairs_job,
    dead_letters_job,
    expire_orders_job,
    fetch_transactions_job,
    handle_run_failure_job,
    message_ledger_job,
    purge_job,
    reconcile_payments_job,
    remind_customers_job,
    settle_refunds_job,
    take_in_files_job,
    verify_payments_job,
)
