"""The sweeper: what dead workers held is freed, told, and done again or given up.

It asks the database alone, so that it works when Dagster is down; then it ends the
runs that Dagster still lists as alive, which frees their slots.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import Engine

from order_ops.domain.failures import FailureKind
from order_ops.jobs.running import job_alerts
from order_ops.jobs.running.run_failures import FailedRun, letter
from order_ops.store import lost_work
from order_ops.store.engine import transaction
from order_ops.store.letters import add_dead_letters
from order_ops.store.lost_work import Lost
from order_ops.store.queries import executions as sql

log = structlog.get_logger(__name__)

LEFT_ALONE_S = 60.0
"""A run none of whose work is in hand for so long has no worker any more."""
_MOST = 500

Id = TypeVar("Id")
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run that is listed as started, for so many seconds; `ours`: of a job of order_ops."""

    run_id: str
    age_s: float
    ours: bool


class Runs(Protocol):
    """Dagster's run storage, as far as it is needed here."""

    def started(self) -> Sequence[StartedRun]:
        """Runs that are listed as started."""
        ...

    def end(self, run_id: str, why: str) -> None:
        """End a run that has not ended: as failed, or as cancelled if a person is cancelling it."""
        ...


def sweep(pool: Engine) -> list[Lost]:
    """Free what dead workers held, with its alerts, and a dead letter for what is given up."""
    with transaction(pool) as conn:
        lapsed = lost_work.lapsed(conn, _MOST)
    found = _each(lapsed, lambda execution_id: _free(pool, execution_id))
    return [lost for lost in found if lost is not None]


def _each(ids: Iterable[Id], do: Callable[[Id], Done]) -> list[Done]:
    """Do it with each; one that fails keeps no other waiting, and is raised after them."""
    done, errors = [], []
    for one in ids:
        try:
            done.append(do(one))
        except Exception as error:
            log.exception("sweep.failed", id=one)
            errors.append(error)
    if errors:
        raise errors[0]
    return done


def _free(pool: Engine, execution_id: int) -> Lost | None:
    with transaction(pool) as conn:
        lost = lost_work.lose(conn, execution_id)
        if lost is None:
            return None
        if lost.given_up:
            add_dead_letters(conn, [letter(_given_up(lost))])
        job_alerts.tell_lost(conn, lost)
    log.error(
        "work.swept",
        job=lost.job,
        work=lost.work_key,
        run_id=lost.run_id,
        execution_id=lost.id,
        stalls=lost.stalls,
        given_up=lost.given_up,
        why=lost.error,
    )
    return lost


def end_runs(pool: Engine, runs: Runs) -> list[str]:
    """End runs whose work was lost, and those that have been left alone; which they were.

    A run that died before it had begun its work is not in the ledger. Its code server tells of
    it, unless that has died too, or once looked while the database was away: it never looks
    again. The run then held its pool's slot, and what it was to do again, for as long as its
    job may run.
    """
    started = list(runs.started())
    if not started:
        return []
    ids = [run.run_id for run in started]
    long_ago = [run.run_id for run in started if run.ours and run.age_s > LEFT_ALONE_S]
    with transaction(pool) as conn:
        left = [row.run for row in sql.left_alone(conn, run_ids=ids, older_s=LEFT_ALONE_S)]
        left += [row.run for row in sql.never_begun(conn, run_ids=long_ago)]
    return _each(left, lambda run_id: _end(runs, run_id))


def _end(runs: Runs, run_id: str) -> str:
    log.warning("run.ended", run_id=run_id)
    runs.end(run_id, "its worker is gone, or its work is in another run's hands")
    return run_id


def _given_up(one: Lost) -> FailedRun:
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
