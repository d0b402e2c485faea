"""Events and orders to tell the tests of the domain with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from order_ops.domain.events import EVENT, Event
from order_ops.domain.handlers import apply
from order_ops.domain.orders import Order, State

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAID: dict[str, Any] = {
    "payment": "pi_1",
    "account": "cards",
    "amount_minor": 1000,
    "currency": "BRL",
}
REFUNDED: dict[str, Any] = {**PAID, "refund": "re_1"}


def event(kind: str, *, order: str = "o-1", minute: int = 0, **data: Any) -> Event:
    return EVENT.validate_python(
        {
            "id": f"e-{kind}",
            "version": 1,
            "type": kind,
            "tenant": "shop",
            "producer": "test",
            "sequence": 1,
            "order": order,
            "occurred_at": (T0 + timedelta(minutes=minute)).isoformat(),
            "data": data,
        }
    )


CREATED = event("order.created", total_minor=1000, currency="BRL")
RESERVED = event(
    "order.reserved",
    expires_at=(T0 + timedelta(minutes=15)).isoformat(),
    reservations=[{"sku": "mug", "quantity": 2}],
    payments=[{"payment": "pi_1", "account": "cards", "amount_minor": 1000}],
)
CANCELLED = event("order.cancelled", reason="changed my mind")


def after(*events: Event) -> Order:
    order = None
    for one in events:
        order, _ = apply(order, one)
    assert order is not None
    return order


def in_state(state: State) -> Order:
    return Order("shop", "o-1", "BRL", 1000, T0, state=state, version=7, stock_held=True)


def paid(amount: int = 1000, payment: str = "pi_1") -> Event:
    return event("payment.succeeded", **{**PAID, "amount_minor": amount, "payment": payment})


def paid_back(amount: int = 1000, payment: str = "pi_1", refund: str = "re_1") -> Event:
    data = {**PAID, "amount_minor": amount, "payment": payment, "refund": refund}
    return event("refund.succeeded", **data)
