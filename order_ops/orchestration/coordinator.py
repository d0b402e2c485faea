"""The run queue: every run has its job's priority and its tenant, whoever launched it.

Runs of chosen assets and backfills from the UI know nothing of a job's tags: they get
them here. Runs of somebody else's jobs are left as they are. dagster.yaml limits how many
runs of one tenant there are at a time, so that a backfill of one does not take all slots.
"""

import dagster as dg
from dagster import SubmitRunContext

from order_ops.mapping import load_mapping
from order_ops.orchestration.job_tags import TENANT, job_of, job_tags
from order_ops.settings import get_settings

_ACCOUNT = "dagster/partition/account"


class OrderOpsRunCoordinator(dg.QueuedRunCoordinator):
    """Dagster's queue, with what a run's job declares on each run."""

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Tag the run, then queue it."""
        run = context.dagster_run
        missing = {name: value for name, value in wanted(run).items() if name not in run.tags}
        if missing:
            self._instance.add_run_tags(run.run_id, missing)
        return super().submit_run(context)


def wanted(run: dg.DagsterRun) -> dict[str, str]:
    """The tags that a run is to have; somebody else's run, none."""
    job, account = job_of(run), run.tags.get(_ACCOUNT)
    if job is None:
        return {}
    if account is None:
        return job_tags(job)
    tenant = load_mapping(get_settings().mapping).account(account).tenant
    return job_tags(job) | {TENANT: tenant}
