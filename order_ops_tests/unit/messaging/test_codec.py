"""A message is read where the mapping says, and its staged row is read again."""

import json
from hashlib import sha256
from typing import Any

import pytest

from order_ops.domain.events import OrderCreatedEvent, PaymentSucceededEvent
from order_ops.mapping import Events
from order_ops.messaging.codec import Codec, Unreadable
from order_ops_tests.unit.messaging.bodies import BUNDLED, LIMIT, encoded, stage, without


def test_a_good_message_is_pending_with_its_envelope() -> None:
    body = encoded()
    staged = stage(body, headers={"x-trace": "t-1"}, correlation_id="from-the-broker")
    assert (staged.state, staged.note) == ("pending", None)
    assert (staged.body, staged.sha256) == (body, sha256(body).digest())
    assert (staged.message_id, staged.source, staged.priority) == ("evt-1", "shop", 1)
    assert (staged.tenant_id, staged.order_id) == ("shop", "o-1")
    assert (staged.producer, staged.sequence) == ("checkout", 3)
    assert staged.event_type == "order.created"
    assert str(staged.occurred_at) == "2026-03-01 12:00:00+00:00"
    assert (staged.correlation_id, staged.headers) == ("cart-9", {"x-trace": "t-1"})


def test_the_broker_names_the_correlation_that_the_body_does_not() -> None:
    assert stage(without("correlation"), correlation_id="c-7").correlation_id == "c-7"


def test_money_goes_first() -> None:
    assert stage(encoded(), routing_key="payment.succeeded").priority == 0


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    body = encoded(correlation="path\\u0000x")
    assert b"\\\\u0000" in body
    staged = stage(body)
    assert (staged.state, staged.correlation_id) == ("pending", "path\\u0000x")


def test_headers_are_kept_as_json_that_postgres_can_hold() -> None:
    headers = {"raw": b"\x01", "nul": "a\x00b", "deep": {"n": [1, None, "\x00"]}}
    kept = stage(b"{", headers=headers).headers
    assert kept == {"raw": "b'\\x01'", "nul": "a�b", "deep": {"n": [1, None, "�"]}}


def test_a_header_whose_name_is_not_text_is_left_out() -> None:
    """pika gives bytes for a name that is not UTF-8."""
    staged = stage(b"{", headers={b"\xff": 1, "kept": {b"\xfe": 1, "too": 2}})
    assert (staged.state, staged.headers) == ("parked", {"kept": {"too": 2}})


def test_decode_reads_a_staged_row_again() -> None:
    event = BUNDLED.decode(encoded(), "order.created", {})
    assert isinstance(event, OrderCreatedEvent)
    assert (event.id, event.data.total_minor) == ("evt-1", 1990)


def test_decode_says_why_it_cannot() -> None:
    with pytest.raises(Unreadable, match="version: Input should be 1"):
        BUNDLED.decode(encoded(version=2), "order.created", {})


FOREIGN = Codec(
    Events.model_validate(
        {
            "source": "legacy",
            "exchange": {"name": "legacy.topic", "passive": True},
            "routing": {"pay.ok": "critical"},
            "envelope": {
                "id": "property.message_id",
                "version": "=1",
                "type": "routing_key",
                "tenant": "=acme",
                "producer": "header.x-app",
                "sequence": "header.x-seq",
                "order": "body.order.ref",
                "occurred_at": "body.at",
                "correlation": "property.correlation_id",
                "data": "body.payment",
            },
            "types": {"pay.ok": "payment.succeeded"},
        }
    ),
    LIMIT,
)
FOREIGN_BODY = json.dumps(
    {
        "order": {"ref": "A-77"},
        "at": "2026-03-01T12:00:00Z",
        "payment": {
            "payment": "pi_1",
            "account": "cards",
            "amount_minor": 500,
            "currency": "EUR",
        },
    }
).encode()
FOREIGN_PARTS: dict[str, Any] = {
    "routing_key": "pay.ok",
    "headers": {"x-app": "till", "x-seq": 41},
    "message_id": "m-1",
    "correlation_id": "c-1",
}


def test_a_foreign_message_is_read_where_the_mapping_says() -> None:
    staged = stage(FOREIGN_BODY, FOREIGN, **FOREIGN_PARTS)
    assert (staged.note, staged.state) == (None, "pending")
    assert (staged.source, staged.message_id, staged.tenant_id) == ("legacy", "m-1", "acme")
    assert (staged.producer, staged.sequence, staged.order_id) == ("till", 41, "A-77")
    assert (staged.event_type, staged.priority) == ("payment.succeeded", 0)
    assert staged.correlation_id == "c-1"


def test_a_foreign_row_is_read_again_as_it_was_staged() -> None:
    staged = stage(FOREIGN_BODY, FOREIGN, **FOREIGN_PARTS)
    event = FOREIGN.decode(staged.body, staged.routing_key, staged.headers, staged.message_id)
    assert isinstance(event, PaymentSucceededEvent)
    assert (event.id, event.tenant, event.sequence, event.order) == ("m-1", "acme", 41, "A-77")


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"message_id": None}, "no id: nothing at property.message_id"),
        ({"routing_key": "pay.maybe"}, "unknown type 'pay.maybe'"),
        ({"headers": {"x-seq": 41}}, "producer: Input should be a valid string"),
        ({"headers": {"x-app": "till"}}, "no sequence: nothing at header.x-seq"),
    ],
)
def test_a_foreign_message_with_a_part_missing_is_parked(
    changes: dict[str, Any], note: str
) -> None:
    staged = stage(FOREIGN_BODY, FOREIGN, **{**FOREIGN_PARTS, **changes})
    assert staged.state == "parked"
    assert str(staged.note).startswith(note)
    assert staged.body == FOREIGN_BODY
