"""The run queue: every run has its job's priority and its tenant, whoever launched it.

Runs of chosen assets and backfills from the UI know nothing of a job's tags: they get
them here. dagster.yaml limits how many runs of one tenant there are at a time, so that
a backfill of one does not take all slots.
"""

import dagster as dg
from dagster import SubmitRunContext

from order_ops.domain.jobs import Job
from order_ops.jobs.catalogue import BY_NAME, MESSAGE_LEDGER, RECONCILE_PAYMENTS
from order_ops.mapping import load_mapping
from order_ops.orchestration.job_tags import TENANT, job_tags
from order_ops.settings import get_settings

_ACCOUNT = "dagster/partition/account"


class OrderOpsRunCoordinator(dg.QueuedRunCoordinator):
    """Dagster's queue, with what a run's job declares on each run."""

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Tag the run, then queue it."""
        run = context.dagster_run
        wanted = job_tags(_job(run)) | _tenant(run)
        missing = {name: value for name, value in wanted.items() if name not in run.tags}
        if missing:
            self._instance.add_run_tags(run.run_id, missing)
        return super().submit_run(context)


def _job(run: dg.DagsterRun) -> Job:
    """The job whose work a run does, by its name or by the assets that were chosen."""
    if run.job_name in BY_NAME:
        return BY_NAME[run.job_name]
    chosen = {key.to_user_string() for key in run.asset_selection or ()}
    return MESSAGE_LEDGER if chosen == {"message_ledger"} else RECONCILE_PAYMENTS


def _tenant(run: dg.DagsterRun) -> dict[str, str]:
    account = run.tags.get(_ACCOUNT)
    if account is None:
        return {}
    return {TENANT: load_mapping(get_settings().mapping).account(account).tenant}
