"""A message of a shop that knows nothing of order_ops is read, or it is said why not."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
import yaml

from order_ops.domain.messages import Message
from order_ops.domain.payloads import OrderReserved
from order_ops.mapping import Events, load_mapping
from order_ops.messaging.codec import Codec
from order_ops_tests.foreign import MAPPING, captured, held, legacy, placed

EVENTS = load_mapping(MAPPING).events
CODEC = Codec(EVENTS, 100_000)


def changed(**parts: Any) -> Codec:
    raw = yaml.safe_load(MAPPING.read_text())["events"]
    for name, part in parts.items():
        raw[name] = {**raw[name], **part} if isinstance(part, dict) else part
    return Codec(Events.model_validate(raw), 100_000)


def test_a_message_without_an_id_is_known_by_all_that_is_read_of_it() -> None:
    first, copy, other = placed(), placed(), placed("A-2")
    digest = sha256(first.body + b'\nlegacy.order.placed\n"till"').hexdigest()
    assert CODEC.stage(first).message_id == CODEC.stage(copy).message_id == f"content:{digest}"
    rekeyed = replace(first, routing_key="legacy.order.void")
    elsewhere = replace(first, headers={"app": "web"})
    ids = {CODEC.stage(one).message_id for one in (first, other, rekeyed, elsewhere)}
    assert len(ids) == 4
    unread = replace(first, headers={"app": "till", "trace": "t1"})
    assert CODEC.stage(unread).message_id == f"content:{digest}", "nothing reads that header"


def test_without_a_sequence_none_is_made_up() -> None:
    staged = CODEC.stage(placed())
    assert (staged.state, staged.sequence) == ("pending", None)


def test_the_envelope_is_found_by_its_paths() -> None:
    staged = CODEC.stage(placed())
    assert (staged.source, staged.tenant_id, staged.producer) == ("legacy", "legacy", "till")
    assert (staged.order_id, staged.event_type) == ("A-1", "order.created")
    event = CODEC.decode(staged.body, staged.routing_key, staged.headers)
    assert event.occurred_at.isoformat() == "2026-03-10T14:00:00+00:00"


def test_lists_are_read_item_by_item() -> None:
    message = held()
    data = CODEC.decode(message.body, message.routing_key, message.headers).data
    assert isinstance(data, OrderReserved)
    assert [(one.sku, one.quantity) for one in data.reservations] == [("seat", 2)]
    (payment,) = data.payments
    assert (payment.payment, payment.account, payment.amount_minor) == (
        "ch_A-1", "legacy-cards", 4_990,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "minor"),
    [("49.90", 4_990), ("49.9", 4_990), (49.9, 4_990), (49, 4_900), ("0", 0), (0.29, 29),
     ("9999999999999.99", 999_999_999_999_999), (1.1, 110)],
)  # fmt: skip
def test_major_units_are_read_exactly(sent: Any, minor: int) -> None:
    message = placed(total=sent)
    data: Any = CODEC.decode(message.body, message.routing_key, message.headers).data
    assert data.total_minor == minor


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("49.905", "data.total_minor: '49.905' is not an amount in EUR"),
        (49.905, "data.total_minor: '49.905' is not an amount in EUR"),
        ("49,90", "data.total_minor: '49,90' is not an amount in EUR"),
        (True, "data.total_minor: an amount is expected, not bool"),
        ({}, "data.total_minor: an amount is expected, not dict"),
        (1e22, "data.total_minor: '1e+22' is not an amount in EUR"),
    ],
)
def test_what_is_no_amount_is_parked_and_not_rounded(sent: Any, why: str) -> None:
    staged = CODEC.stage(placed(total=sent))
    assert staged.state == "parked"
    assert (staged.note or "").startswith(why)


def test_an_amount_in_no_currency_is_parked() -> None:
    body = json.loads(held().body)
    del body["order"]["ccy"]
    staged = CODEC.stage(Message(json.dumps(body).encode(), "legacy.order.held", {"app": "till"}))
    assert "nobody says in what currency it is: map data.currency too" in (staged.note or "")


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (legacy("order.placed", order={}), "order: Input should be a valid string"),
        (legacy("order.teleported"), "unknown type 'legacy.order.teleported'"),
        (legacy("order.held", order={"number": "A", "ccy": "EUR"}), "data.expires_at"),
        (legacy("order.held", order={"number": "A", "ccy": "EUR"}, hold_until="2026-03-10T15:30Z",
                charges="none"), "data.payments"),
        (legacy("order.held", order={"number": "A", "ccy": "EUR"}, hold_until="2026-03-10T15:30Z",
                charges=[None]), "data.payments.0.payment"),
        (captured(at="yesterday"), "occurred_at"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.routing_key,
)  # fmt: skip
def test_what_is_not_there_is_named(message: Message, why: str) -> None:
    staged = CODEC.stage(message)
    assert staged.state == "parked"
    assert why in (staged.note or "")


@pytest.mark.parametrize(
    ("field", "path"), [("id", "body.id"), ("sequence", "property.message_id")]
)
def test_what_the_mapping_promises_must_be_there(field: str, path: str) -> None:
    staged = changed(envelope={field: path}).stage(placed())
    assert (staged.state, staged.note) == ("parked", f"no {field}: nothing at {path}")


def test_a_pattern_decides_the_priority_and_the_most_urgent_wins() -> None:
    both = changed(routing={"#": "bulk"})
    assert [CODEC.stage(m).priority for m in (placed(), captured())] == [1, 0]
    assert [both.stage(m).priority for m in (placed(), captured())] == [1, 0]
    assert both.stage(legacy("other")).priority == 3, "unreadable: nobody's"


@pytest.mark.parametrize("codec", [CODEC, changed(envelope={"id": "body.id"})])
def test_whose_it_is_is_known_also_when_its_amount_or_id_is_not(codec: Codec) -> None:
    staged = codec.stage(captured(amount="49,90"))
    assert staged.state == "parked"
    named = (staged.tenant_id, staged.order_id, staged.producer, staged.event_type)
    assert named == ("legacy", "A-1", "till", "payment.succeeded")
