"""A message is read through the mapping, or parked as it came: nothing raises."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_ops.domain.events import OrderCreatedEvent, PaymentSucceededEvent
from order_ops.domain.messages import Message, Staged
from order_ops.mapping import Events, load_mapping
from order_ops.messaging.codec import Codec, Unreadable

LIMIT = 100_000
BUNDLED = Codec(load_mapping().events, LIMIT)
PERSONAL = "maria.silva@example.com"


def envelope(**changes: Any) -> dict[str, Any]:
    return {
        "id": "evt-1",
        "version": 1,
        "type": "order.created",
        "tenant": "shop",
        "producer": "checkout",
        "sequence": 3,
        "order": "o-1",
        "occurred_at": "2026-03-01T09:00:00-03:00",
        "correlation": "cart-9",
        "data": {"total_minor": 1990, "currency": "BRL"},
        **changes,
    }


def encoded(**changes: Any) -> bytes:
    return json.dumps(envelope(**changes)).encode()


def stage(body: bytes, codec: Codec = BUNDLED, **message: Any) -> Staged:
    return codec.stage(Message(body, **{"routing_key": "order.created", "headers": {}, **message}))


def without(field: str) -> bytes:
    return json.dumps({k: v for k, v in envelope().items() if k != field}).encode()


def nested(depth: int, innermost: str = "0") -> bytes:
    deep = "[" * depth + innermost + "]" * depth
    return encoded()[:-1] + b', "extra": ' + deep.encode() + b"}"


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


OVERSIZE = encoded(padding="x" * 101_000)

BAD = {
    "cut off": (encoded()[:-20], "not JSON"),
    "empty": (b"", "not JSON"),
    "not utf-8": (
        json.dumps(envelope(correlation="São"), ensure_ascii=False).encode("latin-1"),
        "not UTF-8: byte",
    ),
    "utf-16": (json.dumps(envelope()).encode("utf-16"), "not UTF-8: byte 0"),
    "byte order mark": (b"\xef\xbb\xbf" + encoded(), "not JSON"),
    "a list": (b"[1, 2]", "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "unknown version": (encoded(version=99), "version: Input should be 1"),
    "no version": (without("version"), "version: Input should be 1"),
    "escaped NUL": (encoded(correlation="cart\x0042"), "holds a NUL character"),
    "NUL in a key": (encoded(**{"a\x00b": 1}), "holds a NUL character"),
    "NUL in a list": (encoded(extra=[["\x00"]]), "holds a NUL character"),
    "raw NUL": (encoded().replace(b"cart-9", b"cart\x009"), "not JSON"),
    "oversize": (OVERSIZE, f"oversize: {len(OVERSIZE)} bytes, the limit is 100000"),
    "no id": (without("id"), "no id: nothing at body.id"),
    "null id": (encoded(id=None), "no id"),
    "empty id": (encoded(id=""), "id: String should have at least 1 character"),
    "id is a number": (encoded(id=7), "id: Input should be a valid string"),
    "long id": (encoded(id="x" * 129), "id: String should have at most 128"),
    "line break in id": (encoded(id="a\nb"), "id: String should match"),
    "no type": (without("type"), "unknown type"),
    "unknown type": (encoded(type="order.teleported"), "unknown type 'order.teleported'"),
    "list as type": (encoded(type=["order.created"]), "unknown type"),
    "object as type": (encoded(type={"a": 1}), "unknown type"),
    "number as type": (encoded(type=1), "unknown type"),
    "NaN": (encoded(data={"total_minor": float("nan"), "currency": "BRL"}), "not JSON: "),
    "Infinity": (encoded(extra=float("-inf")), "not JSON: "),
    "1e999": (encoded().replace(b"1990", b"1e999"), "not JSON: number"),
    "deeply nested": (nested(40_000), "not JSON"),
    "huge integer": (encoded(data={"total_minor": 10**400, "currency": "BRL"}), "not JSON: number"),
    "endless integer": (encoded().replace(b"1990", b"9" * 50_000), "not JSON"),
    "sequence of 64 bits": (encoded(sequence=2**63), "sequence: Input should be less than"),
    "negative sequence": (encoded(sequence=-1), "sequence: Input should be greater"),
    "sequence as text": (encoded(sequence="3"), "sequence: Input should be a valid integer"),
    "fraction": (encoded(data={"total_minor": 19.9, "currency": "BRL"}), "data.total_minor"),
    "negative": (encoded(data={"total_minor": -1, "currency": "BRL"}), "data.total_minor"),
    "lower case currency": (encoded(data={"total_minor": 1, "currency": "brl"}), "data.currency"),
    "data is a list": (encoded(data=[1]), "data: Input should be"),
    "no data": (without("data"), "data: Input should be"),
    "half a pair": (encoded(order="\ud800"), "not JSON: "),
    "no time zone": (encoded(occurred_at="2026-03-01T09:00:00"), "occurred_at: "),
    "before year 1": (encoded(occurred_at="0001-01-01T00:00:00+05:00"), "occurred_at: "),
    "after year 9999": (encoded(occurred_at="9999-12-31T23:59:59-05:00"), "occurred_at: "),
    "time is a huge number": (encoded(occurred_at=1e308), "occurred_at: "),
}


@pytest.mark.parametrize(("body", "words"), BAD.values(), ids=BAD)
def test_a_bad_message_is_parked_byte_for_byte(body: bytes, words: str) -> None:
    staged = stage(body, headers={"x": "1"}, correlation_id="c-1")
    assert staged.state == "parked"
    assert staged.note is not None
    assert staged.note.startswith(words) or words in staged.note
    assert staged.body == body
    assert staged.sha256 == sha256(body).digest()
    assert staged.message_id.startswith("content:")
    assert (staged.headers, staged.correlation_id) == ({"x": "1"}, "c-1")
    named = (staged.tenant_id, staged.order_id, staged.producer, staged.event_type)
    assert named in {(None,) * 4, ("shop", "o-1", "checkout", "order.created")}, "all or nothing"
    assert staged.priority == 3
    assert len(staged.note) < 500
    assert "\n" not in staged.note


@pytest.mark.parametrize("depth", [100, 300, 480, 600, 900, 1_000, 5_000])
@pytest.mark.parametrize("innermost", ["0", '"\\u0000"', '"\\\\u0000"'])
def test_no_depth_of_nesting_raises(depth: int, innermost: str) -> None:
    body = nested(depth, innermost)
    staged = stage(body)
    assert staged.body == body
    assert staged.state == "parked" or innermost != '"\\u0000"'


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    body = encoded(correlation="path\\u0000x")
    assert b"\\\\u0000" in body
    staged = stage(body)
    assert (staged.state, staged.correlation_id) == ("pending", "path\\u0000x")


def test_a_message_at_the_limit_is_read_and_one_byte_more_is_not() -> None:
    padding = LIMIT - len(encoded(padding=""))
    assert stage(encoded(padding="x" * padding)).state == "pending"
    assert stage(encoded(padding="x" * (padding + 1))).state == "parked"


def test_what_the_broker_gave_up_is_parked_under_its_own_id() -> None:
    staged = stage(encoded(), given_up=True)
    assert (staged.state, staged.message_id, staged.order_id) == ("parked", "evt-1", "o-1")
    assert staged.note == "given up by the broker at its delivery limit"


def test_what_was_given_up_and_lost_its_readers_again_is_not_even_read() -> None:
    staged = stage(encoded(), given_up=True, suspect=True)
    assert (staged.state, staged.order_id) == ("parked", None)
    assert staged.message_id.startswith("content:")
    assert "kept unread" in (staged.note or "")


def test_a_parked_copy_is_known_as_a_copy_and_another_key_is_not() -> None:
    first, copy = stage(b"{", routing_key="a"), stage(b"{", routing_key="a")
    elsewhere, other = stage(b"{", routing_key="b"), stage(b"[", routing_key="a")
    assert first.message_id == copy.message_id
    assert len({first.message_id, elsewhere.message_id, other.message_id}) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"id": [PERSONAL]},
        {"id": PERSONAL * 20},
        {"type": {"customer": PERSONAL}},
        {"type": [PERSONAL]},
        {"tenant": {PERSONAL: PERSONAL}},
        {"order": f"{PERSONAL}\n"},
        {"sequence": PERSONAL},
        {"occurred_at": PERSONAL},
        {"correlation": [PERSONAL]},
        {"version": PERSONAL},
        {"data": PERSONAL},
        {"data": {"total_minor": PERSONAL, "currency": "BRL"}},
        {"data": {"total_minor": 1, "currency": PERSONAL}},
        {"note": f"{PERSONAL}\x00"},
        {"type": "order.cancelled", "data": {"reason": PERSONAL * 50}},
        {
            "type": "order.reserved",
            "data": {"expires_at": "2026-03-01T12:00:00Z", "reservations": [{"sku": PERSONAL}]},
        },
    ],
)
def test_no_note_repeats_what_may_be_personal(changes: dict[str, Any]) -> None:
    body = encoded(**changes)
    staged = stage(body)
    assert staged.state == "parked"
    assert PERSONAL.encode() in staged.body
    assert PERSONAL not in str(staged.note)
    assert PERSONAL not in str(stage(body[:-1]).note)


def test_a_long_unknown_type_does_not_fill_the_note() -> None:
    staged = stage(encoded(type="x" * 90_000))
    assert staged.state == "parked"
    assert len(str(staged.note)) < 500


@given(st.binary(max_size=200))
def test_no_bytes_raise(body: bytes) -> None:
    staged = stage(body)
    assert (staged.state, staged.body) == ("parked", body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(envelope())), _JSON)
def test_no_value_of_any_field_raises(field: str, value: object) -> None:
    body = encoded(**{field: value})
    staged = stage(body)
    assert staged.body == body
    assert (staged.state == "parked") is (staged.note is not None)


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
