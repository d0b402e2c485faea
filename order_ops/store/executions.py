"""The execution ledger: who may do a piece of work, and what became of it.

A piece of work is a job's step and a work key (a partition, or all there is). It was
asked for by a request (a tick, a person's run, a day's news): one request is done
once, and one execution of a piece of work is in hand at a time, by the database's
clock. Its fence goes up with whoever takes it over, and `hold` in a transaction
keeps it until that has ended. What its worker has left is `lost_work`; runs, retries and
timeouts are `order_ops.jobs.running.runtime`.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from order_ops.domain.jobs import LEASE_S, STALLS
from order_ops.domain.redaction import kept_config
from order_ops.store import job_totals
from order_ops.store.engine import Connection
from order_ops.store.lost_work import Lost, lose_row
from order_ops.store.queries import executions as sql

Ended = Literal["done", "failed", "waiting", "cancelled"]


class LeaseLost(Exception):
    """Somebody else has the work by now, or its time is up: nothing more may be written."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A piece of work that a run wants to do.

    Attributes:
        request: what asked for it; the same request is done once.
        most_s: the longest it may be held.
        once: a request that was done is not done again; else it is, for what follows needs it.
        input: run config and tags: what another run needs to do it again.
        dry_run: nothing is to come of it, and its end says nothing about the job.
    """

    job: str
    step: str
    work_key: str
    request: str
    run_id: str
    worker: str
    most_s: float
    lease_s: float = LEASE_S
    once: bool = True
    input: dict[str, Any] = field(default_factory=dict)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Execution:
    """Work in hand.

    Attributes:
        fence: what lets it write.
        failures: how often this work has failed before.
        lost: how it was lost before, when it was taken over from a dead worker just now.
    """

    id: int
    fence: int
    attempt: int
    failures: int = 0
    lost: Lost | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Work that is not to be done by who asked, and why, for people.

    Attributes:
        lost: what was found to be lost with its worker meanwhile.
    """

    reason: str
    lost: Lost | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """How an attempt failed; texts as they are to be kept."""

    category: str
    error_type: str
    error: str
    stack: str | None = None


def begin(conn: Connection, asked: Asked) -> Execution | Skipped:
    """Take a piece of work in hand, or say why not."""
    which = {"job": asked.job, "step": asked.step, "work_key": asked.work_key}
    sql.take_turn(conn, **which)
    live = sql.live(conn, **which)
    ours = live is not None and not live.lapsed and _is_of(live, asked)
    if live is not None and not ours and (why := _in_hand(live)):
        return Skipped(why)
    held = live is not None and live.state == "running"
    lost = lose_row(conn, live) if held and not ours else None
    own = sql.of_request(conn, **which, request=asked.request)
    if own is not None and (why := _settled(own, once=asked.once)):
        return Skipped(why, lost)
    stalls = lost.stalls if lost else live.stalls if live else 0
    if live is not None and (own is None or live.id != own.id):
        sql.supersede(conn, id=live.id)
    row = _open(conn, asked, stalls) if own is None else _begin_again(conn, asked, own)
    return Execution(row.id, row.fence, row.attempt, row.failures, lost)


def _is_of(live: Any, asked: Asked) -> bool:
    """Whether who asks had it in hand: how that ended could not be recorded."""
    return bool((live.run_id, live.request) == (asked.run_id, asked.request))


def _in_hand(live: Any) -> str | None:
    """Why work that somebody has begun is not to be taken; None: it waits, or its worker is lost.

    The last loss is left to the watcher: it has a dead letter to write.
    """
    if live.state == "waiting":
        return None
    if not live.lapsed:
        return f"run {live.run_id} is doing it, since {live.started_at:%Y-%m-%d %H:%M:%S} UTC"
    if live.stalls >= STALLS:
        return f"it was lost with run {live.run_id}, once too often: it is given up"
    return None


def _settled(own: Any, *, once: bool) -> str | None:
    """Why a request is not to be done (again); None: it is."""
    if own.state == "done" and once:
        return f"run {own.run_id} did it at {own.ended_at:%Y-%m-%d %H:%M:%S} UTC"
    if own.state == "failed":
        return (
            f"run {own.run_id} could not do it ({own.error_type}): replay its dead letter, or "
            "launch it anew"
        )
    if own.state == "superseded":
        return "a later request has taken its place"
    return None


def _open(conn: Connection, asked: Asked, stalls: int) -> Any:
    return sql.open(
        conn,
        job=asked.job,
        step=asked.step,
        work_key=asked.work_key,
        request=asked.request,
        stalls=stalls,
        **_by(asked),
    )


def _begin_again(conn: Connection, asked: Asked, own: Any) -> Any:
    """The next attempt of a request; what was done before begins anew.

    What a run still has in hand and asks for again ended without that being recorded.
    """
    unrecorded = int(own.state == "running")
    counted = {
        "attempt": own.attempt + 1,
        "failures": own.failures + unrecorded,
        "stalls": own.stalls,
    }
    live = own.state in {"running", "waiting"}
    return sql.begin_again(conn, id=own.id, **(counted if live else _ANEW), **_by(asked))


_ANEW = {"attempt": 1, "failures": 0, "stalls": 0}


def _by(asked: Asked) -> dict[str, Any]:
    return {
        "run_id": asked.run_id,
        "worker": asked.worker,
        "dry_run": asked.dry_run,
        "input": orjson.dumps(kept_config(asked.input), default=str).decode(),
        "lease_s": asked.lease_s,
        "most_s": asked.most_s,
    }


def hold(conn: Connection, execution: Execution) -> None:
    """Keep the work ours until this transaction ends.

    Raises:
        LeaseLost: it is not ours any more.
    """
    if sql.hold(conn, id=execution.id, fence=execution.fence) is None:
        raise LeaseLost(
            f"execution {execution.id} is not ours any more (fence {execution.fence}): its lease "
            "had passed, and what was to be written was not"
        )


def renew(conn: Connection, execution: Execution, lease_s: float) -> None:
    """Hold it for longer; never past its deadline.

    Raises:
        LeaseLost: it is not ours any more.
    """
    if sql.renew(conn, id=execution.id, fence=execution.fence, lease_s=lease_s) is None:
        raise LeaseLost(f"execution {execution.id} is not ours any more")


def finish(
    conn: Connection,
    asked: Asked,
    execution: Execution,
    state: Ended,
    failed: Failed | None = None,
    again_s: float = 0.0,
) -> bool:
    """End an attempt, and count that; False: we had ended it so, and not heard of it.

    Raises:
        LeaseLost: it is not ours any more.
    """
    which = {"id": execution.id, "fence": execution.fence, "state": state}
    row = sql.finish(
        conn,
        **which,
        again_s=again_s,
        category=failed.category if failed else None,
        error_type=failed.error_type if failed else None,
        error=failed.error if failed else None,
        stack=failed.stack if failed else None,
    )
    if row is None:
        if sql.has_ended(conn, **which, run_id=asked.run_id):
            return False
        raise LeaseLost(f"execution {execution.id} is not ours any more")
    job_totals.count(conn, asked.job, "retried" if state == "waiting" else state, row.seconds)
    return True


def is_live(conn: Connection, job: str) -> bool:
    """Whether anybody has work of a job in hand; a dead one's lease passes."""
    return bool(sql.is_live(conn, job=job))
