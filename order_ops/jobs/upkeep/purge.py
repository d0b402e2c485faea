"""Purging: what has grown, and is kept no longer (`order_ops.domain.retention`).

Each part goes in batches, one transaction each, so that a purge that is killed has done
whole batches and the next one does the rest. A failure that nobody has reviewed stays,
and with it whatever it is reviewed and replayed by: its event, its body, its run. One
more table is one more entry of `PARTS`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine

from order_ops.domain.retention import AUDIT, BUSY, MONEY, Retention
from order_ops.jobs.catalogue import JOBS
from order_ops.jobs.upkeep.purge_runs import Runs, purge_runs
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import purge as sql

log = structlog.get_logger(__name__)

BATCH = 500
RUNS_LOOKED_FOR = timedelta(days=14)
"""Twice as long as failed runs without a dead letter are looked for: why they have none is kept."""
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
_AFTER_ALL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows, by what they were of; in a dry run, how many there would have been."""

    counts: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Purge:
    """One purge: until when things are old, and whether anything is done."""

    pool: Engine
    now: datetime
    dry_run: bool
    batch: int

    def batches(self, step: Callable[[Connection, Any], Any], after: Any) -> Iterator[int]:
        """Rows of one batch after another, each committed; a dry run rolls each back.

        `step` does one: it returns its `rows`, and how far it went as `last`.
        """
        while True:
            with (
                transaction(self.pool) as conn,
                conn.transaction(force_rollback=self.dry_run),
            ):
                done = step(conn, after)
            if not done.rows:
                return
            yield done.rows
            after = done


def purge(
    pool: Engine, now: datetime | None = None, *, dry_run: bool = False, runs: Runs | None = None
) -> Purged:
    """Purge everything that has a time to be kept; Dagster's runs too, where they are given.

    Runs go before dead letters: a failed run without a letter is one to be reviewed.
    """
    one = Purge(pool, now or datetime.now(UTC), dry_run, BATCH)
    counts: dict[str, int] = {}
    if runs is not None:
        counts |= purge_runs(pool, one.now, runs, dry_run=dry_run)
    for name, part in PARTS.items():
        counts[name] = part(one)
    log.info("purge.done", dry_run=dry_run, **counts)
    return Purged(counts)


def payloads(one: Purge) -> int:
    """Bodies and headers of settled events: emptied, their rows stay."""
    with transaction(one.pool) as conn:
        newest = sql.newest_payloads(conn, keep=BUSY.keep_at_least)
    if newest is None:
        return 0
    known = {"newest_at": newest.settled_at, "newest_id": newest.id, "now": one.now}

    def step(conn: Connection, after: Any) -> Any:
        at, row = (_BEFORE_ALL, 0) if after is None else (after.last_at, after.last_id)
        bounds = {"older": BUSY.before(one.now), "most": one.batch}
        return sql.empty_payloads(conn, **known, **bounds, after_at=at, after_id=row)

    return sum(one.batches(step, None))


def published(one: Purge) -> int:
    """Messages of ours that the broker has confirmed."""
    with transaction(one.pool) as conn:
        newest = sql.newest_published(conn, keep=BUSY.keep_at_least)
    return 0 if newest is None else _deleted(one, sql.delete_published, BUSY, newest=newest)


def letters(one: Purge) -> int:
    """Reviewed dead letters, the youngest first."""
    return _deleted(one, sql.delete_letters, MONEY, start=_AFTER_ALL)


def executions(one: Purge) -> int:
    """Ended executions, by the class of their job."""
    return sum(_executions(one, kept) for kept in {job.retention for job in JOBS})


def _executions(one: Purge, kept: Retention) -> int:
    jobs = [job.name for job in JOBS if job.retention is kept]
    newest: int | None = _AFTER_ALL
    if kept.keep_at_least:
        with transaction(one.pool) as conn:
            newest = sql.newest_execution(conn, jobs=jobs, keep=kept.keep_at_least)
    if newest is None:
        return 0
    looked_for = one.now - RUNS_LOOKED_FOR
    return _deleted(
        one, sql.delete_executions, kept, jobs=jobs, newest=newest, looked_for=looked_for
    )


def _rows_of(delete: Callable[..., Any], kept: Retention) -> Callable[[Purge], int]:
    return lambda one: _deleted(one, delete, kept)


def _deleted(
    one: Purge, delete: Callable[..., Any], kept: Retention, start: int = 0, **more: Any
) -> int:
    def step(conn: Connection, after: Any) -> Any:
        last = start if after is None else after.last
        return delete(conn, older=kept.before(one.now), most=one.batch, after=last, **more)

    return sum(one.batches(step, None))


PARTS: dict[str, Callable[[Purge], int]] = {
    "intake.inbox payloads": payloads,
    "ops.outbox": published,
    "ops.job_execution": executions,
    "ops.dead_letter": letters,
    "intake.inbox": _rows_of(sql.delete_messages, MONEY),
    "ops.alert": _rows_of(sql.delete_alerts, MONEY),
    "ops.act": _rows_of(sql.delete_acts, MONEY),
    "ops.audit": _rows_of(sql.delete_audit, AUDIT),
}
"""What is purged, in this order: a letter goes before the message that it is about."""
