"""What each event does to an order.

Pure: an order and an event go in, the changes come out; the caller stores them
in one transaction. The order given is changed in place: give a copy where a
refused event must leave it as it was. Beside this are `shop` with the events of
the shop, `money` with those of payments and refunds, and `disputes`. Whatever
the shop says of an order, what was paid and paid back is known from the events
of payments and refunds alone.
"""

from collections.abc import Callable
from typing import Any, cast

from order_ops.domain import events
from order_ops.domain.handlers import disputes, money, shop
from order_ops.domain.handlers.steps import Changes, confirm_if_paid
from order_ops.domain.orders import Order, TooEarly


def apply(order: Order | None, event: events.Event) -> tuple[Order, Changes]:
    """Apply one event.

    Returns:
        The order and its changes; no changes: the event was known already.

    Raises:
        TooEarly: it speaks of an order or payment not heard of yet.
        Rejected: it contradicts what is known, or asks for an illegal move.
    """
    if isinstance(event, events.OrderCreatedEvent):
        return shop.created(order, event)
    if order is None:
        raise TooEarly(f"order {event.order} has not been heard of")
    changes = _HANDLERS[type(event)](order, event)
    if changes:
        changes += confirm_if_paid(order, event)
    return order, changes


_Handler = Callable[[Order, Any], Changes]

_HANDLERS: dict[type, _Handler] = {
    events.OrderReservedEvent: cast(_Handler, shop.reserved),
    events.OrderConfirmedEvent: cast(_Handler, shop.confirmed),
    events.OrderCancelledEvent: cast(_Handler, shop.cancelled),
    events.OrderExpiredEvent: cast(_Handler, shop.expired),
    events.OrderFailedEvent: cast(_Handler, shop.failed),
    events.OrderRefundedEvent: cast(_Handler, shop.refunded),
    events.PaymentProcessingEvent: cast(_Handler, money.payment_processing),
    events.PaymentSucceededEvent: cast(_Handler, money.payment_succeeded),
    events.PaymentFailedEvent: cast(_Handler, money.payment_failed),
    events.PaymentCanceledEvent: cast(_Handler, money.payment_canceled),
    events.RefundSucceededEvent: cast(_Handler, money.refund_succeeded),
    events.RefundFailedEvent: cast(_Handler, money.refund_failed),
    events.DisputeCreatedEvent: cast(_Handler, disputes.told),
    events.DisputeUpdatedEvent: cast(_Handler, disputes.told),
    events.DisputeClosedEvent: cast(_Handler, disputes.closed),
}
