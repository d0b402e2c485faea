"""What each event does to an order.

Pure: an order and an event go in, the changes come out; the caller stores them
in one transaction. The order given is changed in place: give a copy where a
refused event must leave it as it was.
"""

from collections.abc import Callable
from typing import Any, cast

from order_ops.domain import events
from order_ops.domain.failures import FailureKind
from order_ops.domain.orders import (
    CLOSED,
    LEGAL_MOVES,
    Change,
    Order,
    Payment,
    Refund,
    Rejected,
    State,
    TooEarly,
    change,
    move,
)

Changes = list[Change]


def apply(order: Order | None, event: events.Event) -> tuple[Order, Changes]:
    """Apply one event.

    Returns:
        The order and its changes; no changes: the event was known already.

    Raises:
        TooEarly: it speaks of an order or payment not heard of yet.
        Rejected: it contradicts what is known, or asks for an illegal move.
    """
    if isinstance(event, events.OrderCreatedEvent):
        return _created(order, event)
    if order is None:
        raise TooEarly(f"order {event.order} has not been heard of")
    changes = _HANDLERS[type(event)](order, event)
    if changes:
        changes += _confirm_if_paid(order, event)
    return order, changes


def _note(
    order: Order, event: events.Event, kind: str, *, alert: bool = False, **detail: Any
) -> Change:
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


def _created(order: Order | None, event: events.OrderCreatedEvent) -> tuple[Order, Changes]:
    data = event.data
    if order is not None:
        if (order.total_minor, order.currency) != (data.total_minor, data.currency):
            raise Rejected(
                f"order {event.order} was created before with {order.total_minor} "
                f"{order.currency}, now with {data.total_minor} {data.currency} (minor units)",
                FailureKind.CONFLICT,
            )
        return order, []
    order = Order(event.tenant, event.order, data.currency, data.total_minor, event.occurred_at)
    placed = change(order, None, kind="created", at=event.occurred_at, cause=event.id)
    return order, [placed]


def _reserved(order: Order, event: events.OrderReservedEvent) -> Changes:
    if order.state is not State.PENDING:
        return []
    data = event.data
    for intent in data.payments:
        _same_payment(order.payments.get(intent.payment), intent)
    reserved = move(order, State.RESERVED, kind="reserved", at=event.occurred_at, cause=event.id)
    order.expires_at = data.expires_at
    order.reservations = {held.sku: held.quantity for held in data.reservations}
    order.stock_held = bool(order.reservations)
    for intent in data.payments:
        order.payments.setdefault(
            intent.payment,
            Payment(intent.payment, intent.account, intent.amount_minor, order.currency),
        )
    return [reserved]


def _cancelled(order: Order, event: events.OrderCancelledEvent) -> Changes:
    if order.state in CLOSED | {State.REFUNDED}:
        return []
    paid = order.paid_minor() - order.refunded_minor()
    detail = {"reason": event.data.reason, "amount": paid}
    return [
        move(
            order,
            State.CANCELLED,
            kind="cancelled",
            at=event.occurred_at,
            cause=event.id,
            detail=detail,
            alert=paid > 0,
        )
    ]


def _payment_succeeded(order: Order, event: events.PaymentSucceededEvent) -> Changes:
    data = event.data
    known = order.payments.get(data.payment)
    _same_currency(order, data.currency)
    _same_payment(known, data)
    if known is not None and known.status == "succeeded":
        return []
    order.payments[data.payment] = Payment(
        data.payment, data.account, data.amount_minor, data.currency, "succeeded", event.occurred_at
    )
    late = order.state in CLOSED | {State.REFUNDED}
    kind = "paid_after_close" if late else "paid"
    return [_note(order, event, kind, alert=late, payment=data.payment, amount=data.amount_minor)]


def _payment_failed(order: Order, event: events.PaymentFailedEvent) -> Changes:
    data = event.data
    known = order.payments.get(data.payment)
    _same_currency(order, data.currency)
    _same_payment(known, data)
    if known is not None and known.status != "pending":
        return []
    order.payments[data.payment] = Payment(
        data.payment, data.account, data.amount_minor, data.currency, "failed"
    )
    return [_note(order, event, "payment_failed", payment=data.payment, reason=data.reason)]


def _refund_succeeded(order: Order, event: events.RefundSucceededEvent) -> Changes:
    data = event.data
    payment = _paid(order, data.payment)
    known = order.refunds.get(data.refund)
    _same_currency(order, data.currency)
    _same_refund(known, data)
    if known is not None and known.status == "succeeded":
        return []
    before = sum(
        r.amount_minor
        for r in order.refunds.values()
        if r.payment == data.payment and r.status == "succeeded"
    )
    if before + data.amount_minor > payment.amount_minor:
        raise Rejected(
            f"refunds of {data.payment} would be {before + data.amount_minor}, "
            f"more than the {payment.amount_minor} that was paid (minor units)",
            FailureKind.CONFLICT,
        )
    order.refunds[data.refund] = Refund(
        data.refund,
        data.payment,
        data.account,
        data.amount_minor,
        data.currency,
        "succeeded",
        event.occurred_at,
    )
    detail: dict[str, Any] = {"refund": data.refund, "amount": data.amount_minor}
    whole = order.refunded_minor() >= order.paid_minor()
    if whole and (order.state, State.REFUNDED) in LEGAL_MOVES:
        return [
            move(
                order,
                State.REFUNDED,
                kind="refunded",
                at=event.occurred_at,
                cause=event.id,
                detail=detail,
            )
        ]
    return [_note(order, event, "partly_refunded", alert=False, **detail)]


def _refund_failed(order: Order, event: events.RefundFailedEvent) -> Changes:
    data = event.data
    _paid(order, data.payment)
    known = order.refunds.get(data.refund)
    _same_currency(order, data.currency)
    _same_refund(known, data)
    if known is not None and known.status != "pending":
        return []
    order.refunds[data.refund] = Refund(
        data.refund, data.payment, data.account, data.amount_minor, data.currency, "failed"
    )
    return [
        _note(
            order, event, "refund_failed", alert=True, refund=data.refund, amount=data.amount_minor
        )
    ]


def _paid(order: Order, payment: str) -> Payment:
    known = order.payments.get(payment)
    if known is None or known.status != "succeeded":
        raise TooEarly(f"payment {payment} of order {order.order_id} is not known as paid")
    return known


def _same_currency(order: Order, currency: str) -> None:
    if currency != order.currency:
        raise Rejected(
            f"order {order.order_id} is in {order.currency}, the event in {currency}",
            FailureKind.CONFLICT,
        )


def _same_payment(
    known: Payment | None,
    data: events.PaymentSucceeded | events.PaymentFailed | events.PaymentIntent,
) -> None:
    """An amount or account that changed on the way is never just taken over."""
    if known is None:
        return
    if (known.amount_minor, known.account) != (data.amount_minor, data.account):
        raise Rejected(
            f"payment {data.payment} is known as {known.amount_minor} at {known.account}, "
            f"the event says {data.amount_minor} at {data.account} (minor units)",
            FailureKind.CONFLICT,
        )


def _same_refund(known: Refund | None, data: events.RefundSucceeded | events.RefundFailed) -> None:
    if known is None:
        return
    before = (known.payment, known.amount_minor, known.account)
    if before != (data.payment, data.amount_minor, data.account):
        raise Rejected(
            f"refund {data.refund} is known as {known.amount_minor} of {known.payment}, "
            f"the event says {data.amount_minor} of {data.payment} (minor units)",
            FailureKind.CONFLICT,
        )


def _confirm_if_paid(order: Order, event: events.Event) -> Changes:
    if order.state is not State.RESERVED or order.paid_minor() < order.total_minor:
        return []
    at, cause = event.occurred_at, event.id
    changes = [move(order, State.CONFIRMED, kind="confirmed", at=at, cause=cause)]
    if order.refunded_minor() >= order.paid_minor() > 0:
        changes.append(move(order, State.REFUNDED, kind="refunded", at=at, cause=cause))
    return changes


_Handler = Callable[[Order, Any], Changes]

_HANDLERS: dict[type, _Handler] = {
    events.OrderReservedEvent: cast(_Handler, _reserved),
    events.OrderCancelledEvent: cast(_Handler, _cancelled),
    events.PaymentSucceededEvent: cast(_Handler, _payment_succeeded),
    events.PaymentFailedEvent: cast(_Handler, _payment_failed),
    events.RefundSucceededEvent: cast(_Handler, _refund_succeeded),
    events.RefundFailedEvent: cast(_Handler, _refund_failed),
}
