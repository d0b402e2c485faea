"""The sweeper: what dead workers held is freed, told, and done again or given up.

It asks the database alone, so that it works when Dagster is down; then it ends the
runs that Dagster still lists as alive, which frees their slots.
"""

from collections.abc import Sequence
from typing import Protocol

import structlog
from sqlalchemy import Engine

from order_ops.domain.failures import FailureKind
from order_ops.jobs import job_alerts
from order_ops.jobs.run_failures import FailedRun, letter
from order_ops.store import executions
from order_ops.store.engine import transaction
from order_ops.store.executions import Lost
from order_ops.store.letters import add_dead_letters
from order_ops.store.queries import executions as sql

log = structlog.get_logger(__name__)

LEFT_ALONE_S = 60.0
"""A run none of whose work is in hand for so long has no worker any more."""
_MOST = 500


class Runs(Protocol):
    """Dagster's run storage, as far as it is needed here."""

    def started(self) -> Sequence[str]:
        """Ids of runs that are listed as started."""
        ...

    def end(self, run_id: str, why: str) -> None:
        """Mark a run that has not ended as failed; one that has, or is not there, is left alone."""
        ...


def sweep(pool: Engine) -> list[Lost]:
    """Free what dead workers held, with its alerts, and a dead letter for what is given up."""
    with transaction(pool) as conn:
        lost = executions.lose(conn, _MOST)
        if lost:
            add_dead_letters(conn, [letter(_failed(one)) for one in lost if one.given_up])
            job_alerts.tell_lost(conn, lost)
    for one in lost:
        log.error(
            "work.swept",
            job=one.job,
            work=one.work_key,
            run_id=one.run_id,
            execution_id=one.id,
            stalls=one.stalls,
            given_up=one.given_up,
            why=one.error,
        )
    return lost


def end_runs(pool: Engine, runs: Runs) -> list[str]:
    """End runs whose work was lost, and those that have been left alone; which they were."""
    started = list(runs.started())
    if not started:
        return []
    with transaction(pool) as conn:
        left = [row.run for row in sql.left_alone(conn, run_ids=started, older_s=LEFT_ALONE_S)]
    for run_id in left:
        log.warning("run.ended", run_id=run_id)
        runs.end(run_id, "its worker is gone, or its work is in another run's hands")
    return left


def _failed(one: Lost) -> FailedRun:
    return FailedRun(
        run_id=one.run_id,
        job=one.job,
        error_type=one.error_type,
        error=f"lost {one.stalls} times with its worker: {one.error}",
        stack=one.stack,
        category=FailureKind.UNKNOWN,
        config=one.input.get("config", {}),
        tags=one.input.get("tags", {}),
        attempts=one.attempt,
    )
