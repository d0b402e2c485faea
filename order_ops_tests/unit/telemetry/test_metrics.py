"""Metrics are read at the scrape, and a scrape tells when they cannot be."""

import threading
from collections.abc import Iterable
from types import SimpleNamespace
from urllib.request import urlopen

from prometheus_client import CollectorRegistry, Metric, generate_latest

from order_ops.devstack.processes import free_port
from order_ops.devstack.waiting import wait_until
from order_ops.messaging.broker_api import QueueDepth
from order_ops.telemetry.metrics import (
    Reading,
    alert_metrics,
    backlog_metrics,
    message_metrics,
    queue_metrics,
    serve,
)

TOTALS = SimpleNamespace(received=9, copies=11, pending=1, done=5, parked=2, skipped=0, discarded=1)


def scraped(reading: Reading) -> str:
    registry = CollectorRegistry()
    registry.register(reading)
    return generate_latest(registry).decode()


def test_every_figure_of_the_ledger_is_there() -> None:
    told = scraped(Reading({"database": lambda: message_metrics(TOTALS, 3, 4)}))
    for line in (
        "order_ops_messages_received_total 9.0",
        "order_ops_messages_copies_total 11.0",
        'order_ops_messages{state="pending"} 1.0',
        'order_ops_messages{state="parked"} 2.0',
        "order_ops_messages_missing 3.0",
        "order_ops_outbox_unconfirmed 4.0",
        'order_ops_readable{source="database"} 1.0',
    ):
        assert line in told.splitlines()


def test_what_cannot_be_read_is_left_out_and_said() -> None:
    def away() -> Iterable[Metric]:
        raise ConnectionError("the database is away")

    queue = QueueDepth("order_ops.critical", ready=50, unacked=2)
    told = scraped(Reading({"database": away, "broker": lambda: queue_metrics([queue])}))
    for line in (
        'order_ops_readable{source="database"} 0.0',
        'order_ops_readable{source="broker"} 1.0',
        'order_ops_queue_messages{queue="order_ops.critical",state="ready"} 50.0',
        'order_ops_queue_messages{queue="order_ops.critical",state="unacked"} 2.0',
    ):
        assert line in told.splitlines()
    assert "order_ops_messages" not in told


def test_a_source_that_hangs_holds_up_no_other_and_is_not_asked_twice() -> None:
    asked, answer = [], threading.Event()

    def hangs() -> Iterable[Metric]:
        asked.append(1)
        answer.wait(30)
        return message_metrics(TOTALS, 3, 4)

    queue = QueueDepth("order_ops.critical", ready=50, unacked=2)
    sources = {"database": hangs, "broker": lambda: queue_metrics([queue])}
    reading = Reading(sources, deadline_s=0.2)
    try:
        for _ in range(2):
            told = scraped(reading)
            assert 'order_ops_readable{source="database"} 0.0' in told
            assert 'order_ops_readable{source="broker"} 1.0' in told
        assert len(asked) == 1
    finally:
        answer.set()
    wait_until(lambda: 'order_ops_readable{source="database"} 1.0' in scraped(reading), 5, "it")


def test_an_empty_backlog_has_no_oldest() -> None:
    empty = SimpleNamespace(pending=0, oldest=None, held=3, unpublished=0, refreshed=7.0)
    letters = [SimpleNamespace(origin="event", category="conflict", letters=2, oldest=5.0)]
    told = scraped(Reading({"database": lambda: backlog_metrics(empty, letters)})).splitlines()
    assert "order_ops_inbox_pending 0.0" in told
    assert not [line for line in told if line.startswith("order_ops_inbox_oldest")]
    assert "order_ops_inbox_held 3.0" in told
    assert "order_ops_message_ledger_timestamp_seconds 7.0" in told
    assert 'order_ops_dead_letters{category="conflict",origin="event"} 2.0' in told


def test_a_scrape_reads_anew_and_the_port_is_free_afterwards() -> None:
    port, figures = free_port(), iter([1, 2])

    def counting() -> Iterable[Metric]:
        return message_metrics(TOTALS, next(figures), 0)

    for _ in range(2):
        end = serve(port, {"database": counting}, "127.0.0.1")
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        finally:
            end()
    assert "order_ops_messages_missing 2.0" in text


def test_alerts_that_are_open_and_that_wait_are_told() -> None:
    critical = [SimpleNamespace(severity="critical", alerts=2)]
    waiting = SimpleNamespace(alerts=1, oldest=5.0)
    told = scraped(Reading({"database": lambda: alert_metrics(critical, waiting)})).splitlines()
    for line in (
        'order_ops_alerts_open{severity="critical"} 2.0',
        'order_ops_alerts_open{severity="info"} 0.0',
        "order_ops_alerts_undelivered 1.0",
        "order_ops_alerts_undelivered_oldest_timestamp_seconds 5.0",
    ):
        assert line in told
    none = SimpleNamespace(alerts=0, oldest=None)
    told = scraped(Reading({"database": lambda: alert_metrics([], none)})).splitlines()
    assert not [line for line in told if line.startswith("order_ops_alerts_undelivered_oldest")]
