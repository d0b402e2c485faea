"""The limits that an event of version 1 must keep."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from order_ops.domain.events import EVENT, EVENT_TYPES, MONEY_EVENTS

PAYMENT = {"payment": "pi_1", "account": "cards", "amount_minor": 1000, "currency": "BRL"}
REFUND = {**PAYMENT, "refund": "re_1"}
DISPUTE = {**PAYMENT, "dispute": "dp_1"}
DATA: dict[str, dict[str, Any]] = {
    "order.created": {"total_minor": 1000, "currency": "BRL"},
    "order.reserved": {"expires_at": "2026-03-01T12:15:00Z"},
    "order.confirmed": {},
    "order.cancelled": {},
    "order.expired": {},
    "order.failed": {},
    "order.refunded": {},
    "payment.processing": PAYMENT,
    "payment.succeeded": PAYMENT,
    "payment.failed": PAYMENT,
    "payment.canceled": PAYMENT,
    "refund.succeeded": REFUND,
    "refund.failed": REFUND,
    "dispute.created": DISPUTE,
    "dispute.updated": DISPUTE,
    "dispute.closed": {**DISPUTE, "outcome": "lost"},
}


def envelope(kind: str = "order.created", **changes: Any) -> dict[str, Any]:
    return {
        "id": "evt-1",
        "version": 1,
        "type": kind,
        "tenant": "shop",
        "producer": "checkout",
        "sequence": 1,
        "order": "o-1",
        "occurred_at": "2026-03-01T12:00:00Z",
        "data": DATA[kind],
        **changes,
    }


def refused_at(candidate: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        EVENT.validate_python(candidate)
    (problem,) = refused.value.errors()
    return ".".join(str(part) for part in problem["loc"][1:])


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_the_smallest_event_of_every_type_is_read_as_its_model(kind: str) -> None:
    event = EVENT.validate_python(envelope(kind))
    assert type(event) is EVENT_TYPES[kind]
    assert event.correlation is None


def test_there_are_sixteen_types_and_nine_of_them_move_money() -> None:
    assert set(EVENT_TYPES) == set(DATA)
    assert len(EVENT_TYPES) == 16
    assert {
        "payment.processing",
        "payment.succeeded",
        "payment.failed",
        "payment.canceled",
        "refund.succeeded",
        "refund.failed",
        "dispute.created",
        "dispute.updated",
        "dispute.closed",
    } == MONEY_EVENTS


@pytest.mark.parametrize("kind", DATA)
def test_no_required_field_of_a_payload_may_be_missing(kind: str) -> None:
    for field in DATA[kind]:
        rest = {name: value for name, value in DATA[kind].items() if name != field}
        assert refused_at(envelope(kind, data=rest)) == f"data.{field}"


@pytest.mark.parametrize("field", ["id", "tenant", "producer", "order", "correlation"])
@pytest.mark.parametrize("value", ["", "x" * 129, "a\x00b", "a\nb", "a\x7f", 5, True, ["x"]])
def test_an_identifier_is_short_printable_text(field: str, value: object) -> None:
    assert refused_at(envelope(**{field: value})) == field


@pytest.mark.parametrize("value", ["x", "x" * 128, "pedido nº 7", "日本", "a b"])
def test_an_identifier_may_be_of_any_script(value: str) -> None:
    assert EVENT.validate_python(envelope(id=value)).id == value


@pytest.mark.parametrize("amount", [-1, 10**15 + 1, 10**400, 1.0, "1", True, None])
def test_an_amount_is_a_whole_number_within_its_limit(amount: object) -> None:
    wrong = {"total_minor": amount, "currency": "BRL"}
    assert refused_at(envelope(data=wrong)) == "data.total_minor"


@pytest.mark.parametrize("amount", [0, 10**15])
def test_the_limits_of_an_amount_belong_to_it(amount: int) -> None:
    event = EVENT.validate_python(envelope(data={"total_minor": amount, "currency": "BRL"}))
    assert event.data.total_minor == amount


@pytest.mark.parametrize("currency", ["brl", "BR", "REAL", "", "BRL\n", 986])
def test_a_currency_is_three_capitals(currency: object) -> None:
    wrong = {"total_minor": 1, "currency": currency}
    assert refused_at(envelope(data=wrong)) == "data.currency"


@pytest.mark.parametrize("sequence", [-1, 10**15 + 1, 1.0, "1", True])
def test_a_sequence_leaves_room_to_count_what_is_missing(sequence: object) -> None:
    assert refused_at(envelope(sequence=sequence)) == "sequence"
    assert EVENT.validate_python(envelope(sequence=10**15)).sequence == 10**15


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T09:00:00-03:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-02-28T23:30:00.25-01:00", datetime(2026, 3, 1, 0, 30, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_a_moment_is_kept_in_utc(written: str, utc: datetime) -> None:
    moment = EVENT.validate_python(envelope(occurred_at=written)).occurred_at
    assert (moment, moment.tzinfo) == (utc, UTC)


@pytest.mark.parametrize(
    "moment",
    [
        "2026-03-01T12:00:00",
        "2026-03-01",
        "yesterday",
        "",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:00:00-05:00",
    ],
)
def test_a_moment_without_a_zone_or_outside_of_the_calendar_is_refused(moment: str) -> None:
    assert refused_at(envelope(occurred_at=moment)) == "occurred_at"
    wrong = {"expires_at": moment}
    assert refused_at(envelope("order.reserved", data=wrong)) == "data.expires_at"


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001, "1", 1.5])
def test_stock_is_held_in_whole_pieces(quantity: object) -> None:
    held = {**DATA["order.reserved"], "reservations": [{"sku": "mug", "quantity": quantity}]}
    assert refused_at(envelope("order.reserved", data=held)) == "data.reservations.0.quantity"


@pytest.mark.parametrize(
    ("field", "item", "limit"),
    [
        ("reservations", {"sku": "mug", "quantity": 1}, 500),
        ("payments", {"payment": "pi", "account": "cards", "amount_minor": 1}, 100),
    ],
)
def test_lists_have_a_limit(field: str, item: dict[str, Any], limit: int) -> None:
    most = {**DATA["order.reserved"], field: [item] * limit}
    event = EVENT.validate_python(envelope("order.reserved", data=most))
    assert len(getattr(event.data, field)) == limit
    over = {**most, field: [item] * (limit + 1)}
    assert refused_at(envelope("order.reserved", data=over)) == f"data.{field}"


@pytest.mark.parametrize(
    "kind", ["order.cancelled", "order.failed", "payment.failed", "payment.canceled"]
)
@pytest.mark.parametrize("reason", ["x" * 501, "a\x00b", 5])
def test_a_reason_is_text_that_a_column_can_keep(kind: str, reason: object) -> None:
    assert refused_at(envelope(kind, data={**DATA[kind], "reason": reason})) == "data.reason"


def test_unknown_fields_are_let_through_and_dropped() -> None:
    event = EVENT.validate_python(envelope(trace="t", data={**DATA["order.created"], "vat": 19}))
    assert "vat" not in event.data.model_dump()
    assert "trace" not in event.model_dump()


def test_an_event_cannot_be_changed() -> None:
    event = EVENT.validate_python(envelope())
    with pytest.raises(ValidationError, match="frozen"):
        event.order = "another"


def test_what_is_wrong_with_an_event_does_not_repeat_it() -> None:
    """A validation error ends in logs and dead letters; what it is about may be personal."""
    from pydantic import ValidationError

    from order_ops.domain import payloads
    from order_ops.domain.events import EVENT

    told = "ana@example.com"
    for validate in (
        lambda: EVENT.validate_python({"type": "order.created", "id": [told], "data": told}),
        lambda: payloads.OrderCreated.model_validate({"total_minor": told, "currency": told}),
    ):
        with pytest.raises(ValidationError) as caught:
            validate()
        assert told not in str(caught.value)
