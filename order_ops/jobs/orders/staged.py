"""A staged event in the hands of who applies it: what it is, how it is read, what becomes of it.

What becomes of the events of a lane together is `order_ops.jobs.orders.lane_events`.
"""

import traceback
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Any

from order_ops.domain.events import MONEY_EVENTS, Event
from order_ops.domain.failures import RETRIED, FailureKind, RetryPolicy, classify, fingerprint
from order_ops.domain.redaction import redacted
from order_ops.messaging.codec import Codec, Unreadable
from order_ops.store.letters import DeadLetter

FAILING = RetryPolicy(attempts=5, base_s=1.0, cap_s=300.0)
_RANDOM = SystemRandom()


@dataclass(frozen=True, slots=True)
class Terms:
    """Under what terms events are applied.

    Attributes:
        attempts: how often a failing event is tried.
        early_s: how long one may wait for what it speaks of.
        accounts: the (tenant, account) pairs there are; money anywhere else
            would be in no reconciliation.
        replay_of: the dead letter that is being replayed.
    """

    attempts: int
    early_s: int
    accounts: frozenset[tuple[str, str]]
    replay_of: int | None = None


@dataclass(frozen=True, slots=True)
class StagedEvent:
    """An unsettled inbox row of a lane, in the order in which `lane_events` selects its columns.

    Attributes:
        sequence: its producer's number for it; None: its producers count nothing.
        attempts: with the one that is being made.
        due: it may be tried now.
        held: a dead letter about money comes before it.
    """

    id: int
    tenant_id: str
    order_id: str
    producer: str
    sequence: int | None
    event_type: str
    routing_key: str
    body: bytes
    headers: dict[str, Any]
    property_message_id: str | None
    property_correlation_id: str | None
    correlation_id: str | None
    received_at: datetime
    attempts: int
    due: bool
    held: bool

    @property
    def place(self) -> tuple[int, int]:
        """Its place among the events of its producer."""
        return (self.sequence or 0, self.id)

    @property
    def queue(self) -> str:
        """Where it waits: behind the others of its producer, when that counts them.

        One that is not counted may have overtaken what it speaks of: it holds back nobody.
        """
        return self.producer if self.sequence is not None else f"{self.producer} {self.id}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event; `label` is applied, known, waiting, held, retry or dead.

    delay_s: until it is tried again; None: when it is let go.
    """

    event: StagedEvent
    label: str
    state: str
    note: str | None = None
    delay_s: float | None = 0.0
    letter: DeadLetter | None = None

    @property
    def attempts(self) -> int:
        """How often the event was tried; waiting is not trying."""
        return self.event.attempts - (self.label in {"waiting", "held"})


def read(staged: StagedEvent, codec: Codec) -> Event:
    """The event of a staged row.

    Raises:
        Unreadable: the mapping or the models changed since it was staged.
    """
    return codec.decode(
        staged.body,
        staged.routing_key,
        staged.headers,
        staged.property_message_id,
        staged.property_correlation_id,
    )


def readable(staged: StagedEvent, codec: Codec) -> Event | None:
    """As `read`; None when it cannot be read."""
    try:
        return read(staged, codec)
    except Unreadable:
        return None


def failed(
    staged: StagedEvent, error: Exception, terms: Terms, event: Event | None = None
) -> Outcome:
    """A failing event is tried again with backoff, or is a dead letter."""
    kind = classify(error)
    if kind in RETRIED | {FailureKind.UNKNOWN} and staged.attempts < terms.attempts:
        delay = FAILING.delay_s(staged.attempts, _RANDOM)
        return Outcome(
            staged, "retry", "retry", redacted(f"{type(error).__name__}: {error}")[:500], delay
        )
    return dead(staged, error, terms, event)


def dead(staged: StagedEvent, error: Exception, terms: Terms, event: Event | None) -> Outcome:
    """A dead letter: nobody tries it again before a person has looked."""
    money = event is not None and event.type in MONEY_EVENTS
    letter = DeadLetter(
        origin="event",
        origin_id=str(staged.id),
        name=staged.event_type,
        category=FailureKind.PERMANENT if isinstance(error, Unreadable) else classify(error),
        error=f"{type(error).__name__}: {error}",
        fingerprint=fingerprint(
            f"apply:{staged.event_type}", type(error).__name__, str(error), _names(staged, event)
        ),
        attempts=staged.attempts,
        stack="".join(traceback.format_exception(error)),
        payload=staged.body,
        headers=staged.headers,
        tenant_id=staged.tenant_id,
        order_id=staged.order_id,
        amount_minor=getattr(event.data, "amount_minor", None) if money and event else None,
        currency=getattr(event.data, "currency", None) if money and event else None,
        critical=staged.event_type in MONEY_EVENTS,
        holds=staged.event_type in MONEY_EVENTS,
        replay_of=terms.replay_of,
        correlation_id=staged.correlation_id,
    )
    return Outcome(staged, "dead", "parked", redacted(str(error))[:500], letter=letter)


def _names(staged: StagedEvent, event: Event | None) -> set[str]:
    """What an error may name that is not its cause."""
    parts = ("payment", "refund", "dispute")
    named = {str(getattr(event.data, part, "")) for part in parts} if event else set()
    return (named | {staged.order_id}) - {""}
