"""Applying lanes: one transaction from the events that are staged to all their effects.

Effects, history, outbox and the events' outcome together, set-based over many
lanes. What holds the lanes meanwhile is the caller's: a claim
(`order_ops.jobs.orders.apply_events`) or a dead letter that is replayed
(`order_ops.jobs.letters.replays`). No other system is called in here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Engine

from order_ops.domain.redaction import kept_or_none
from order_ops.jobs.days import reconciliation_days
from order_ops.jobs.orders.lane_events import Folded, fold
from order_ops.jobs.orders.staged import Outcome, StagedEvent, Terms
from order_ops.mapping import Mapping, load_mapping
from order_ops.messaging.codec import Codec
from order_ops.settings import Settings
from order_ops.store import ledger
from order_ops.store.engine import Connection, engine
from order_ops.store.ledger import Key
from order_ops.store.letters import add_dead_letters
from order_ops.store.queries import intake, letters

log = structlog.get_logger(__name__)


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


def worker(settings: Settings, run_id: str, pool: Engine | None = None) -> Worker:
    """The worker of this shop; what it writes goes through `pool`, if given."""
    mapping = load_mapping(settings.mapping)
    codec = Codec(mapping.events, settings.message_limit_bytes)
    return Worker(pool or engine(settings), codec, settings, mapping, run_id)


def apply_lanes(
    worker: Worker,
    conn: Connection,
    lanes: Sequence[Key],
    *,
    only: int | None = None,
    terms: Terms | None = None,
) -> list[Folded]:
    """Apply the due events of lanes in the caller's transaction; with `only`, that one event."""
    orders = ledger.load(conn, lanes)
    terms = terms or worker.terms()
    folded = [
        fold(orders.get(key), staged, worker.codec, terms)
        for key, staged in staged_events(conn, lanes, only).items()
    ]
    _let_go_of_the_unheld(conn, folded)
    touched = [one.touched for one in folded if one.touched is not None]
    ledger.save(conn, touched)
    reconciliation_days.mark_changed(conn, worker.mapping, [one.order for one in touched])
    settle(conn, worker, [outcome for one in folded for outcome in one.outcomes])
    return folded


def _let_go_of_the_unheld(conn: Connection, folded: Sequence[Folded]) -> None:
    """A letter that was open when the lanes were read may be dealt with by now.

    Those that are open still are locked until we commit: whoever deals with one then finds
    what it held, and lets it go.
    """
    held = [o.event for one in folded for o in one.outcomes if o.label == "held"]
    if not held:
        return
    lanes = {(event.tenant_id, event.order_id) for event in held}
    list(letters.lock_holding(conn, **ledger.keys(lanes)))
    still = {row.id for row in intake.held_still(conn, ids=[event.id for event in held])}
    for one in folded:
        one.outcomes = [
            outcome
            if outcome.label != "held"
            or outcome.event.id in still
            or one.holds_by_its_own(outcome.event)
            else replace(outcome, delay_s=0.0)
            for outcome in one.outcomes
        ]


def staged_events(
    conn: Connection, lanes: Sequence[Key], only: int | None = None
) -> dict[Key, list[StagedEvent]]:
    """The unsettled events of lanes; with `only`, no other event is ours to apply."""
    found: dict[Key, list[StagedEvent]] = {}
    for row in intake.lane_events(conn, **ledger.keys(lanes)):
        staged = StagedEvent(*row)
        if only is not None and staged.id != only:
            staged = replace(staged, due=False)
        found.setdefault((row.tenant_id, row.order_id), []).append(staged)
    return found


def settle(conn: Connection, worker: Worker, outcomes: Sequence[Outcome]) -> None:
    """Record what became of events, and the dead letters among them."""
    if not outcomes:
        return
    intake.settle(
        conn,
        id=[outcome.event.id for outcome in outcomes],
        state=[outcome.state for outcome in outcomes],
        note=[kept_or_none(outcome.note) for outcome in outcomes],
        attempts=[outcome.attempts for outcome in outcomes],
        delay_s=[outcome.delay_s for outcome in outcomes],
        run_id=worker.run_id,
    )
    add_dead_letters(conn, [outcome.letter for outcome in outcomes if outcome.letter])
    for outcome in outcomes:
        if outcome.label in _TOLD:
            _tell(worker, outcome)


_TOLD = frozenset({"retry", "dead"})


def _tell(worker: Worker, outcome: Outcome) -> None:
    event = outcome.event
    log.warning(
        "event.not_applied",
        became=outcome.label,
        event_id=event.id,
        type=event.event_type,
        tenant=event.tenant_id,
        order=event.order_id,
        correlation_id=event.correlation_id,
        run_id=worker.run_id,
        attempts=outcome.attempts,
        error=outcome.note,
    )
