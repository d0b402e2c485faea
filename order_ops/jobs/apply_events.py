"""Applying staged events: many lanes in one transaction, one lane when it fails.

A lane is one order's events. A round claims due lanes (committed: attempts are
counted, the claim is the fence), then applies them in a second transaction
that holds the lanes' rows: effects, history, outbox and the events' outcome
together. When that fails, the chunk is halved until the failing lane stands
alone and its failure is recorded. A worker that dies leaves its claim behind;
such lanes are later claimed one by one, so that an event that kills its worker
harms no other. No other system is called in here.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

import structlog
from sqlalchemy import Engine

from order_ops.domain.failures import FailureKind, classify
from order_ops.jobs import reconciliation_days
from order_ops.jobs.lane_events import Outcome, StagedEvent, Terms, failed, fold
from order_ops.mapping import Mapping
from order_ops.messaging.codec import Codec
from order_ops.settings import Settings
from order_ops.store import ledger
from order_ops.store.engine import Connection, transaction
from order_ops.store.ledger import Key
from order_ops.store.letters import add_dead_letters
from order_ops.store.queries import intake

log = structlog.get_logger(__name__)

_EVENTS_PER_LANE = 4


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run did: events by outcome, and lanes."""

    events: Counter[str] = field(default_factory=Counter)
    lanes: int = 0

    def __add__(self, other: "Applied") -> "Applied":
        return Applied(self.events + other.events, self.lanes + other.lanes)


@dataclass(frozen=True, slots=True)
class Worker:
    """Who applies, and with what."""

    pool: Engine
    codec: Codec
    settings: Settings
    mapping: Mapping
    run_id: str

    def terms(self) -> Terms:
        """Under what terms events are applied."""
        return Terms(
            attempts=self.settings.event_attempts,
            early_s=self.settings.early_event_wait_s,
            accounts=frozenset((a.tenant, a.name) for a in self.mapping.accounts),
        )


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
        lanes, claim = _claim(worker)
        if not lanes:
            return done
        done += _apply(worker, lanes, claim)
        progress(done)
    return done


def _claim(worker: Worker) -> tuple[list[Key], int]:
    """Claim due lanes, committed before anything is applied."""
    wanted = worker.settings.apply_lanes
    with transaction(worker.pool) as conn:
        found = list(intake.due_lanes(conn, lanes=wanted, events=wanted * _EVENTS_PER_LANE))
        arrays = ledger.keys((row.tenant_id, row.order_id) for row in found)
        if not found:
            suspects = list(intake.suspect_lane(conn))
            arrays = ledger.keys((row.tenant_id, row.order_id) for row in suspects)
        if not arrays["order_id"]:
            return [], 0
        claim: int = intake.next_claim(conn)
        intake.make_lanes(conn, **arrays)
        taken = intake.take_lanes(conn, **arrays, claim=claim, owner=worker.run_id)
        lanes = [(row.tenant_id, row.order_id) for row in taken]
        intake.claim_events(conn, **ledger.keys(lanes), claim=claim, run_id=worker.run_id)
        return lanes, claim


def _apply(worker: Worker, lanes: Sequence[Key], claim: int) -> Applied:
    """Apply a chunk; on failure, its halves; a lane that fails alone is recorded."""
    try:
        with transaction(worker.pool) as conn:
            return _apply_chunk(worker, conn, lanes, claim)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one lane's
        if len(lanes) == 1:
            return _apply_one_by_one(worker, lanes[0], claim)
        log.warning("apply.split", lanes=len(lanes), error=repr(error))
        half = len(lanes) // 2
        return _apply(worker, lanes[:half], claim) + _apply(worker, lanes[half:], claim)


def _apply_one_by_one(worker: Worker, lane: Key, claim: int) -> Applied:
    """A lane that fails: its events alone, in order, until the one that is to blame."""
    with transaction(worker.pool) as conn:
        events = [e for e in _by_lane(conn, [lane], claim).get(lane, []) if e.claimed]
    done = Applied()
    for event in sorted(events, key=lambda event: (event.sequence, event.id)):
        try:
            with transaction(worker.pool) as conn:
                done += _apply_chunk(worker, conn, [lane], claim, only=event.id)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this event's
            return done + _record_failure(worker, lane, claim, event.id, error)
    return done


def _apply_chunk(
    worker: Worker, conn: Connection, lanes: Sequence[Key], claim: int, only: int | None = None
) -> Applied:
    held = [
        (row.tenant_id, row.order_id)
        for row in intake.hold_lanes(conn, **ledger.keys(lanes), claim=claim)
    ]
    orders = ledger.load(conn, held)
    outcomes: list[Outcome] = []
    touched = []
    for key, staged in _by_lane(conn, held, claim, only).items():
        order = orders.get(key)
        result = fold(order, staged, worker.codec, worker.terms())
        outcomes += result.outcomes
        if result.touched is not None:
            touched.append(result.touched)
    ledger.save(conn, touched)
    reconciliation_days.mark_changed(conn, worker.mapping, [one.order for one in touched])
    _settle(conn, outcomes)
    return Applied(Counter(outcome.label for outcome in outcomes), len(held))


def _by_lane(
    conn: Connection, lanes: Sequence[Key], claim: int, only: int | None = None
) -> dict[Key, list[StagedEvent]]:
    """The unsettled events of lanes; with `only`, no other event is ours to apply."""
    found: dict[Key, list[StagedEvent]] = {}
    for row in intake.lane_events(conn, **ledger.keys(lanes), claim=claim):
        staged = StagedEvent(**row._asdict())
        if only is not None and staged.id != only:
            staged = replace(staged, claimed=False)
        found.setdefault((row.tenant_id, row.order_id), []).append(staged)
    return found


def _settle(conn: Connection, outcomes: Sequence[Outcome]) -> None:
    if not outcomes:
        return
    intake.settle(
        conn,
        id=[outcome.event.id for outcome in outcomes],
        state=[outcome.state for outcome in outcomes],
        note=[outcome.note for outcome in outcomes],
        uncounted=[int(outcome.label == "waiting") for outcome in outcomes],
        delay_s=[outcome.delay_s for outcome in outcomes],
    )
    add_dead_letters(conn, [outcome.letter for outcome in outcomes if outcome.letter])


def _record_failure(
    worker: Worker, lane: Key, claim: int, event_id: int, error: Exception
) -> Applied:
    """An event failed alone: its outcome is recorded, the lane's others are handed back."""
    if classify(error) is FailureKind.TRANSIENT and _connection_lost(worker):
        raise error
    with transaction(worker.pool) as conn:
        if not list(intake.hold_lanes(conn, **ledger.keys([lane]), claim=claim)):
            return Applied()
        claimed = [e for e in _by_lane(conn, [lane], claim).get(lane, []) if e.claimed]
        outcomes = [
            failed(event, error, worker.terms())
            if event.id == event_id
            else Outcome.handed_back(event)
            for event in claimed
        ]
        _settle(conn, outcomes)
    return Applied(Counter(outcome.label for outcome in outcomes), 1)


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
