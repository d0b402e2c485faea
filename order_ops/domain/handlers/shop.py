"""What the shop says of an order: placed, reserved, confirmed, or at its end.

The shop reports, the ledger decides: nothing said here moves money, and what
was paid and paid back is read from the payments and refunds that are known.
"""

from order_ops.domain import events
from order_ops.domain.failures import FailureKind
from order_ops.domain.handlers.money import same_payment
from order_ops.domain.handlers.steps import Changes, moved, note
from order_ops.domain.orders import (
    CLOSED,
    LEGAL_MOVES,
    Change,
    Order,
    Payment,
    Rejected,
    State,
    change,
)


def created(order: Order | None, event: events.OrderCreatedEvent) -> tuple[Order, Changes]:
    """A new order; the same again changes nothing, another total is a conflict."""
    data = event.data
    if order is not None:
        if (order.total_minor, order.currency) != (data.total_minor, data.currency):
            raise Rejected(
                f"order {event.order} was created before with {order.total_minor} "
                f"{order.currency}, now with {data.total_minor} {data.currency} (minor units)",
                FailureKind.CONFLICT,
            )
        return order, []
    at = event.occurred_at
    order = Order(event.tenant, event.order, data.currency, data.total_minor, at, state_since=at)
    placed = change(order, None, kind="created", at=event.occurred_at, cause=event.id)
    return order, [placed]


def reserved(order: Order, event: events.OrderReservedEvent) -> Changes:
    """Stock is held and payments are offered; later than that it is known already."""
    if order.state is not State.PENDING:
        return []
    data = event.data
    for intent in data.payments:
        same_payment(order.payments.get(intent.payment), intent)
    held = moved(order, event, State.RESERVED, "reserved")
    order.expires_at = data.expires_at
    order.reservations = {one.sku: one.quantity for one in data.reservations}
    order.stock_held = bool(order.reservations)
    for intent in data.payments:
        order.payments.setdefault(
            intent.payment,
            Payment(intent.payment, intent.account, intent.amount_minor, order.currency),
        )
    return [held]


def confirmed(order: Order, event: events.OrderConfirmedEvent) -> Changes:
    """Usually known: the payment confirmed the order before the shop could say so.

    The shop's word does not stand for a payment that the ledger has not heard of:
    it is noted, and the order is not expired under it. Nor does it bring a closed
    order back; that is an approved repair's.
    """
    if order.state in CLOSED:
        raise Rejected(
            f"order {order.order_id} is {order.state}, the shop says it is confirmed",
            FailureKind.CONFLICT,
        )
    if order.state not in {State.PENDING, State.RESERVED}:
        return []
    return _told(order, event, State.CONFIRMED)


def cancelled(order: Order, event: events.OrderCancelledEvent) -> Changes:
    """Closed, and what is paid and not paid back wakes somebody."""
    if order.state in CLOSED | {State.REFUNDED}:
        return []
    return [_closed(order, event, State.CANCELLED, "cancelled", event.data.reason)]


def failed(order: Order, event: events.OrderFailedEvent) -> Changes:
    """Closed as a cancelled order is; the history says that it failed, and why."""
    if order.state in CLOSED | {State.REFUNDED}:
        return []
    return [_closed(order, event, State.CANCELLED, "failed", event.data.reason)]


def expired(order: Order, event: events.OrderExpiredEvent) -> Changes:
    """The shop's own expiry, told to the world as such: ours is a command to the shop.

    An order that the ledger knows as paid does not expire: somebody has to look.
    """
    if order.state in CLOSED:
        return []
    if (order.state, State.EXPIRED) not in LEGAL_MOVES:
        raise Rejected(
            f"order {order.order_id} is {order.state}, the shop says it is expired",
            FailureKind.CONFLICT,
        )
    return [_closed(order, event, State.EXPIRED, "expired_by_shop")]


def refunded(order: Order, event: events.OrderRefundedEvent) -> Changes:
    """Usually known: the last refund moved the order.

    Until that is heard of, the shop's word is noted. It never waits: the refund
    itself may come from the same producer, behind it.
    """
    if order.state is State.REFUNDED:
        return []
    paid, back = order.paid_minor(), order.refunded_minor()
    if paid == 0 or back < paid:
        return _told(order, event, State.REFUNDED)
    if (order.state, State.REFUNDED) not in LEGAL_MOVES:
        return []
    return [moved(order, event, State.REFUNDED, "refunded")]


def _told(order: Order, event: events.Event, state: State) -> Changes:
    """What the shop says and the ledger cannot follow: noted once, somebody may compare."""
    if order.shop_state is state:
        return []
    order.shop_state = state
    return [note(order, event, f"shop_says_{state.lower()}")]


def _closed(
    order: Order, event: events.Event, to: State, kind: str, reason: str | None = None
) -> Change:
    open_minor = order.paid_minor() - order.refunded_minor()
    detail = {} if reason is None else {"reason": reason}
    return moved(order, event, to, kind, alert=open_minor > 0, amount=open_minor, **detail)
