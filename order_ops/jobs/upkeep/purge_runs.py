"""Purging runs: those of busy jobs soon, all others late, and none that is to be reviewed.

Run storage is whoever's it is: here it is what `Runs` says. A failed run stays until
its dead letter is written and dealt with.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine

from order_ops.domain.retention import BUSY, MONEY
from order_ops.jobs.catalogue import JOBS
from order_ops.store import lost_work
from order_ops.store.engine import transaction
from order_ops.store.queries import purge as sql

_BATCH = 200
_BUSY_JOBS = frozenset(job.name for job in JOBS if job.retention is BUSY)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run: when it was created (UTC), whether it has ended, and whether it failed."""

    run_id: str
    job: str
    created_at: datetime
    ended: bool
    failed: bool


class Runs(Protocol):
    """The storage of runs."""

    def started_before(
        self, moment: datetime, limit: int, jobs: Collection[str], *, others: bool = False
    ) -> Sequence[StoredRun]:
        """The newest runs created before a moment, newest first.

        Of these jobs; with `others`, of all but these.
        """
        ...

    def delete(self, run_ids: Sequence[str]) -> int:
        """Delete runs that have ended with all that was kept of them; how many there were."""
        ...


def purge_runs(pool: Engine, now: datetime, runs: Runs, *, dry_run: bool = False) -> dict[str, int]:
    """Delete old runs; how many, by class."""
    counts = {"runs busy": 0, "runs money": 0}
    newest = runs.started_before(now, BUSY.keep_at_least, _BUSY_JOBS)
    if len(newest) == BUSY.keep_at_least:
        older = min(newest[-1].created_at, BUSY.before(now))
        counts["runs busy"] = _purge(pool, runs, older, others=False, dry_run=dry_run)
    older = MONEY.before(now)
    counts["runs money"] = _purge(pool, runs, older, others=True, dry_run=dry_run)
    return counts


def _purge(pool: Engine, runs: Runs, older: datetime, *, others: bool, dry_run: bool) -> int:
    count = 0
    while page := runs.started_before(older, _BATCH, _BUSY_JOBS, others=others):
        old = _reviewed(pool, [run for run in page if run.ended])
        count += len(old) if dry_run else runs.delete(old)
        older = page[-1].created_at
    return count


def _reviewed(pool: Engine, runs: Sequence[StoredRun]) -> list[str]:
    """Those of ended runs in which nothing is left to be looked at."""
    failed = [run.run_id for run in runs if run.failed]
    with transaction(pool) as conn:
        excused = list(lost_work.done_by_others(conn, failed))
        left = {row.run_id for row in sql.unreviewed_runs(conn, run_ids=failed, excused=excused)}
    return [run.run_id for run in runs if run.run_id not in left]
