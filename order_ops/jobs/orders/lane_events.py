"""One lane's events, folded over its order: what each event comes to.

Pure but for the random jitter of a delay. Within a producer events are applied
in its sequence; one that has to wait holds back the later ones of its producer
and nobody else's. Where producers do not count, events are applied in the order
of arrival, and one that has to wait holds back nobody. A dead letter about money
holds what its producer says later about money, until a person has dealt with it. An event
that came too early is tried again after the others of its lane, so that a payment
in one batch with its order needs no waiting.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import SystemRandom

from order_ops.domain.events import MONEY_EVENTS, Event
from order_ops.domain.failures import FailureKind, RetryPolicy
from order_ops.domain.handlers import apply
from order_ops.domain.orders import Order, Rejected, TooEarly
from order_ops.jobs.orders.staged import Outcome, StagedEvent, Terms, dead, failed, read
from order_ops.messaging.codec import Codec, Unreadable
from order_ops.store.ledger import Touched

EARLY = RetryPolicy(attempts=1_000_000, base_s=2.0, cap_s=60.0)
_RANDOM = SystemRandom()


@dataclass(slots=True)
class Folded:
    """A lane after its events."""

    touched: Touched | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    dead: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By producer, the place of its first dead letter that holds."""

    def holds(self, event: StagedEvent) -> bool:
        """Whether a dead letter about money comes before an event about money."""
        return event.event_type in MONEY_EVENTS and (event.held or self.holds_by_its_own(event))

    def holds_by_its_own(self, event: StagedEvent) -> bool:
        """Whether a letter of this very fold does."""
        return event.producer in self.dead and self.dead[event.producer] < event.place

    def settled(self, outcome: Outcome) -> None:
        """Take in what became of an event."""
        self.outcomes.append(outcome)
        if outcome.letter is not None and outcome.letter.holds:
            producer, place = outcome.event.producer, outcome.event.place
            self.dead[producer] = min(place, self.dead.get(producer, place))


@dataclass(slots=True)
class _Queue:
    """Events that wait for one another; `early` is a head that came too early."""

    events: list[StagedEvent] = field(default_factory=list)
    early: Outcome | None = None
    blocked: bool = False


def fold(order: Order | None, staged: Sequence[StagedEvent], codec: Codec, terms: Terms) -> Folded:
    """Apply a lane's events to its order, as far as they go."""
    result = Folded(Touched(order, order.version) if order else None)
    queues: dict[str, _Queue] = {}
    for event in sorted(staged, key=lambda event: event.place):
        queues.setdefault(event.queue, _Queue()).events.append(event)
    held: list[StagedEvent] = []
    while sum(_advance(result, queue, held, codec, terms) for queue in queues.values()):
        pass
    result.outcomes += _held(held)
    for queue in queues.values():
        result.outcomes += _held_back(queue.events, queue.early)
    return result


def _advance(
    result: Folded, queue: _Queue, held: list[StagedEvent], codec: Codec, terms: Terms
) -> bool:
    """Apply a queue's events until one has to wait; whether any was settled."""
    moved, queue.early = False, None
    while queue.events and not queue.blocked:
        event = queue.events[0]
        if result.holds(event):
            held.append(queue.events.pop(0))
            continue
        if not event.due:
            break
        outcome = _try(result, event, codec, terms)
        if outcome.label == "waiting":
            queue.early = outcome
            break
        queue.events.pop(0)
        result.settled(outcome)
        moved, queue.blocked = True, outcome.label == "retry"
    return moved


def _try(result: Folded, staged: StagedEvent, codec: Codec, terms: Terms) -> Outcome:
    """Apply one event to a copy of the order; the copy counts when it succeeds."""
    if staged.attempts > terms.attempts:  # a killed worker ran no handler to say so
        lost = replace(staged, attempts=staged.attempts - 1)
        error = Rejected(f"its worker died {lost.attempts} times", FailureKind.PERMANENT)
        return dead(lost, error, terms, None)  # not read again: it may be what it died of
    event: Event | None = None
    before = result.touched.order.copy() if result.touched else None
    try:
        event = read(staged, codec)
        _known_accounts(event, terms)
        after, changes = apply(before, event)
    except TooEarly as reason:
        return _early(staged, str(reason), terms, event)
    except Unreadable as error:
        return dead(staged, error, terms, event)
    except Exception as error:  # noqa: BLE001 - one event must not stop the others
        return failed(staged, error, terms, event)
    if result.touched is None:
        result.touched = Touched(after, 0)
    if not changes:
        return Outcome(staged, "known", "done", "no effect: known already")
    result.touched.order = after
    result.touched.changes += [
        replace(change, correlation_id=staged.correlation_id) for change in changes
    ]
    return Outcome(staged, "applied", "done")


def _known_accounts(event: Event, terms: Terms) -> None:
    """Refuse money at an account that the mapping does not know."""
    found = vars(event.data)  # not getattr: pydantic looks long for what is not there
    parts = [found, *map(vars, found.get("payments", ()))]
    named = {part["account"] for part in parts if "account" in part}
    for account in sorted(named):
        if (event.tenant, account) not in terms.accounts:
            raise Rejected(
                f"account {account!r} of tenant {event.tenant!r} is not in the mapping",
                FailureKind.CONFLICT,
            )


def _held_back(queue: Sequence[StagedEvent], head: Outcome | None) -> list[Outcome]:
    """The head waits for what it needs, the others of its producer for the head."""
    outcomes: list[Outcome] = []
    for event in (event for event in queue if event.due):
        if head is not None and event is head.event:
            outcomes.append(head)
        else:
            note = "waits for an earlier event of its producer"
            outcomes.append(Outcome(event, "waiting", "retry", note, delay_s=EARLY.base_s))
    return outcomes


def _held(queue: Sequence[StagedEvent]) -> list[Outcome]:
    """Until a person has dealt with the dead letter before them."""
    note = "held: an earlier event of its producer about money is a dead letter"
    return [Outcome(event, "held", "retry", note, delay_s=None) for event in queue if event.due]


def _early(staged: StagedEvent, reason: str, terms: Terms, event: Event | None) -> Outcome:
    """Too early: looked at often while it is fresh, seldom when it is old, until its deadline."""
    waited = (datetime.now(UTC) - staged.received_at).total_seconds()
    if waited >= terms.early_s and terms.replay_of is None:
        error = Rejected(f"orphan: {reason} within {terms.early_s} s", FailureKind.PERMANENT)
        return dead(staged, error, terms, event)
    delay = min(EARLY.cap_s, max(EARLY.base_s, waited / 2))
    return Outcome(staged, "waiting", "retry", reason, delay_s=delay * _RANDOM.uniform(0.5, 1.0))
