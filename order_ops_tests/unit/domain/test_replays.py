"""An event about money is applied again only if its provider says the same."""

from dataclasses import dataclass
from typing import Any

import pytest

from order_ops.domain.events import EVENT_TYPES, MONEY_EVENTS
from order_ops.domain.replays import doubt
from order_ops_tests.unit.domain.tellings import PAID, event


@dataclass(frozen=True)
class Says:
    status: str
    amount_minor: int = 1_000
    currency: str = "BRL"
    belongs_to: str | None = None


REFUND: dict[str, Any] = {**PAID, "refund": "re_1"}
DISPUTE: dict[str, Any] = {**PAID, "dispute": "dp_1"}
DATA: dict[str, dict[str, Any]] = {
    "payment.": PAID,
    "refund.": REFUND,
    "dispute.": DISPUTE,
}


def of(kind: str) -> Any:
    data = next(data for start, data in DATA.items() if kind.startswith(start))
    return event(kind, **data, **({"outcome": "lost"} if kind == "dispute.closed" else {}))


AGREES = {
    "payment.processing": {"processing", "requires_payment", "succeeded"},
    "payment.succeeded": {"succeeded"},
    "payment.failed": {"requires_payment", "processing", "canceled"},
    "payment.canceled": {"canceled"},
    "refund.succeeded": {"succeeded"},
    "refund.failed": {"failed", "canceled"},
    "dispute.created": {"open", "won", "lost", "withdrawn"},
    "dispute.updated": {"open", "won", "lost", "withdrawn"},
    "dispute.closed": {"lost"},
}
STATUSES = sorted(set().union(*AGREES.values()) | {"unknown", "pending"})


def test_every_event_about_money_has_its_rule() -> None:
    assert set(AGREES) == MONEY_EVENTS


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", AGREES)
def test_a_status_agrees_or_is_named(kind: str, status: str) -> None:
    told = doubt(of(kind), Says(status))
    if status in AGREES[kind]:
        assert told is None
    else:
        assert told == f"the event is {kind}, the provider says {status}"


@pytest.mark.parametrize("other", [{"amount_minor": 999}, {"currency": "EUR"}])
@pytest.mark.parametrize("kind", ["payment.succeeded", "refund.succeeded", "dispute.closed"])
def test_money_that_moved_has_its_amount_and_currency(kind: str, other: dict[str, Any]) -> None:
    (status,) = AGREES[kind]
    told = doubt(of(kind), Says(status, **other))
    assert told is not None
    assert told.startswith("the event says 1000 BRL, the provider")


@pytest.mark.parametrize(
    ("kind", "whose"), [("payment.succeeded", "o-1"), ("refund.succeeded", "pi_1")]
)
def test_money_of_somebody_else_is_a_doubt(kind: str, whose: str) -> None:
    assert doubt(of(kind), Says("succeeded", belongs_to=whose)) is None
    told = doubt(of(kind), Says("succeeded", belongs_to="another"))
    assert told == f"the event is about {whose}, the provider says another"


@pytest.mark.parametrize("kind", sorted(set(EVENT_TYPES) - MONEY_EVENTS))
def test_nobody_is_asked_about_an_order(kind: str) -> None:
    data = {"order.created": {"total_minor": 1, "currency": "BRL"}}
    data["order.reserved"] = {"expires_at": "2026-03-01T12:15:00Z"}
    assert doubt(event(kind, **data.get(kind, {})), Says("unknown")) is None
