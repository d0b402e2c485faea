"""What Slack shows: all that is known, within its limits, and no text that it would act on."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_ops.alerting import slack_message
from order_ops.alerting.notices import Links
from order_ops.alerting.slack_message import Message, build, cut, escaped, plain_only
from order_ops_tests.unit.alerting.subjects import AT, notice

LINKS = Links("https://dagster.example/", "https://git.example/order_ops/blob/main")


def inner(message: Message) -> list[dict[str, Any]]:
    return list(message.attachments[0]["blocks"])


def told(message: Message) -> str:
    return str((message.blocks, message.attachments))


def test_all_that_is_known_is_there() -> None:
    message = build(notice(), LINKS)
    shown = told(message)
    for words in (
        ":red_circle: critical: Order o1: paid after its expiry",
        "critical · since 2026-03-10 15:00:00 UTC · seen 3 times, last 2026-03-10 15:05:00 UTC",
        "owner payments",
        "*Money at stake*\\nBRL 1,284.20",
        "*Order*\\no1",
        "*Tenant*\\nshop",
        "*Attempt*\\n2",
        "*Correlation*\\ncart-1",
        "*Alert*\\n7 order:shop:o1:2",
        "```\\nValueError: x\\n```",
    ):
        assert words in shown, words
    assert message.text == "critical: Order o1: paid after its expiry"
    (buttons,) = [block for block in inner(message) if block["type"] == "actions"]
    assert {b["text"]["text"]: b["url"] for b in buttons["elements"]} == {
        "Open run": "https://dagster.example/runs/run-1",
        "Runbook": "https://git.example/order_ops/blob/main/docs/runbooks/orders.md",
    }


def test_without_blocks_it_still_has_its_id() -> None:
    assert "alert 7 order:shop:o1:2" in plain_only(notice()).text


def test_without_links_there_are_no_buttons() -> None:
    kinds = {block["type"] for block in inner(build(notice(), Links()))}
    assert kinds == {"context", "section"}
    no_run = build(notice(run_id=None), LINKS)
    assert "Open run" not in told(no_run)


def test_several_currencies_and_orders_are_told_apart() -> None:
    money = {"JPY": 500, "BRL": 10, "???": 3}
    shown = told(build(notice(money=money, orders=("a", "b"), order_count=9), Links()))
    assert "3 ??? (minor units), BRL 0.10, JPY 500" in shown
    assert "*Orders (9)*\\na, b and 7 more" in shown


def test_a_resolved_alert_is_green_and_says_when_and_after_how_long() -> None:
    message = build(notice("end", resolved_at=AT + timedelta(hours=2, minutes=5)), LINKS)
    assert message.attachments[0]["color"] == "#2eb67d"
    assert "Resolved 2026-03-10 17:05:00 UTC, after 2 h 5 min." in told(message)
    assert message.blocks[0]["text"]["text"].startswith(":large_green_circle: Resolved: ")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("rise", "Its severity rose from warning to critical."),
        ("escalate", "Nobody has acknowledged it."),
        ("again", "It was snoozed by ana until 2026-03-10 15:00:00 UTC, and is still open."),
    ],
)
def test_it_says_why_it_rings_again(step: Any, words: str) -> None:
    assert words in told(build(notice(step, snoozed_until=AT, snoozed_by="ana"), Links()))


def test_who_is_at_it_is_shown() -> None:
    acknowledged = notice("refresh", acknowledged_at=AT, acknowledged_by="ana")
    assert "Acknowledged by ana, 2026-03-10 15:00:00 UTC." in told(build(acknowledged, Links()))
    snoozed = notice("refresh", snoozed_until=AT, snoozed_by="ana")
    assert "Snoozed by ana until" in told(build(snoozed, Links()))


def test_text_is_no_markup() -> None:
    message = build(notice(title="<!channel> & <http://x|y>", error="a ``` b\n<@U1>"), Links())
    assert message.text == "critical: &lt;!channel&gt; &amp; &lt;http://x|y&gt;"
    (code,) = [b["text"]["text"] for b in inner(message) if "```" in str(b.get("text"))]
    assert code.count("```") == 2
    assert "&lt;@U1&gt;" in code


hostile = st.text(st.sampled_from("<>&`a\n🙂;"), max_size=9_000)


@given(title=hostile, error=hostile, order=hostile, key=hostile)
def test_whatever_is_said_slack_takes_it(title: str, error: str, order: str, key: str) -> None:
    made = notice(title=title, error=error, orders=(order,) * 5, order_count=5, dedupe_key=key)
    long = Links("https://x.example/" + "y" * 3_000, "https://x.example")
    message = build(made, long)
    assert len(message.text) <= slack_message.TEXT
    assert 0 < len(message.blocks[0]["text"]["text"]) <= 150
    assert len(message.blocks) + len(inner(message)) <= 50
    for block in inner(message):
        if "text" in block:
            assert 0 < len(block["text"]["text"]) <= 3_000
            assert not set(block["text"]["text"]) & {"<", ">"}
        for part in block.get("fields", []):
            assert len(part["text"]) <= 2_000
        for button in block.get("elements", []):
            assert len(button.get("url", "")) <= 3_000
    assert len(plain_only(made).text) <= slack_message.TEXT


@given(hostile, st.integers(1, 60))
def test_a_cut_never_ends_within_an_escape(text: str, limit: int) -> None:
    short = cut(escaped(text), limit)
    assert len(short) <= limit
    left = short
    for whole in ("&amp;", "&lt;", "&gt;"):
        left = left.replace(whole, "")
    assert "&" not in left
