"""The ledger of messages: every number that does not come is found, and what comes closes it."""

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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from order_ops.cli import app
from order_ops.devstack.processes import free_port
from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.jobs import message_ledger
from order_ops.jobs.dead_letters import edit
from order_ops.jobs.letter_sets import Selection, find
from order_ops.jobs.message_ledger import Balance, GapError, accept, hours, refresh
from order_ops.jobs.replays import Replayer, replay
from order_ops.messaging import topology
from order_ops.messaging.publisher import Outgoing, Publisher
from order_ops.settings import get_settings
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import message

ANA = Actor("ana", "restored from a backup")
PRODUCER = "order-service"


def numbered(*numbers: int) -> list[Message]:
    """Messages of one producer that counts over all of its orders."""
    return [message("order.created", f"o{n}", n, total_minor=1, currency="BRL") for n in numbers]


def now(shop: Shop, grace_s: float = 0) -> Balance:
    return refresh(shop.pool, "shop", grace_s)


def missing(shop: Shop) -> list[tuple[int, int]]:
    return [(gap.first, gap.last) for gap in now(shop).gaps]


def test_numbers_that_did_not_come_are_a_gap_until_they_come(shop: Shop) -> None:
    shop.stage(*numbered(1, 2, 5, 6, 9))
    assert missing(shop) == [(3, 4), (7, 8)]
    shop.stage(*numbered(4, 8))
    assert missing(shop) == [(3, 3), (7, 7)]
    shop.stage(*numbered(3, 7))
    assert now(shop).gap == 0


def test_what_is_left_of_a_gap_is_as_old_as_the_gap(shop: Shop) -> None:
    shop.stage(*numbered(1, 5))
    now(shop)
    shop.rows("UPDATE intake.gap SET found_at = now() - interval '2 hours' RETURNING 1")
    shop.stage(*numbered(3))
    now(shop)
    ages = shop.rows("SELECT now() - found_at > interval '1 hour' AS old FROM intake.gap")
    assert [row.old for row in ages] == [True, True]


def test_a_gap_counts_once_messages_cannot_overtake_each_other_any_more(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    assert now(shop, grace_s=600).gap == 0
    assert shop.one("SELECT count(*) FROM ops.alert") == 0
    shop.rows("UPDATE intake.gap SET found_at = now() - interval '11 minutes' RETURNING 1")
    found = now(shop, grace_s=600)
    assert (found.gap, str(found)) == (1, "order-service of shop: 2")


def test_a_gap_is_one_alert_that_ends_with_it(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    now(shop)
    now(shop)
    open_ones = "SELECT title, severity FROM ops.alert WHERE resolved_at IS NULL"
    ((title, severity),) = shop.rows(open_ones)
    assert (severity, title) == ("critical", "Messages are missing: order-service of shop: 2")
    shop.stage(*numbered(2))
    now(shop)
    assert shop.rows(open_ones) == []


@given(numbers=st.lists(st.integers(0, 30), min_size=1, max_size=25), cut=st.integers(0, 25))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_arrival_leaves_the_gaps_that_there_are(
    shop: Shop, numbers: list[int], cut: int
) -> None:
    with transaction(shop.pool) as conn:
        conn.execute("TRUNCATE intake.inbox, intake.sequence, intake.gap, intake.hour, ops.outbox")
    for batch in (numbers[:cut], numbers[cut:]):
        if batch:
            shop.stage(*numbered(*batch))
        found = {n for gap in now(shop).gaps for n in range(gap.first, gap.last + 1)}
    assert found == set(range(min(numbers), max(numbers))) - set(numbers)


def test_producers_are_counted_apart(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    paid = {"payment": "p", "account": "shop-cards", "amount_minor": 1, "currency": "BRL"}
    shop.stage(message("payment.succeeded", "o1", 7, **paid))
    assert [str(gap) for gap in now(shop).gaps] == ["order-service of shop: 2"]


def test_unreadable_is_missing_to_the_ledger_until_it_is_mended(shop: Shop) -> None:
    shop.stage(*numbered(1, 3), Message(numbered(2)[0].body[:-1], "order.created", {}))
    assert missing(shop) == [(2, 2)]
    assert shop.one("SELECT parked FROM intake.hour") == 1
    (letter,) = find(shop.pool, Selection())
    # long before, so that the ledger looks for it among what was settled, not what came
    shop.rows("UPDATE intake.inbox SET received_at = now() - interval '3 hours' RETURNING 1")
    now(shop)
    edit(shop.worker(), letter.id, numbered(2)[0].body, ANA)
    (acted,) = replay(Replayer(shop.worker(), ANA, None), [letter.id])
    assert acted.ok, acted.why
    assert now(shop).gaps == []


def test_each_producer_has_its_own_alert(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    now(shop)
    paid = {"payment": "p", "account": "shop-cards", "amount_minor": 1, "currency": "BRL"}
    shop.stage(*(message("payment.succeeded", "o1", n, **paid) for n in (1, 9_000)))
    now(shop)
    keys = "SELECT dedupe_key FROM ops.alert WHERE resolved_at IS NULL ORDER BY 1"
    assert [row.dedupe_key for row in shop.rows(keys)] == [
        "messages:gap:shop:shop:order-service",
        "messages:gap:shop:shop:payment-service",
    ]
    shop.stage(*numbered(2))
    now(shop)
    assert [row.dedupe_key for row in shop.rows(keys)] == ["messages:gap:shop:shop:payment-service"]


def test_a_gap_of_another_source_is_not_accepted_with_it(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    now(shop)
    with pytest.raises(GapError, match="its gaps: none"):
        accept(shop.pool, "old", "shop", PRODUCER, 2, 2, ANA)


def test_an_idle_ledger_counts_no_hour_again(shop: Shop) -> None:
    shop.stage(*numbered(*range(1, 9)))
    shop.apply()
    shop.rows("UPDATE ops.outbox SET published_at = now() RETURNING 1")
    past = "now() - interval '3 hours'"
    shop.rows(f"UPDATE intake.inbox SET received_at = {past}, settled_at = {past} RETURNING 1")
    shop.rows(f"UPDATE ops.outbox SET created_at = {past}, published_at = {past} RETURNING 1")
    now(shop)
    shop.rows("UPDATE intake.hour SET updated_at = now() - interval '1 hour' RETURNING 1")
    now(shop)
    (hour,) = hours(shop.pool, 9)
    assert (hour.received, hour.published) == (8, 8)
    assert shop.one("SELECT now() - updated_at > interval '50 minutes' FROM intake.hour")


@pytest.mark.parametrize("number", [10**15, 10**15 - 1])
def test_the_largest_number_leaves_the_ledger_alive(shop: Shop, number: int) -> None:
    shop.stage(*numbered(1, number, 10**15 + 1))
    assert shop.one("SELECT count(*) FROM intake.inbox WHERE state = 'parked'") == 1
    assert now(shop).gap == number - 2
    assert message_ledger.totals(shop.pool).missing == number - 2


def test_a_message_of_ours_that_nobody_confirmed_is_part_of_the_gap(shop: Shop) -> None:
    shop.stage(*numbered(1))
    shop.apply()
    found = now(shop)
    assert (found.gap, str(found)) == (1, "1 of our own messages are not confirmed")
    shop.rows("UPDATE ops.outbox SET published_at = now() RETURNING 1")
    assert now(shop).gap == 0
    assert [(row.to_publish, row.published) for row in hours(shop.pool, 9)] == [(1, 1)]


def test_each_hour_says_what_came_and_what_became_of_it(shop: Shop) -> None:
    shop.stage(*numbered(1, 2), *numbered(2), Message(b"{", "order.created", {}))
    shop.rows("UPDATE intake.inbox SET received_at = received_at - interval '3 hours' RETURNING 1")
    shop.stage(*numbered(4))
    now(shop)
    shop.apply()
    now(shop)
    latest, before = hours(shop.pool, 9)
    assert (latest.received, latest.done, latest.pending, latest.missing) == (1, 1, 0, 1)
    assert (before.received, before.copies, before.done, before.parked) == (3, 4, 2, 1)
    for row in (latest, before):
        became = row.pending + row.done + row.parked + row.skipped + row.discarded
        assert became == row.received
    sums = message_ledger.totals(shop.pool)
    assert (sums.received, sums.copies, sums.missing) == (4, 5, 1)


def test_a_gap_that_never_closes_is_accepted_by_name(shop: Shop) -> None:
    shop.stage(*numbered(1, 10))
    now(shop)
    with pytest.raises(GapError, match=r"5 to 11 is no gap of order-service; its gaps: .*2 to 9"):
        accept(shop.pool, "shop", "shop", PRODUCER, 5, 11, ANA)
    accept(shop.pool, "shop", "shop", PRODUCER, 3, 9, ANA)
    assert missing(shop) == [(2, 2)]
    row = shop.rows("SELECT actor, subject, reason, detail FROM ops.audit")[0]
    assert row == ("ana", "producer:shop:shop:order-service", ANA.reason, {"first": 3, "last": 9})


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
    finally:
        watcher.send_signal(signal.SIGTERM)
        assert watcher.wait(30) == 0
