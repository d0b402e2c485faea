"""The ledger of messages in people's hands, and the watcher that keeps it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from order_ops.cli import app
from order_ops.devstack.processes import free_port
from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.messaging import topology
from order_ops.messaging.publisher import Outgoing, Publisher
from order_ops.settings import get_settings
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import PRODUCER, numbered


def messages(*arguments: str) -> tuple[int, str]:
    wide = {"COLUMNS": "300", "TERM": "dumb", "ORDER_OPS_GAP_GRACE_S": "0"}
    get_settings.cache_clear()
    result = CliRunner().invoke(app, ["messages", *arguments], env=wide)
    return result.exit_code, result.output


def test_the_command_shows_the_ledger_and_fails_when_something_is_missing(shop: Shop) -> None:
    shop.stage(*numbered(1, 4))
    code, told = messages("ledger")
    assert (code, "Gap 2: order-service of shop: 2 to 3" in told) == (1, True)
    assert "2 missing since" in messages("gaps")[1]
    code, told = messages("accept", "shop", PRODUCER, "2", "3")
    assert (code, "--reason: say why" in told) == (2, True)
    code, told = messages("accept", "shop", PRODUCER, "2", "9", "--reason", "x")
    assert (code, "is no gap of order-service" in told) == (2, True)
    assert messages("accept", "shop", PRODUCER, "2", "3", "--reason", "skipped")[0] == 0
    code, told = messages("ledger")
    assert (code, "Gap 0: nothing is missing." in told) == (0, True)
    assert "Nothing is missing." in messages("gaps")[1]


def numbered_by(producer: str, *numbers: int) -> list[Message]:
    found = numbered(*numbers)
    return [replace(m, body=m.body.replace(PRODUCER.encode(), producer.encode())) for m in found]


def test_gaps_and_acceptance_are_of_the_ledger_as_it_is_now(shop: Shop) -> None:
    """Nobody has refreshed it: a number that has just come is no gap, one that is missing is."""
    shop.stage(*numbered(1, 3))
    assert "order-service of shop: 2, 1 missing since" in messages("gaps")[1]
    shop.stage(*numbered(2, 5))
    (gap,) = json.loads(messages("gaps", "--json", "-")[1])
    assert (gap["first"], gap["last"]) == (4, 4)
    shop.stage(*numbered(8))
    assert messages("accept", "shop", PRODUCER, "6", "7", "--reason", "x")[0] == 0


def test_a_ledger_for_programs_says_what_its_exit_code_is_about(shop: Shop) -> None:
    shop.stage(*numbered(1, 4))
    code, told = messages("ledger", "--json", "-")
    found = json.loads(told)
    assert (code, found["gap"], found["what"]) == (1, 2, "order-service of shop: 2 to 3")
    assert [hour["received"] for hour in found["hours"]] == [2]


def test_a_gap_is_accepted_of_its_source_alone(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.inbox SET source = '[before]'")
    shop.stage(*numbered(1, 3))
    code, told = messages("accept", "shop", PRODUCER, "2", "2", "--source", "x", "--reason", "r")
    assert (code, "is no gap" in told) == (2, True)
    assert messages("accept", "shop", PRODUCER, "2", "2", "--reason", "r")[0] == 0
    (left,) = json.loads(messages("gaps", "--json", "-")[1])
    assert left["source"] == "[before]"
    assert "[before]" in messages("ledger")[1]
    other = ("shop", PRODUCER, "2", "2", "--source", "[before]", "--reason", "r")
    assert messages("accept", *other)[0] == 0
    assert "Nothing is missing." in messages("gaps")[1]


def test_a_producer_of_brackets_is_told_as_it_is(shop: Shop) -> None:
    shop.stage(*numbered_by("[/east][b]", 1, 3))
    assert "[/east][b] of shop: 2" in messages("ledger")[1]
    assert "[/east][b] of shop: 2" in messages("gaps")[1]
    code, told = messages("accept", "shop", "[/east][b]", "7", "7", "--reason", "x")
    assert (code, "is no gap of [/east][b]" in told) == (2, True)
    code, told = messages("accept", "shop", "[/east][b]", "2", "2", "--reason", "x")
    assert (code, "Numbers 2 to 2 of [/east][b] are accepted" in told) == (0, True)
    code, told = messages("accept", "a\0", "b", "2", "2", "--reason", "x")
    assert (code, "is no gap of b" in told) == (2, True)


def test_a_pause_says_who_and_why_whatever_they_are_called(shop: Shop) -> None:
    wide = {"COLUMNS": "300", "TERM": "dumb"}
    words = ["pause", "consumer", "--by", "[/ana]", "--reason", "[/x][bold]:x:"]
    result = CliRunner().invoke(app, words, env=wide)
    assert result.exit_code == 0, result.output
    assert "consumer is paused: by [/ana] since" in result.stdout
    assert "[/x][bold]:x:" in result.stdout


def test_a_watcher_without_its_port_ends_with_one_message_and_wakes_nobody(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("ORDER_OPS_METRICS_PORT", str(port))
        command = [sys.executable, "-m", "order_ops.cli", "watch"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"ORDER_OPS_METRICS_PORT: metrics cannot be served at 127.0.0.1:{port}: " in line
    assert shop.one("SELECT count(*) FROM ops.alert") == 0


BEAT = "SELECT 1 FROM ops.beat WHERE name = 'process:watch'"


def test_the_watcher_keeps_the_ledger_and_is_scraped(
    shop: Shop, amqp_url: str, broker_api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """50 messages that nobody consumes, a poison message and a gap: a scrape shows each."""
    monkeypatch.setenv("ORDER_OPS_AMQP_URL", amqp_url)
    monkeypatch.setenv("ORDER_OPS_BROKER_API_URL", broker_api_url)
    topology.ensure(amqp_url, shop.mapping.events)
    waiting = [Outgoing(None, "shop.events", m.routing_key, m.body) for m in numbered(*range(50))]
    publisher = Publisher(amqp_url)
    publisher.publish(waiting)
    publisher.close()
    shop.stage(Message(b"{", "order.created", {}))
    port = free_port()
    monkeypatch.setenv("ORDER_OPS_METRICS_PORT", str(port))
    monkeypatch.setenv("ORDER_OPS_GAP_GRACE_S", "0")
    shop.stage(*numbered(1, 2, 5))
    watcher = subprocess.Popen([sys.executable, "-m", "order_ops.cli", "watch"], env=os.environ)

    def scraped() -> dict[str, float]:
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except URLError:
            return {}
        found = re.findall(r"^(\w.*) (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    try:
        wait_until(
            lambda: scraped().get("order_ops_messages_missing") == 2, 30, "the gap is scraped"
        )
        figures = scraped()
        assert figures["order_ops_messages_received_total"] == 4
        assert figures['order_ops_messages{state="pending"}'] == 3
        assert figures["order_ops_inbox_pending"] == 3
        assert figures["order_ops_inbox_oldest_timestamp_seconds"] > 1_700_000_000
        assert figures['order_ops_dead_letters{category="permanent",origin="event"}'] == 1
        depth = 'order_ops_queue_messages{queue="order_ops.normal",state="ready"}'
        wait_until(lambda: scraped().get(depth) == 50, 30, "the broker has counted its queue")
        assert figures["order_ops_outbox_unconfirmed"] == 0
        assert figures['order_ops_readable{source="database"}'] == 1
        assert shop.rows(BEAT)
    finally:
        watcher.send_signal(signal.SIGTERM)
        assert watcher.wait(30) == 0
    assert not shop.rows(BEAT), "one that was stopped in order is not missed"
