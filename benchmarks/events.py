"""Events of orders for the benchmarks: five each, interleaved over a hundred orders at a time."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from order_ops.domain.messages import Message

PER_ORDER = 5
_AT_ONCE = 100


def events(count: int, prefix: str = "o") -> list[Message]:
    """Placed, reserved, paid (so confirmed), and two refunds of a part."""
    orders = [f"{prefix}{number:08d}" for number in range(count // PER_ORDER)]
    made = []
    for start in range(0, len(orders), _AT_ONCE):
        block = [_of_order(order) for order in orders[start : start + _AT_ONCE]]
        made += [one[place] for place in range(PER_ORDER) for one in block]
    return made


def _of_order(order: str) -> list[Message]:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    intent = {"payment": f"pi_{order}", "account": "shop-cards", "amount_minor": 1_000}
    part = {**intent, "currency": "BRL", "amount_minor": 100}
    return [
        message("order.created", order, 1, total_minor=1_000, currency="BRL"),
        message(
            "order.reserved",
            order,
            2,
            expires_at=expires,
            reservations=[{"sku": "seat", "quantity": 1}],
            payments=[intent],
        ),
        message("payment.succeeded", order, 1, currency="BRL", **intent),
        message("refund.succeeded", order, 2, refund=f"re_{order}_1", **part),
        message("refund.succeeded", order, 3, refund=f"re_{order}_2", **part),
    ]


def message(kind: str, order: str, sequence: int, **data: Any) -> Message:
    """A message of the bundled mapping; payments come from a producer of their own."""
    producer = "order-service" if kind.startswith("order.") else "payment-service"
    body = {
        "id": f"{producer}-{order}-{sequence}",
        "version": 1,
        "type": kind,
        "tenant": "shop",
        "producer": producer,
        "sequence": sequence,
        "order": order,
        "occurred_at": datetime.now(UTC).isoformat(),
        "data": data,
    }
    return Message(json.dumps(body).encode(), kind, {"trace": "t1"})
