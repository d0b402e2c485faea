"""`order-ops trace`: an id from an alert leads to the message, the work, and the log lines."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pika
import pytest

from order_ops.devstack.programs import log_file
from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.jobs.letters import dead_letters
from order_ops.messaging import topology
from order_ops.settings import get_settings
from order_ops.store.engine import transaction
from order_ops_tests.integration.alerting import everywhere, made, settled
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.letters import ANA
from order_ops_tests.integration.tracing import found, ids, refused, said
from order_ops_tests.shop import created, message

ONE, MAIL, RUN = "cart-0042", "ana.canary@example.com", "3f6c1d2e-0000-4000-8000-000000000001"

WORKER = f"""
from order_ops.jobs.orders.apply_events import apply_due_events
from order_ops.jobs.orders.apply_lanes import worker
from order_ops.jobs.catalogue import APPLY_ORDER_EVENTS as JOB
from order_ops.jobs.running.runtime import perform
from order_ops.settings import get_settings
from order_ops.store.engine import engine
from order_ops.store.executions import Asked
from order_ops.telemetry.logs import configure

configure("worker")
settings, run_id = get_settings(), "{RUN}"
asked = Asked(JOB.name, "apply", "all", "run " + run_id, run_id, "here:1", JOB.lease_s)
perform(engine(settings), JOB, asked,
        lambda running: apply_due_events(worker(settings, run_id, running.pool)))
"""


def failing_payment(order: str = "o1", **more: Any) -> Message:
    """An account that the mapping does not know, and a buyer whom nobody should read of."""
    return message(
        "payment.succeeded",
        order,
        1,
        payment="p1",
        account=MAIL,
        amount_minor=500,
        currency="BRL",
        buyer={"email": MAIL},
        **more,
    )


@contextmanager
def consuming(home: Path) -> Iterator[None]:
    """A consumer process that logs where `order-ops up` has it log."""
    log = log_file(home, "consumer")
    log.parent.mkdir(exist_ok=True)
    with (
        log.open("wb") as out,
        subprocess.Popen([sys.executable, "-m", "order_ops.cli", "consume"], stdout=out) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(60) == 0


@pytest.fixture
def failed(
    shop: Shop, amqp_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Shop]:
    """An order, and a payment of it that fails, through the broker and two processes.

    Another order of the same run fails too, and a message of the same cart cannot be read.
    """
    monkeypatch.setenv("ORDER_OPS_AMQP_URL", amqp_url)
    get_settings.cache_clear()
    topology.ensure(amqp_url, shop.mapping.events)
    unreadable = Message(b'{"email": "%s"' % MAIL.encode(), "order.created", {})
    sent = [
        (created("o1"), ONE),
        (failing_payment(), ONE),
        (unreadable, ONE),
        (created("o2"), "other"),
        (failing_payment("o2"), "other"),
    ]
    with consuming(tmp_path):
        with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
            for one, correlation in sent:
                properties = pika.BasicProperties(correlation_id=correlation, delivery_mode=2)
                connection.channel().basic_publish(
                    "shop.events", one.routing_key, one.body, properties
                )
        wait_until(
            lambda: shop.one("SELECT count(*) FROM intake.inbox") == len(sent), 60, "all messages"
        )
    with log_file(tmp_path, "worker").open("wb") as out:
        subprocess.run([sys.executable, "-c", WORKER], stdout=out, check=True, timeout=120)
    yield shop
    get_settings.cache_clear()


def of_the_cart(shop: Shop, told: dict[str, Any]) -> None:
    """All that came of ONE is there, and nothing of another."""
    messages = shop.rows(
        "SELECT id FROM intake.inbox WHERE correlation_id = %(c)s ORDER BY id", c=ONE
    )
    assert ids(told, "messages") == [row.id for row in messages]
    assert len(messages) == 3
    ((execution,),) = shop.rows("SELECT id FROM ops.job_execution")
    assert ids(told, "executions") == [execution]
    assert told["executions"][0]["run_id"] == RUN
    letters = shop.rows(
        "SELECT id FROM ops.dead_letter WHERE correlation_id = %(c)s ORDER BY id", c=ONE
    )
    assert ids(told, "letters") == [row.id for row in letters]
    assert len(letters) == 2
    assert len(told["alerts"]) == 2
    outbox = shop.rows("SELECT id FROM ops.outbox WHERE correlation_id = %(c)s ORDER BY id", c=ONE)
    assert ids(told, "outbox") == [row.id for row in outbox]
    assert len(outbox) == 1
    assert [row["kind"] for row in told["history"]] == ["created"]
    lines = {(line["process"], line["event"]): line for line in told["lines"]}
    parked, dead = lines["consumer", "event.parked"], lines["worker", "event.not_applied"]
    assert parked["correlation_id"] == dead["correlation_id"] == ONE
    assert (dead["run_id"], dead["execution_id"]) == (RUN, execution)
    assert [line for line in told["lines"] if line.get("order") == "o2"] == []
    assert (told["cut"], told["logs"]["files"]) == ([], 2)


def test_the_id_of_an_alert_finds_all_that_it_is_of(failed: Shop) -> None:
    pager = everywhere()
    settled(made(failed, pager))
    (told,) = [n.subject for n in pager.told if "payment.succeeded" in n.subject.title]
    # two orders failed for one cause: the alert is of both
    of_both = found(f"alert:{told.id}")
    assert ids(of_both, "alerts")[:1] != []
    assert {row["order_id"] for row in of_both["letters"]} == {"o1", "o2", None}
    assert {row["order_id"] for row in of_both["outbox"]} == {"o1", "o2"}
    assert [row["run_id"] for row in of_both["executions"]] == [RUN]
    assert {line["process"] for line in of_both["lines"]} == {"consumer", "worker"}
    assert of_both == {**found(told.dedupe_key), "asked": of_both["asked"]}
    assert of_both == {**found(told.name), "asked": of_both["asked"]}
    assert told.correlation_id in {ONE, "other"}
    of_the_cart(failed, found(ONE))


def test_each_id_on_the_way_finds_the_same(failed: Shop) -> None:
    letter = failed.one("SELECT id FROM ops.dead_letter WHERE order_id = 'o1'")
    ours = failed.one("SELECT message_id FROM ops.outbox WHERE order_id = 'o1'")
    ((event, theirs),) = failed.rows(
        "SELECT id, message_id FROM intake.inbox WHERE order_id = 'o1' AND state = 'parked'"
    )
    numbers = (f"letter:{letter}", f"dead_letter:{letter}", f"event:{event}")
    names = (theirs, ours, f"message:{ours}", "o1", "order:o1", "order:shop/o1", f" {ONE} ")
    for one in (*numbers, *names):
        told = found(one)
        assert letter in ids(told, "letters"), one
        assert ours in [row["message_id"] for row in told["outbox"]], one
        of_the_cart(failed, told)


def test_a_run_and_its_execution_find_all_they_had(failed: Shop) -> None:
    execution = failed.one("SELECT id FROM ops.job_execution")
    told = found(RUN)
    orders = {row["order_id"] for row in told["messages"]}
    assert orders == {"o1", "o2"}
    assert {row["order_id"] for row in told["outbox"]} == {"o1", "o2"}
    not_applied = [line for line in told["lines"] if line["event"] == "event.not_applied"]
    assert {line["order"] for line in not_applied} == {"o1", "o2"}
    assert {**found(RUN[:8]), "asked": RUN} == told
    again = found(f"execution:{execution}")
    assert ids(again, "messages") == ids(told, "messages")
    assert again["lines"] == told["lines"]


def test_it_is_told_in_time_order_and_nothing_personal_is_in_it(failed: Shop) -> None:
    shown = said(ONE)
    times = [line[:23] for line in shown.splitlines() if line.startswith("20")]
    assert times == sorted(times)
    for words in (
        "cart-0042: correlation:cart-0042",
        "payment.succeeded of order o1 of shop",
        f"parked by run {RUN}",
        f"run {RUN}, worker here:1",
        "BRL 5.00 at stake",
        "created, nothing -> PENDING of order o1 of shop",
        "order.changed of order o1 of shop",
        "log consumer    warning event.parked",
        "log worker      warning event.not_applied",
        "0 of them skipped: they are no JSON.",
    ):
        assert words in shown, words
    assert MAIL not in shown
    assert MAIL not in json.dumps(found(ONE))
    _what_people_did_is_in_it(failed)
    _what_is_kept_no_longer_is_counted(failed)


def _what_people_did_is_in_it(failed: Shop) -> None:
    letter = failed.one("SELECT id FROM ops.dead_letter WHERE order_id = 'o1'")
    dead_letters.discard(failed.pool, [letter], ANA)
    shown = said(ONE)
    assert "discarded by ana: asked the shop" in shown
    assert f"ana: dlq.discard of dead_letter:{letter}: asked the shop" in shown


def test_lists_that_are_cut_say_so_and_logs_are_where_they_are_named(
    failed: Shop, tmp_path: Path
) -> None:
    told = found(ONE, "--limit", "1")
    assert {"messages", "letters"} <= set(told["cut"])
    assert len(told["messages"]) == 1
    assert told["logs"]["matched"] >= 1
    shown = said(ONE, "--limit", "1")
    assert "There is more, which is neither shown nor followed: " in shown
    assert "Raise --limit." in shown
    _logs_are_read_from_where_they_are_named(tmp_path)


def _what_is_kept_no_longer_is_counted(failed: Shop) -> None:
    with transaction(failed.pool) as conn:
        conn.execute("DELETE FROM ops.outbox")
    assert "Of 1 changes the messages that told of them are not kept any more" in said(ONE)


def _logs_are_read_from_where_they_are_named(tmp_path: Path) -> None:
    folder = log_file(tmp_path, "x").parent
    lines = "\n".join(file.read_text() for file in folder.iterdir()) + "\nTraceback (most\n"
    piped = found(ONE, "--logs", "-", stdin=lines)
    assert piped["lines"] == found(ONE)["lines"]
    assert piped["logs"]["not_json"] == 1
    one = found(ONE, "--logs", str(log_file(tmp_path, "consumer")))
    assert {line["process"] for line in one["lines"]} == {"consumer"}
    assert "none.log: cannot be read: No such file" in refused(
        ONE, "--logs", str(tmp_path / "none.log")
    )


def test_without_logs_it_says_that_none_were_read(shop: Shop) -> None:
    shop.stage(replace(created("o1"), correlation_id=ONE))
    assert "No log lines were read: name their files with --logs." in said(ONE)
