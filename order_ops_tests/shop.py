"""What tests say about a shop: messages of an order, and a mapping with acts enabled."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from order_ops.domain.messages import Message
from order_ops.domain.repairs import ActKind
from order_ops.mapping import Mapping, load_mapping
from order_ops.mapping.accounts import ActMode

PRODUCER = "order-service"
NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)


def message(kind: str, order: str, sequence: int, *, message_id: str = "", **data: Any) -> Message:
    """A message of the bundled mapping; payments come from a producer of their own."""
    producer = "order-service" if kind.startswith("order.") else "payment-service"
    body = {
        "id": message_id or f"{producer}-{order}-{sequence}",
        "version": 1,
        "type": kind,
        "tenant": "shop",
        "producer": producer,
        "sequence": sequence,
        "order": order,
        "occurred_at": NOW.isoformat(),
        "data": data,
    }
    return Message(json.dumps(body).encode(), kind, {"trace": "t1"})


def created(order: str, total: int = 1_000) -> Message:
    """order.created."""
    return message("order.created", order, 1, total_minor=total, currency="BRL")


def reserved(order: str, total: int = 1_000, *, expires_in_s: float = -3_600) -> Message:
    """order.reserved: one intent, one item, past its expiry unless told otherwise."""
    intent = {"payment": f"pi_{order}", "account": "shop-cards", "amount_minor": total}
    return message(
        "order.reserved",
        order,
        2,
        expires_at=(datetime.now(UTC) + timedelta(seconds=expires_in_s)).isoformat(),
        reservations=[{"sku": "seat", "quantity": 1}],
        payments=[intent],
    )


def paid(order: str, total: int = 1_000, *, payment: str = "", sequence: int = 1) -> Message:
    """payment.succeeded of the order's intent."""
    return message(
        "payment.succeeded",
        order,
        sequence,
        payment=payment or f"pi_{order}",
        account="shop-cards",
        amount_minor=total,
        currency="BRL",
    )


def acting(mode: ActMode = "automatic", **repairs: Any) -> Mapping:
    """The bundled mapping with every act in a mode, and what is wanted of repairs."""
    bundled = load_mapping()
    acts = dict.fromkeys(ActKind, mode)
    accounts = [account.model_copy(update={"acts": acts}) for account in bundled.accounts]
    wanted = bundled.repairs.model_copy(update=repairs)
    return bundled.model_copy(update={"accounts": accounts, "repairs": wanted})


def numbered(*numbers: int) -> list[Message]:
    """order.created of as many orders, with these numbers of its producer."""
    """Messages of one producer that counts over all of its orders."""
    return [message("order.created", f"o{n}", n, total_minor=1, currency="BRL") for n in numbers]
