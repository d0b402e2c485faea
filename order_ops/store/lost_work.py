"""Work that its worker has left: freed, to be done again, given up or cancelled.

And which failed runs that excuses: those whose work others do, or have done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from order_ops.domain.jobs import STALLS
from order_ops.store import job_totals
from order_ops.store.engine import Connection
from order_ops.store.queries import executions as sql

AGAIN_S = 2.0
"""Lost work is done again after so long."""


@dataclass(frozen=True, slots=True)
class Lost:
    """An execution whose worker is gone; `given_up`: once too often."""

    id: int
    job: str
    step: str
    work_key: str
    run_id: str
    attempt: int
    stalls: int
    error_type: str
    error: str
    stack: str | None
    input: dict[str, Any]
    given_up: bool
    dry_run: bool


def lapsed(conn: Connection, most: int) -> list[int]:
    """Ids of up to `most` executions that dead workers hold, the longest first."""
    return [row.id for row in sql.lapsed(conn, executions=most)]


def lose(conn: Connection, execution_id: int) -> Lost | None:
    """Free what a dead worker holds: it waits to be done again, or is given up.

    None: somebody decides about it now, or has decided.
    """
    row = sql.lapsed_one(conn, id=execution_id)
    return None if row is None else lose_row(conn, row)


def give_up(conn: Connection, execution_id: int, fence: int) -> bool:
    """End work that waits and that nobody will do; False: somebody has begun it meanwhile."""
    return _end_waiting(conn, execution_id, fence, "failed")


def cancel(conn: Connection, execution_id: int, fence: int) -> bool:
    """End work that waits, and that a person has cancelled; False: as for `give_up`."""
    return _end_waiting(conn, execution_id, fence, "cancelled")


def _end_waiting(conn: Connection, execution_id: int, fence: int, state: str) -> bool:
    """It is counted without a duration: that of its attempts is counted with them."""
    row = sql.give_up(conn, id=execution_id, fence=fence, state=state)
    if row is not None:
        job_totals.count(conn, row.job, state, 0.0)
    return row is not None


def lose_row(conn: Connection, row: Any) -> Lost:
    """As `lose`, of a row of the ledger that is locked."""
    stalls = row.stalls + 1
    lost = Lost(
        id=row.id,
        job=row.job,
        step=row.step,
        work_key=row.work_key,
        run_id=row.run_id,
        attempt=row.attempt,
        stalls=stalls,
        error_type=row.error_type or "Stalled",
        error=row.error
        or f"its worker {row.worker} was last heard of at {row.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC",
        stack=row.stack,
        input=row.input,
        given_up=stalls > STALLS,
        dry_run=row.dry_run,
    )
    state = "failed" if lost.given_up else "waiting"
    told = {"stalls": stalls, "error_type": lost.error_type, "error": lost.error}
    sql.lose(conn, id=row.id, state=state, again_s=AGAIN_S, **told)
    job_totals.count(
        conn, row.job, "timed_out" if lost.error_type == "TimedOut" else "stalled", row.seconds
    )
    if lost.given_up:
        job_totals.count(conn, row.job, "failed", 0.0)
    return lost


def done_by_others(conn: Connection, run_ids: Sequence[str]) -> set[str]:
    """Failed runs whose work another run or a later request took, and that failed at no part."""
    return {row.run for row in sql.taken_over(conn, run_ids=list(run_ids)) if row.by_others}


def withheld(conn: Connection, run_ids: Sequence[str]) -> set[str]:
    """Those, and failed runs whose work will be done again: they are no failure to tell of."""
    return {row.run for row in sql.taken_over(conn, run_ids=list(run_ids))}
