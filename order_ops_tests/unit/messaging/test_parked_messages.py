"""What cannot be read is parked as it came, under a note without anything personal."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_ops_tests.unit.messaging.bodies import LIMIT, encoded, envelope, nested, stage, without

PERSONAL = "maria.silva@example.com"
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
