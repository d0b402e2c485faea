"""Alerts at Slack: told once, kept up to date, whatever happens on the way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from order_ops.devstack.processes import free_port
from order_ops.devstack.waiting import wait_until
from order_ops_tests.integration.alerting import (
    all_are,
    by_token,
    deliveries,
    ended,
    later,
    made,
    raised,
    running,
    settled,
    states,
    texts,
)
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.slack import (
    BROKEN,
    CHANNEL,
    RATE_LIMITED,
    TAKEN_AND_SILENT,
    TOKEN,
    Answer,
    Slack,
    serving,
)


@pytest.fixture
def slack() -> Iterator[Slack]:
    with serving(Slack()) as made:
        yield made


def test_an_alert_is_a_message_that_ends_with_it(shop: Shop, slack: Slack) -> None:
    raised(shop, "order:shop:o1:2", order_id="o1", amount_minor=128_420, currency="BRL")
    deliverer = made(shop, by_token(slack))
    settled(deliverer)
    (message,) = slack.messages
    shown = texts(message)
    assert ":red_circle: critical: order:shop:o1:2 is wrong" in shown
    assert "BRL 1,284.20" in shown
    (row,) = deliveries(shop)
    assert (row.state, row.ref) == ("told", f"{CHANNEL}:{message['ts']}")
    ended(shop, "order:shop:o1:2")
    settled(deliverer)
    (message,) = slack.messages
    assert ":large_green_circle: Resolved" in texts(message)
    assert message["edits"] == 1
    assert states(shop) == ["ended"]


def test_a_burst_of_one_key_is_one_message(shop: Shop, slack: Slack) -> None:
    deliverer = made(shop, by_token(slack))
    with running(deliverer):
        for _ in range(199):
            raised(shop, "expiry:shop:o1:new")
        raised(shop, "expiry:shop:o1:new")
        wait_until(lambda: "seen 200 times" in texts(slack.messages[0]), 30, "200 are shown")
    assert len(slack.messages) == 1
    assert shop.rows("SELECT seen FROM ops.alert") == [(200,)]
    assert slack.messages[0]["edits"] < 30


def test_a_burst_in_one_statement_is_counted_too(shop: Shop, slack: Slack) -> None:
    raised(shop, *["expiry:shop:o1:new"] * 200)
    settled(made(shop, by_token(slack)))
    assert "seen 200 times" in texts(slack.messages[0])


def test_every_key_of_a_burst_gets_out(shop: Shop, slack: Slack) -> None:
    raised(shop, *[f"order:shop:o{n}:1" for n in range(200)])
    with running(made(shop, by_token(slack))):
        all_are(shop, "told", 200)
    assert len({m["text"] for m in slack.messages}) == len(slack.messages) == 200


def test_a_message_is_refreshed_at_most_so_often(shop: Shop, slack: Slack) -> None:
    deliverer = made(shop, by_token(slack), refresh_s=30)
    raised(shop, "order:shop:o1:2")
    settled(deliverer)
    raised(shop, "order:shop:o1:2")
    settled(deliverer)
    assert slack.calls == ["chat.postMessage"]
    later(shop, "31 seconds")
    settled(deliverer)
    assert slack.calls == ["chat.postMessage", "chat.update"]
    assert "seen 2 times" in texts(slack.messages[0])


def test_an_outage_loses_and_doubles_nothing(shop: Shop) -> None:
    slack = Slack()  # refuses connections
    deliverer = made(shop, by_token(slack))
    with running(deliverer):
        raised(shop, *[f"order:shop:o{n}:1" for n in range(20)])
        failing = "SELECT count(*) FROM ops.alert_delivery WHERE attempts > 0"
        wait_until(lambda: shop.one(failing) > 1, 30, "it was tried in vain")
        with serving(slack):
            slack.plan("chat.postMessage", BROKEN, BROKEN)
            all_are(shop, "told", 20)
    assert sorted(m["text"] for m in slack.messages) == sorted(
        f"critical: order:shop:o{n}:1 is wrong" for n in range(20)
    )


def test_a_rate_limit_is_honoured(shop: Shop, slack: Slack) -> None:
    raised(shop, *[f"order:shop:o{n}:1" for n in range(5)])
    slack.plan("chat.postMessage", Answer(), RATE_LIMITED)
    deliverer = made(shop, by_token(slack))
    settled(deliverer)
    assert len(slack.calls) == 2, "nothing is asked of it while it rests"
    with running(deliverer):
        all_are(shop, "told", 5)
    assert (len(slack.messages), len(slack.calls)) == (5, 6)
    assert [row.attempts for row in deliveries(shop)] == [0] * 5


def test_what_was_taken_and_not_answered_is_not_doubled(shop: Shop, slack: Slack) -> None:
    slack.page = 2
    raised(shop, *[f"order:shop:o{n}:1" for n in range(5)])
    slack.plan("chat.postMessage", TAKEN_AND_SILENT)
    with running(made(shop, by_token(slack, timeout=1))):
        all_are(shop, "told", 5)
    assert len(slack.messages) == 5
    assert "conversations.history" in slack.calls
    assert all(row.ref for row in deliveries(shop))


def test_what_was_neither_taken_nor_answered_is_sent_again(shop: Shop, slack: Slack) -> None:
    raised(shop, "order:shop:o1:1")
    slack.plan("chat.postMessage", Answer(silent=True))
    with running(made(shop, by_token(slack, timeout=1))):
        all_are(shop, "told", 1)
    assert len(slack.messages) == 1


def test_a_deliverer_that_was_killed_while_sending_doubles_nothing(
    shop: Shop, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised(shop, "order:shop:o1:1")
    slack.plan("chat.postMessage", TAKEN_AND_SILENT)
    for name, value in {
        "SLACK_TOKEN": TOKEN,
        "SLACK_CHANNEL": CHANNEL,
        "SLACK_API_BASE": slack.base,
        "METRICS_PORT": str(free_port()),
        "LEASE_S": "6",
    }.items():
        monkeypatch.setenv(f"ORDER_OPS_{name}", value)
    watcher = subprocess.Popen([sys.executable, "-m", "order_ops.cli", "watch"], env=os.environ)
    try:
        wait_until(lambda: slack.messages, 60, "the watcher has sent")
    finally:
        watcher.send_signal(signal.SIGKILL)
        watcher.wait(30)
    assert states(shop) == ["sending"]
    with running(made(shop, by_token(slack))):
        wait_until(lambda: "told" in states(shop), 60, "the next one has found it")
    mine = [m for m in slack.messages if "order:shop:o1:1" in m["text"]]
    assert len(mine) == 1
    assert deliveries(shop)[0].ref == f"{CHANNEL}:{mine[0]['ts']}"


def test_a_severity_that_rises_is_said_in_the_thread(shop: Shop, slack: Slack) -> None:
    deliverer = made(shop, by_token(slack))
    for severity in ("warning", "critical", "info"):
        raised(shop, "job:x", severity=severity)
        settled(deliverer)
    (first,), (reply,) = slack.first(), slack.replies()
    assert (reply["thread_ts"], reply["reply_broadcast"]) == (first["ts"], True)
    assert "rose from warning to critical" in texts(reply)
    assert shop.one("SELECT severity FROM ops.alert") == "critical"
    ended(shop, "job:x")
    settled(deliverer)
    assert "Resolved" in texts(slack.first()[0])
    assert "Resolved" not in texts(slack.replies()[0])


def test_a_reply_that_was_taken_and_not_answered_is_found_in_its_thread(
    shop: Shop, slack: Slack
) -> None:
    deliverer = made(shop, by_token(slack, timeout=1))
    raised(shop, "job:x", severity="warning")
    settled(deliverer)
    slack.plan("chat.postMessage", TAKEN_AND_SILENT)
    raised(shop, "job:x", severity="critical")
    with running(deliverer):
        told = "SELECT count(*) FROM ops.alert_delivery WHERE told_severity = 'critical'"
        wait_until(lambda: shop.one(told) == 1, 30, "the rise is known to be told")
    assert len(slack.replies()) == 1


def test_a_message_that_somebody_deleted_ends_all_the_same(shop: Shop, slack: Slack) -> None:
    deliverer = made(shop, by_token(slack))
    raised(shop, "job:x")
    settled(deliverer)
    slack.plan("chat.update", Answer(error="message_not_found"))
    ended(shop, "job:x")
    settled(deliverer)
    (row,) = deliveries(shop)
    assert (row.state, "message_not_found" in row.last_error) == ("ended", True)


def test_blocks_that_slack_refuses_are_said_in_plain_words(shop: Shop, slack: Slack) -> None:
    raised(shop, "job:x")
    slack.plan("chat.postMessage", Answer(error="invalid_blocks"))
    settled(made(shop, by_token(slack)))
    (message,) = slack.messages
    assert message["text"].startswith("critical: job:x is wrong\ncritical · since ")
    assert not message.get("blocks")
