"""The steps that every handler takes: a move or a note that an event is the cause of."""

from typing import Any

from order_ops.domain.events import Event
from order_ops.domain.orders import Change, Order, State, change, move

Changes = list[Change]


def note(order: Order, event: Event, kind: str, *, alert: bool = False, **detail: Any) -> Change:
    """A change that leaves the state as it is."""
    return change(
        order,
        order.state,
        kind=kind,
        at=event.occurred_at,
        cause=event.id,
        detail=detail,
        alert=alert,
    )


def moved(
    order: Order, event: Event, to: State, kind: str, *, alert: bool = False, **detail: Any
) -> Change:
    """A change of the state.

    Raises:
        Rejected: the move is not legal.
    """
    return move(
        order,
        to,
        kind=kind,
        at=event.occurred_at,
        cause=event.id,
        detail=detail,
        alert=alert,
    )


def confirm_if_paid(order: Order, event: Event) -> Changes:
    """Reserved and at a time paid in full is confirmed, and refunded if all was paid back.

    What was paid back before the rest was paid does not count: 600 paid and paid back, then
    400 paid, never was the 1,000 of the order.
    """
    if order.state is not State.RESERVED or order.peak_minor() < order.total_minor:
        return []
    changes = [moved(order, event, State.CONFIRMED, "confirmed")]
    if order.refunded_minor() >= order.paid_minor() > 0:
        changes.append(moved(order, event, State.REFUNDED, "refunded"))
    return changes
