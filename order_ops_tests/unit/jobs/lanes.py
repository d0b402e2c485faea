"""Lanes of events for the tests of what becomes of them: what was said, by whom, in which order."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from order_ops.domain.orders import Order
from order_ops.jobs.orders.lane_events import Folded
from order_ops.jobs.orders.staged import StagedEvent, Terms
from order_ops.mapping import load_mapping
from order_ops.messaging.codec import Codec

CODEC = Codec(load_mapping().events, 100_000)
WAITING = Terms(attempts=5, early_s=86_400, accounts=frozenset({("shop", "cards")}))
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP, CARDS = "checkout", "cards-webhook"

CREATED = (SHOP, "order.created", {"total_minor": 1000, "currency": "BRL"})
RESERVED = (
    SHOP,
    "order.reserved",
    {
        "expires_at": (T0 + timedelta(minutes=15)).isoformat(),
        "reservations": [{"sku": "mug", "quantity": 1}],
        "payments": [{"payment": "pi_1", "account": "cards", "amount_minor": 1000}],
    },
)
RESERVED_FOR_TWO = (
    SHOP,
    "order.reserved",
    {
        "expires_at": (T0 + timedelta(minutes=15)).isoformat(),
        "payments": [
            {"payment": "pi_1", "account": "cards", "amount_minor": 600},
            {"payment": "pi_2", "account": "cards", "amount_minor": 400},
        ],
    },
)
CANCELLED = (SHOP, "order.cancelled", {"reason": "changed my mind"})
CONFIRMED = (SHOP, "order.confirmed", {})

Spec = tuple[str, str, dict[str, Any]]


def money(kind: str, payment: str, amount: int, refund: str | None = None) -> Spec:
    data = {"payment": payment, "account": "cards", "amount_minor": amount, "currency": "BRL"}
    return (CARDS, kind, data | ({"refund": refund} if refund else {}))


def dispute(kind: str, **data: str) -> Spec:
    producer, _, of_payment = money(kind, "pi_1", 1000)
    return (producer, kind, of_payment | {"dispute": "dp_1"} | data)


PAID = money("payment.succeeded", "pi_1", 1000)
DECLINED = money("payment.failed", "pi_1", 1000)


def lane(*specs: Spec, **fields: Any) -> list[StagedEvent]:
    """Staged events: `sequence` counts per producer, ids are in the order given."""
    counters = {producer: count(1) for producer, _, _ in specs}
    return [
        staged(spec, number, next(counters[spec[0]]), **fields)
        for number, spec in enumerate(specs, start=1)
    ]


def staged(spec: Spec, number: int, sequence: int, **fields: Any) -> StagedEvent:
    producer, kind, data = spec
    body = {
        "id": f"evt-{number}",
        "version": 1,
        "type": kind,
        "tenant": "shop",
        "producer": producer,
        "sequence": sequence,
        "order": "o-1",
        "occurred_at": (T0 + timedelta(seconds=number)).isoformat(),
        "data": data,
    }
    made = StagedEvent(
        id=number,
        tenant_id="shop",
        order_id="o-1",
        producer=producer,
        sequence=sequence,
        event_type=kind,
        routing_key=kind,
        body=json.dumps(body).encode(),
        headers={},
        property_message_id=None,
        property_correlation_id=None,
        correlation_id=f"c-{number}",
        received_at=datetime.now(UTC),
        attempts=1,
        due=True,
        held=False,
    )
    return replace(made, **fields)


def labels(result: Folded) -> dict[int, str]:
    return {outcome.event.id: outcome.label for outcome in result.outcomes}


def order_of(result: Folded) -> Order:
    assert result.touched is not None
    return result.touched.order
