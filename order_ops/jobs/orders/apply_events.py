"""Applying staged events, round after round: many lanes in one transaction, one when it fails.

A lane is one order's events. A round claims due lanes (`store.claims`), then
applies them (`order_ops.jobs.orders.apply_lanes`) in a second transaction that holds
the claim. When that fails, the chunk is halved until the failing lane stands
alone; of that lane, the event that fails alone is recorded. Each round looks
after one suspect lane too, one whose worker died.
"""

import gc
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Event
from time import monotonic, sleep

import structlog
from sqlalchemy import Engine

from order_ops.domain.failures import FailureKind, classify
from order_ops.jobs.orders.apply_lanes import Worker, apply_lanes, settle, staged_events
from order_ops.jobs.orders.staged import StagedEvent, failed, readable
from order_ops.store import claims
from order_ops.store.claims import Claim, ClaimLost
from order_ops.store.engine import Connection, transaction
from order_ops.store.executions import LeaseLost
from order_ops.store.ledger import Key
from order_ops.store.queries import intake

log = structlog.get_logger(__name__)

_POLL_S = 0.2
_SIDE_BY_SIDE = 2
_ROUND_S = 5.0
"""After it a suspect lane has its turn, however many others are due."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run did: events by outcome, and lanes."""

    events: Counter[str] = field(default_factory=Counter)
    lanes: int = 0

    def __add__(self, other: "Applied") -> "Applied":
        return Applied(self.events + other.events, self.lanes + other.lanes)


def apply_due_events(
    worker: Worker,
    *,
    seconds: float = 300.0,
    progress: Callable[[Applied], None] = lambda _: None,
) -> Applied:
    """Apply due events until none is left or the time is up."""
    done = Applied()
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        chunks = _apply_side_by_side(worker, min(deadline, monotonic() + _ROUND_S))
        suspect = _apply_claim(worker, _claim_suspect)
        if chunks.lanes == 0 and suspect is None:
            return done
        done += chunks + (suspect or Applied())
        progress(done)
    return done


def apply_while_due(
    worker: Worker,
    *,
    seconds: float = 300.0,
    linger_s: float = 0.0,
    progress: Callable[[Applied], None] = lambda _: None,
) -> Applied:
    """Apply due events as they come, until none came for `linger_s` or the time is up.

    A run takes seconds to start: one that lingers applies the next event at once.
    """
    done = Applied()
    deadline = monotonic() + seconds
    quiet_since = monotonic()
    while monotonic() < deadline:
        found = apply_due_events(worker, seconds=min(deadline - monotonic(), _ROUND_S))
        if found.lanes:
            done += found
            progress(done)
            quiet_since = monotonic()
        elif monotonic() - quiet_since >= linger_s:
            break
        else:
            sleep(_POLL_S)
    return done


def _apply_side_by_side(worker: Worker, until: float) -> Applied:
    """Chunks, one computed here while another is written by the database.

    Suspects are never among them: one that kills this process takes no chunk with it.
    """
    stop = Event()
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)  # a chunk is as many objects, and none of them a cycle

    def chunks() -> Applied:
        done = Applied()
        while not stop.is_set() and monotonic() < until:
            found = _apply_claim(worker, _claim_due)
            if found is None:
                break
            done += found
        return done

    with ThreadPoolExecutor(_SIDE_BY_SIDE, "apply") as threads:
        try:
            # what is bound to the lines of this run is bound in its threads
            working = [threads.submit(copy_context().run, chunks) for _ in range(_SIDE_BY_SIDE)]
            return sum((thread.result() for thread in working), Applied())
        finally:
            stop.set()
            gc.set_threshold(*thresholds)


def _claim_due(worker: Worker) -> Claim | None:
    with transaction(worker.pool) as conn:
        settings = worker.settings
        return claims.claim_due(conn, worker.run_id, settings.apply_lanes, settings.lease_s)


def _claim_suspect(worker: Worker) -> Claim | None:
    with transaction(worker.pool) as conn:
        return claims.claim_suspect(conn, worker.run_id, worker.settings.lease_s)


def _apply_claim(worker: Worker, take: Callable[[Worker], Claim | None]) -> Applied | None:
    """Claim, committed before anything is applied, and apply; None: nothing to claim."""
    claim = take(worker)
    if claim is None:
        return None
    try:
        done = _apply_one_by_one(worker, claim, 0) if claim.alone else _apply(worker, claim)
    except ClaimLost as lost:
        log.warning("apply.lost", claim=claim.fence, lanes=len(claim.lanes), why=str(lost))
        return Applied()
    finally:
        # what is left of it, also when this process is asked to end: it is due again at once
        _end(worker, claim)
    return done


def _end(worker: Worker, claim: Claim) -> None:
    try:
        with transaction(worker.pool) as conn:
            claims.end(conn, claim)
    except Exception as error:  # noqa: BLE001 - its lease ends it
        log.warning("apply.claim_left", claim=claim.fence, error=repr(error))


def _apply(worker: Worker, claim: Claim, lanes: slice = slice(None)) -> Applied:
    """Apply a chunk; on failure, its halves; a lane that fails alone is recorded."""
    keys = claim.lanes[lanes]
    try:
        with transaction(worker.pool) as conn:
            return _apply_chunk(worker, conn, claim, keys)
    except LeaseLost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one lane's
        if len(keys) == 1:
            return _apply_one_by_one(worker, claim, claim.lanes.index(keys[0]))
        log.warning("apply.split", lanes=len(keys), error=repr(error))
    start, half = lanes.start or 0, len(keys) // 2
    return _apply(worker, claim, slice(start, start + half)) + _apply(
        worker, claim, slice(start + half, start + len(keys))
    )


def _apply_one_by_one(worker: Worker, claim: Claim, index: int) -> Applied:
    """A lane that fails: its events alone, in order, until the one that is to blame."""
    lane = claim.lanes[index]
    with transaction(worker.pool) as conn:
        events = [event for event in staged_events(conn, [lane]).get(lane, []) if event.due]
    done = Applied()
    for event in sorted(events, key=lambda event: event.place):
        if claim.alone:
            with transaction(worker.pool) as conn:
                claims.trying(conn, claim, event.id, worker.settings.lease_s)
        try:
            with transaction(worker.pool) as conn:
                done += _apply_chunk(worker, conn, claim, [lane], only=event.id)
        except ClaimLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this event's
            return done + _record_failure(worker, claim, event, error)
    return done


def _apply_chunk(
    worker: Worker, conn: Connection, claim: Claim, lanes: Sequence[Key], only: int | None = None
) -> Applied:
    claims.hold(conn, claim)
    folded = apply_lanes(worker, conn, lanes, only=only)
    labels = Counter(outcome.label for one in folded for outcome in one.outcomes)
    return Applied(labels, len(lanes))


def _record_failure(worker: Worker, claim: Claim, event: StagedEvent, error: Exception) -> Applied:
    """An event failed alone: its outcome is recorded, the lane's others stay due."""
    if classify(error) is FailureKind.TRANSIENT and _connection_lost(worker):
        raise error
    outcome = failed(event, error, worker.terms(), readable(event, worker.codec))
    with transaction(worker.pool) as conn:
        claims.hold(conn, claim)
        settle(conn, worker, [outcome])
    return Applied(Counter([outcome.label]), 1)


def _connection_lost(worker: Worker) -> bool:
    """Whether the database itself is away: then no event is to blame."""
    try:
        with transaction(worker.pool) as conn:
            conn.execute("SELECT 1")
    except Exception:  # noqa: BLE001 - any failure is the answer
        return True
    return False


def has_due(pool: Engine) -> bool:
    """Whether any staged event is due; cheap."""
    with transaction(pool) as conn:
        return bool(intake.has_due(conn))
