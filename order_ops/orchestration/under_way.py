"""Whether a job's work is under way already: then no other run is asked for.

Each tick would queue one more; the runtime lets them do nothing, and they take the
slots of runs that have something to do.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine

from order_ops.domain.jobs import Job
from order_ops.store import executions
from order_ops.store.engine import transaction

_STARTING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING]
_BEING_STORED = timedelta(minutes=1)
"""A run that is stored, and not queued after so long, never will be: who asked for it is gone."""


def under_way(instance: dg.DagsterInstance, pool: Engine, job: Job) -> str | None:
    """Why no run of a job is to be asked for; None: nobody does its work, nor is about to."""
    with transaction(pool) as conn:
        if executions.is_live(conn, job.name):
            return "a run is doing it already"
    return is_starting(instance, job)


def is_starting(instance: dg.DagsterInstance, job: Job) -> str | None:
    """That a run of a job is queued or starting; Dagster itself ends those that never do."""
    stored = dg.RunsFilter(
        job_name=job.name,
        statuses=[dg.DagsterRunStatus.NOT_STARTED],
        created_after=datetime.now(UTC) - _BEING_STORED,
    )
    starting = dg.RunsFilter(job_name=job.name, statuses=_STARTING)
    if instance.get_runs_count(starting) or instance.get_runs_count(stored):
        return "a run that will do it is starting"
    return None
