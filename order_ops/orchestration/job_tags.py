"""The tags of a job's runs, from its declaration."""

from order_ops.domain.jobs import Job

PRIORITY = "dagster/priority"
MAX_RUNTIME = "dagster/max_runtime"
TENANT = "order_ops/tenant"
STEPS = 3
"""No job has more of them."""
_PATIENCE_S = 600


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
