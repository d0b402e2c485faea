"""The order: its states, the legal moves, and all that hangs on it.

What each event does to an order is `order_ops.domain.handlers`. Amounts are
minor units, times UTC.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from order_ops.domain.failures import ClassifiedError, FailureKind


class State(StrEnum):
    """Where an order stands."""

    PENDING = "PENDING"
    RESERVED = "RESERVED"
    CONFIRMED = "CONFIRMED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REFUNDED = "REFUNDED"


LEGAL_MOVES = frozenset(
    {
        (State.PENDING, State.RESERVED),
        (State.PENDING, State.CANCELLED),
        (State.PENDING, State.EXPIRED),
        (State.RESERVED, State.CONFIRMED),
        (State.RESERVED, State.CANCELLED),
        (State.RESERVED, State.EXPIRED),
        (State.CONFIRMED, State.COMPLETED),
        (State.CONFIRMED, State.CANCELLED),
        (State.CONFIRMED, State.REFUNDED),
        (State.COMPLETED, State.REFUNDED),
    }
)
"""Every move but reinstatement, which only an approved repair may make."""

REINSTATEMENTS = frozenset({(State.EXPIRED, State.CONFIRMED), (State.CANCELLED, State.CONFIRMED)})
CLOSED = frozenset({State.CANCELLED, State.EXPIRED})


class TooEarly(Exception):
    """The event speaks of something that has not been heard of yet: let it wait."""


class Rejected(ClassifiedError):
    """The event can never be applied; it is a dead letter."""


@dataclass(slots=True)
class Payment:
    """One provider payment intent of an order.

    status: pending, processing, succeeded, failed or canceled; only what succeeded is paid.
    """

    payment: str
    account: str
    amount_minor: int
    currency: str
    status: str = "pending"
    succeeded_at: datetime | None = None

    @property
    def is_paid(self) -> bool:
        """Whether its money is captured."""
        return self.status == "succeeded"


@dataclass(slots=True)
class Refund:
    """One refund of a payment; `settled_at`: when it succeeded, or failed."""

    refund: str
    payment: str
    account: str
    amount_minor: int
    currency: str
    status: str = "pending"
    settled_at: datetime | None = None

    @property
    def is_paid_back(self) -> bool:
        """Whether its money went back."""
        return self.status == "succeeded"


@dataclass(slots=True)
class Dispute:
    """A payment that the customer took back through the bank.

    status: open, won, lost or withdrawn.
    """

    dispute: str
    payment: str
    account: str
    amount_minor: int
    currency: str
    reason: str = ""
    status: str = "open"
    respond_by: datetime | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(slots=True)
class Order:
    """An order with all that hangs on it, as one event after another leaves it.

    shop_state: where the shop says the order is, when our books could not follow.
    state_since: when it got to where it stands; none: an earlier release did not write it down.
    """

    tenant: str
    order_id: str
    currency: str
    total_minor: int
    created_at: datetime
    state: State = State.PENDING
    version: int = 0
    expires_at: datetime | None = None
    payments: dict[str, Payment] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    reservations: dict[str, int] = field(default_factory=dict)
    stock_held: bool = False
    shop_state: State | None = None
    state_since: datetime | None = None

    def copy(self) -> "Order":
        """An order of its own; what hangs on it is replaced, never changed in place."""
        return replace(
            self,
            payments=dict(self.payments),
            refunds=dict(self.refunds),
            disputes=dict(self.disputes),
            reservations=dict(self.reservations),
        )

    def paid_minor(self) -> int:
        """What has been captured for the order."""
        return sum(p.amount_minor for p in self.payments.values() if p.status == "succeeded")

    def refunded_minor(self) -> int:
        """What has been paid back."""
        return sum(r.amount_minor for r in self.refunds.values() if r.status == "succeeded")

    def peak_minor(self) -> int:
        """The most that was there at a time: paid, less what was paid back by then.

        By the times of the payments and refunds themselves, so that it is the same in
        whatever order they are heard of.
        """
        moved = [(p.succeeded_at, -p.amount_minor) for p in self.payments.values() if p.is_paid]
        moved += [(r.settled_at, r.amount_minor) for r in self.refunds.values() if r.is_paid_back]
        # payments first where the times are the same
        there, peak = 0, 0
        for _, back in sorted(moved, key=lambda one: (one[0] is not None, one[0], one[1])):
            there -= back
            peak = max(peak, there)
        return peak


@dataclass(frozen=True, slots=True)
class Change:
    """One row of an order's history, and one message to the world.

    correlation_id: of the message, or the run, that all of this began with.
    """

    kind: str
    from_state: State | None
    to_state: State
    version: int
    occurred_at: datetime
    cause: str
    detail: dict[str, Any]
    alert: bool = False
    correlation_id: str | None = None


def move(
    order: Order,
    to: State,
    *,
    kind: str,
    at: datetime,
    cause: str,
    detail: dict[str, Any] | None = None,
    alert: bool = False,
) -> Change:
    """Move an order to another state.

    Raises:
        Rejected: the move is not legal.
    """
    if (order.state, to) not in LEGAL_MOVES:
        raise Rejected(
            f"order {order.order_id}: {order.state} -> {to} is not a legal move",
            FailureKind.PERMANENT,
        )
    before, order.state, order.state_since = order.state, to, at
    if to in CLOSED or to is State.CONFIRMED:
        order.stock_held = order.stock_held and to is State.CONFIRMED
    return change(order, before, kind=kind, at=at, cause=cause, detail=detail, alert=alert)


def reinstate(order: Order, *, at: datetime, cause: str, reason: str) -> Change:
    """Bring a closed order back: the one move that only an approved repair makes.

    Raises:
        Rejected: it is not closed.
    """
    if (order.state, State.CONFIRMED) not in REINSTATEMENTS:
        raise Rejected(
            f"order {order.order_id} is {order.state}: only a closed one is reinstated",
            FailureKind.PERMANENT,
        )
    before, order.state, order.state_since = order.state, State.CONFIRMED, at
    order.stock_held = bool(order.reservations)
    return change(order, before, kind="reinstated", at=at, cause=cause, detail={"reason": reason})


def change(
    order: Order,
    before: State | None,
    *,
    kind: str,
    at: datetime,
    cause: str,
    detail: dict[str, Any] | None = None,
    alert: bool = False,
) -> Change:
    """Count a change; the order's state may be what it was before."""
    order.version += 1
    return Change(kind, before, order.state, order.version, at, cause, detail or {}, alert=alert)
