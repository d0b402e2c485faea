"""The tags of a job's runs, from its declaration."""

from order_ops.domain.jobs import Job

PRIORITY = "dagster/priority"
MAX_RUNTIME = "dagster/max_runtime"
TENANT = "order_ops/tenant"
_PATIENCE_S = 600
"""Dagster's own limit stands above ours, which stops the work: it is for a runtime that failed,
and starts a run beside a live one."""


def job_tags(job: Job) -> dict[str, str]:
    """Who owns it, how urgent it is (higher goes first), and when Dagster itself gives it up."""
    return {
        "owner": job.owner,
        PRIORITY: str(job.priority.value),
        MAX_RUNTIME: f"{job.lease_s + _PATIENCE_S:.0f}",
    }
