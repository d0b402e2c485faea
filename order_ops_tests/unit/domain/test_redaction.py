"""What is sensitive is gone from texts and fields; what a cause is found by stays."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_ops.domain.redaction import REDACTED, kept, kept_fields, redacted, redacted_fields


def _with_check_digit(digits: str) -> str:
    for last in "0123456789":
        number = digits + last
        doubled = [int(d) * 2 for d in number[-2::-2]]
        total = sum(int(d) for d in number[-1::-2]) + sum(d - 9 * (d > 9) for d in doubled)
        if total % 10 == 0:
            return number
    raise AssertionError(digits)


CARDS = st.from_regex(r"\A[2-6][0-9]{11,17}\Z").map(_with_check_digit)


@given(
    card=CARDS, around=st.sampled_from(["{}", "card {}.", '{{"pan": "{}"}}', "a={};b", "\n{}\n"])
)
def test_a_card_number_is_gone_wherever_it_stands(card: str, around: str) -> None:
    assert redacted(around.format(card)) == around.format(REDACTED)


@given(card=CARDS.filter(lambda card: len(card) in (16, 19)), gap=st.sampled_from(" -"))
def test_a_card_number_in_groups_is_gone(card: str, gap: str) -> None:
    grouped = gap.join(card[at : at + 4] for at in range(0, len(card), 4))
    assert redacted(f"paid with {grouped} on 2026-03-10") == f"paid with {REDACTED} on 2026-03-10"


@given(card=CARDS)
def test_a_wrong_check_digit_makes_no_card(card: str) -> None:
    wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
    assert redacted(f"order {wrong}") == f"order {wrong}"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key sk_live_4eC39HqLyjWDarjtT1zdp7dc", "4eC39"),
        ("key sk_test_4eC39HqLyjWDarjtT1zdp7dc", "4eC39"),
        ("hook whsec_Zm9vYmFy/x+y=", "Zm9v"),
        ("slack xoxb-17653672481-19874698323-pdFZKVeTuE8s", "pdFZ"),
        ("Authorization: Bearer abc.DEF-123", "abc.DEF"),
        ("amqp://order:s3cr3t@127.0.0.1:5672/%2F", "s3cr3t"),
        ("postgresql://u:p@ss@host/db", "p@ss"),
        ("FATAL: password=hunter2 is wrong", "hunter2"),
        ("{'cvv': '123', 'x': 1}", "123"),
        ("card_cvc: 987", "987"),
        ("cpf=123.456.789-09", "456"),
        ("ana.souza+x@mail.example.com has paid", "souza"),
        ('{"name": "Ana Souza", "total": 3}', "Ana"),
        (r"{\"phone\": \"+55 11 91234\"}", "91234"),
        ("DETAIL:  Failing row contains (1, \\x7b22, Ana).", "Ana"),
    ],
)
def test_what_gives_itself_away_is_gone(text: str, secret: str) -> None:
    told = redacted(text)
    assert secret not in told
    assert REDACTED in told
    assert redacted(told) == told


@given(
    st.one_of(
        st.uuids().map(str),
        st.datetimes(timezones=st.just(UTC)).map(str),
        st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
        st.integers(0, 10**12 - 1).map(str),
        st.integers(1_500_000_000_000, 1_999_999_999_999).map(str),
        st.from_regex(r"\A(ord|pi|re|evt)_[0-9a-zA-Z]{1,24}\Z"),
    )
)
def test_ids_amounts_uuids_and_times_stay(text: str) -> None:
    line = f"order {text} of run {UUID(int=0)}"
    assert redacted(line) == line


@given(st.text(max_size=200))
def test_any_text_can_be_redacted_and_once_is_enough(text: str) -> None:
    told = redacted(text)
    assert redacted(told) == told


@pytest.mark.parametrize(
    "part", ["a", "1 ", "a@", "://", "x_", "'name': ", "\\'", "token ", "4242 "]
)
def test_a_long_text_is_searched_in_one_go(part: str) -> None:
    """A search that went back and forth would not come to an end here."""
    told = redacted(part * 20_000 + " a@example.com")
    assert told.endswith(REDACTED)
    assert "example" not in told


PERSON = {
    "email": "a", "customerPhone": "b", "shipping_address": {"street": "c"}, "CVV": 123,
    "birth_date": "d", "Card-Number": 4242424242424242, "accessToken": "e", "name": "f",
    "document": "g", "cpf": 12345678909,
}  # fmt: skip


def test_a_field_is_known_by_its_name() -> None:
    assert set(redacted_fields(PERSON).values()) == {REDACTED}
    inside = redacted_fields({"data": {"buyers": [PERSON]}})
    assert set(inside["data"]["buyers"][0].values()) == {REDACTED}


def test_what_jobs_speak_of_is_no_secret() -> None:
    facts = {
        "order_id": "o-1", "amount_minor": 4242424242424242, "tenant": "shop", "run_id": "r",
        "paid": True, "at": "2026-03-10T15:00:00+00:00", "email_sent": None, "filename": "x.csv",
    }  # fmt: skip
    assert redacted_fields(facts) == facts


def test_a_key_may_be_said_to_be_no_persons() -> None:
    assert redacted_fields({"name": "order.created", "a": [{"name": "x"}]}, {"name"}) == {
        "name": "order.created",
        "a": [{"name": "x"}],
    }


def test_keys_are_searched_too_and_depth_ends() -> None:
    deep: dict[str, object] = {}
    inner = deep
    for _ in range(2_000):
        inner["x"] = inner = {}
    assert "a@example.com" not in json.dumps(redacted_fields({"a@example.com": 1, "deep": deep}))


@given(st.text(st.characters(codec=None), max_size=100))
def test_what_is_kept_can_be_stored(text: str) -> None:
    stored = kept(text)
    assert "\x00" not in stored
    stored.encode()


def test_a_pair_of_halves_is_one_character() -> None:
    assert kept("\ud83d\ude00 \ud800 \x00") == "\U0001f600 \ufffd \ufffd"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (2**70, str(2**70)),
        (float("nan"), "nan"),
        ("\ud800", "\ufffd"),
        ({1: {2}}, {"1": [2]}),
        (("a", "b"), ["a", "b"]),
    ],
)
def test_what_is_kept_of_fields_is_json_with_64_bits(value: object, stored: object) -> None:
    import orjson

    assert orjson.loads(orjson.dumps(kept_fields({"value": value}))) == {"value": stored}
