"""Whose work a run does, and the tags of a job's runs, from its declaration."""

import dagster as dg

from order_ops.domain.jobs import Job
from order_ops.jobs.catalogue import BY_NAME, JOBS

PRIORITY = "dagster/priority"
MAX_RUNTIME = "dagster/max_runtime"
TENANT = "order_ops/tenant"
STEPS = 3
"""No job has more of them."""
_PATIENCE_S = 600
_OF_ASSETS = "__ASSET_JOB"
"""Dagster names the run of chosen assets so, whoever they are of."""


def job_of(run: dg.DagsterRun) -> Job | None:
    """The job whose work a run does, by its name or by the assets that were chosen.

    None: it is somebody else's, of another code location.
    """
    if run.job_name != _OF_ASSETS:
        return BY_NAME.get(run.job_name)
    keys = set(run.asset_selection or ()) | {
        check.asset_key for check in run.asset_check_selection or ()
    }
    chosen = {key.to_user_string() for key in keys}
    makers = [job for job in JOBS if chosen & set(job.assets)]
    if chosen - {name for job in makers for name in job.assets}:
        return None
    return max(makers, key=lambda job: job.lease_s, default=None)


def job_tags(job: Job) -> dict[str, str]:
    """Who owns it, how urgent it is (higher goes first), and when Dagster itself gives it up."""
    return {
        "owner": job.owner,
        PRIORITY: str(job.priority.value),
        MAX_RUNTIME: f"{_longest_s(job):.0f}",
    }


def _longest_s(job: Job) -> float:
    """Above whatever a run may take.

    Our timeouts are of one attempt of one step, Dagster's limit is of the whole run, which it ends
    as failed: it is for a runtime that failed to stop its work, and must meet no other run.
    """
    attempts = max(policy.attempts for policy in job.retries.values())
    wait_s = max(policy.cap_s for policy in job.retries.values())
    return STEPS * attempts * (job.lease_s + wait_s) + _PATIENCE_S
