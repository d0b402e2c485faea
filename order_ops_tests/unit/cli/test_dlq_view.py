"""A dead letter is readable whatever its body is."""

import json
import re
from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from order_ops.cli.dlq_view import (
    as_json,
    groups_table,
    letters_table,
    money,
    readable,
    tell_story,
)
from order_ops.cli.messages import hours_table
from order_ops.jobs.letters.letter_sets import Story

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def shown(what: object) -> str:
    out = StringIO()
    Console(file=out, width=300).print(what)
    return out.getvalue()


class Row(SimpleNamespace):
    """A row of the database."""

    def _asdict(self) -> dict[str, object]:
        return vars(self)


def letter(**fields: object) -> Row:
    whole = {
        "id": 7, "origin": "event", "origin_id": "70", "tenant_id": "shop", "order_id": "o1",
        "name": "payment.succeeded", "payload": b"{}", "edited": None, "headers": {},
        "category": "conflict", "error": "Rejected: [o1] is off", "stack": "Traceback ...\n",
        "attempts": 1, "fingerprint": "f" * 16, "amount_minor": 128_420, "currency": "BRL",
        "correlation_id": "cart-1", "holds": True, "replay_of": 5, "state": "open",
        "reviewer": None, "reason": None, "created_at": NOW, "reviewed_at": None,
    }  # fmt: skip
    return Row(**{**whole, **fields})


def told(story: Story) -> str:
    out = StringIO()
    tell_story(Console(file=out, width=300), story)
    return re.sub(r" +", " ", out.getvalue())


def test_json_is_laid_out() -> None:
    assert '"a": "é"' in shown(readable('{"a":"é","b":[1]}'.encode()))


LOST_WHEN_LAID_OUT = [
    '{"a":"\\ud800"}',
    '{"a":1,"a":2}',
    '{"a":{"b":1.10}}',
    '{"a":-0}',
    '{"a":1e400}',
    '{"a":1234567890123456789.5}',
    '{"a":"\\u009b31m"}',
]


@pytest.mark.parametrize("body", LOST_WHEN_LAID_OUT)
def test_what_laying_out_would_change_is_shown_as_it_came(body: str) -> None:
    assert shown(readable(body.encode())).strip() == body


def test_a_long_number_stays_as_long() -> None:
    assert "9" * 40 in shown(readable(b'{"a":' + b"9" * 40 + b"}"))
    assert "9" * 5000 in shown(readable(b'{"a":' + b"9" * 5000 + b"}")).replace("\n", "")


@pytest.mark.parametrize("body", ["plain text", "[bold]not markup[/bold]", '{"broken":', "", "[]"])
def test_text_is_shown_as_it_is(body: str) -> None:
    assert shown(readable(body.encode())).strip() == body


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\xff\xfe{}", "not UTF-8: byte 0 of 4 is wrong"),
        (b"a\x1b[31m\x00", "text with control characters, 7 bytes"),
    ],
)
def test_what_is_no_text_is_shown_in_hexadecimal(body: bytes, why: str) -> None:
    told = shown(readable(body))
    assert why in told
    assert body.hex(" ") in told
    assert "\x1b" not in told, "nothing of it reaches the terminal raw"


def test_a_long_body_is_cut_and_says_so() -> None:
    told = shown(readable(b"\xff" * 10_000_000))
    assert "9999488 more bytes" in told
    assert len(told) < 5_000


def test_a_letter_tells_its_story() -> None:
    audit = Row(at=NOW, actor="ana", action="dlq.edit", reason="typo", detail={"a": 1})
    story = Story(letter(), [Row(id=9, state="open")], [audit])
    whole = told(story)
    for part in (
        "Dead letter 7: Rejected: [o1] is off",
        "at stake BRL 1,284.20",
        "order o1 of shop",
        "replay of letter 5",
        "replayed as letter 9 (open)",
        "ana: dlq.edit: typo",
        "Traceback ...",
        "later events of its producer about this order wait",
    ):
        assert part in whole


@pytest.mark.parametrize("state", ["replaying", "replayed", "discarded"])
def test_only_an_open_letter_holds_and_a_run_that_waits_says_for_what(state: str) -> None:
    whole = told(Story(letter(state=state, reviewer="ana", reason="r", reviewed_at=NOW), [], []))
    assert "holds" not in whole
    assert f"state {state} by ana at 2026-03-01T12:00:00+00:00: r" in whole
    assert ("waits for replay_sensor" in whole) is (state == "replaying")


def test_a_letter_for_programs_has_its_bodies_whole() -> None:
    audit = Row(at=NOW, actor="ana", action="dlq.edit", reason="typo", detail={"a": 1})
    one = letter(payload=b'{"a":1.10}', edited=b"\xff")
    found = as_json(Story(one, [Row(id=9, state="open")], [audit]))
    assert found["letter"]["payload"] == {"text": '{"a":1.10}'}
    assert found["letter"]["edited"] == {"base64": "/w=="}
    assert found["replays"] == [{"id": 9, "state": "open"}]
    assert json.loads(json.dumps(found, default=str))["audit"][0]["actor"] == "ana"


RAW = "[/x][bold]:x:"


def columns(**fixed: object) -> dict[str, object]:
    """A row's texts, with what Rich would take for markup in each."""
    names = (
        "origin", "origin_id", "tenant_id", "order_id", "name", "category", "error", "stack",
        "fingerprint", "state", "reviewer", "reason", "source",
    )  # fmt: skip
    return {**{name: f"{RAW}{name}" for name in names}, **fixed}


def test_no_column_is_taken_for_markup() -> None:
    one = letter(**columns(reviewed_at=NOW, headers={"h": RAW}, payload=RAW.encode()))
    table = shown(letters_table([one]))
    for name in ("name", "order_id", "state", "fingerprint", "error"):
        assert f"{RAW}{name}" in table
    audit = Row(
        at=NOW, actor=f"{RAW}actor", action=f"{RAW}action", reason=f"{RAW}r", detail={"a": RAW}
    )
    whole = told(Story(one, [Row(id=9, state=f"{RAW}new")], [audit]))
    for name in columns():
        assert name == "source" or f"{RAW}{name}" in whole
    for part in ("actor", "action", "r", "new"):
        assert f"{RAW}{part}" in whole
    assert whole.count(RAW) == 19, "headers, body and detail too"
    money_of = {"BRL": 300}
    group = Row(**columns(letters=3, first_at=NOW, last_at=NOW, money=money_of, origins=[RAW]))
    table = shown(groups_table([group]))
    for part in (f"{RAW}fingerprint", f"{RAW} {RAW}name", f"{RAW}error"):
        assert part in table
    counts = dict.fromkeys(
        ("received", "copies", "pending", "done", "parked", "skipped", "discarded", "missing",
         "to_publish", "published"), 0,
    )  # fmt: skip
    assert f"{RAW}source" in shown(hours_table([Row(**columns(hour=NOW, **counts))]))


def test_an_id_that_would_command_a_terminal_is_only_shown() -> None:
    one = letter(order_id="\x1b[2J\ud800\n", error="\x1b[2J", stack="a\n\x1b[2J")
    for text in (shown(letters_table([one])), told(Story(one, [], []))):
        assert "\x1b" not in text
        assert r"\x1b[2J\ud800\n" in text


def test_tables_name_what_a_person_needs_next() -> None:
    told = shown(letters_table([letter()]))
    for part in ("7", "payment.succeeded", "o1", "BRL 1,284.20", "f" * 16, "[o1] is off"):
        assert part in told
    group = Row(
        fingerprint="f" * 16, letters=3, first_at=NOW, last_at=NOW, name="payment.succeeded",
        category="conflict", error="Rejected: x", money={"BRL": 300, "JPY": 5}, origins=["event"],
    )  # fmt: skip
    told = shown(groups_table([group]))
    for part in ("f" * 16, "3", "BRL 3.00, JPY 5", "event payment.succeeded"):
        assert part in told
    assert "No dead letter" in shown(letters_table([]))
    assert "No open dead letter" in shown(groups_table([]))


def test_no_amount_is_no_money() -> None:
    assert money(None, None) == ""
