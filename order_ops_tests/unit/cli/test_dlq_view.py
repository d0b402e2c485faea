"""A dead letter is readable whatever its body is."""

import re
from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from order_ops.cli.dlq_view import groups_table, letters_table, money, readable, tell_story
from order_ops.jobs.dead_letters import Story

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def shown(what: object) -> str:
    out = StringIO()
    Console(file=out, width=300).print(what)
    return out.getvalue()


def letter(**fields: object) -> SimpleNamespace:
    whole = {
        "id": 7, "origin": "event", "origin_id": "70", "tenant_id": "shop", "order_id": "o1",
        "name": "payment.succeeded", "payload": b"{}", "edited": None, "headers": {},
        "category": "conflict", "error": "Rejected: [o1] is off", "stack": "Traceback ...\n",
        "attempts": 1, "fingerprint": "f" * 16, "amount_minor": 128_420, "currency": "BRL",
        "holds": True, "replay_of": 5, "state": "open", "reviewer": None, "reason": None,
        "created_at": NOW, "reviewed_at": None,
    }  # fmt: skip
    return SimpleNamespace(**{**whole, **fields})


def test_json_is_laid_out() -> None:
    assert '"a": "é"' in shown(readable('{"a":"é","b":[1]}'.encode()))


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
    audit = SimpleNamespace(at=NOW, actor="ana", action="dlq.edit", reason="typo", detail={"a": 1})
    story = Story(letter(), [SimpleNamespace(id=9, state="open")], [audit])
    out = StringIO()
    tell_story(Console(file=out, width=300), story)
    told = re.sub(r" +", " ", out.getvalue())
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
        assert part in told


def test_tables_name_what_a_person_needs_next() -> None:
    told = shown(letters_table([letter()]))
    for part in ("7", "payment.succeeded", "o1", "BRL 1,284.20", "f" * 16, "[o1] is off"):
        assert part in told
    group = SimpleNamespace(
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
