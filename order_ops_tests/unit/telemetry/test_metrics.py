"""Metrics are read at the scrape, and a scrape tells when they cannot be."""

from collections.abc import Iterable
from types import SimpleNamespace
from urllib.request import urlopen

from prometheus_client import CollectorRegistry, Metric, generate_latest

from order_ops.devstack.processes import free_port
from order_ops.telemetry.metrics import Reading, message_metrics, serve

TOTALS = SimpleNamespace(received=9, copies=11, pending=1, done=5, parked=2, skipped=0, discarded=1)


def scraped(reading: Reading) -> str:
    registry = CollectorRegistry()
    registry.register(reading)
    return generate_latest(registry).decode()


def test_every_figure_of_the_ledger_is_there() -> None:
    told = scraped(Reading(lambda: message_metrics(TOTALS, 3, 4)))
    for line in (
        "order_ops_messages_received_total 9.0",
        "order_ops_messages_copies_total 11.0",
        'order_ops_messages{state="pending"} 1.0',
        'order_ops_messages{state="parked"} 2.0',
        "order_ops_messages_missing 3.0",
        "order_ops_outbox_unconfirmed 4.0",
        "order_ops_readable 1.0",
    ):
        assert line in told.splitlines()


def test_what_cannot_be_read_is_left_out_and_said() -> None:
    def away() -> Iterable[Metric]:
        raise ConnectionError("the database is away")

    told = scraped(Reading(away))
    assert "order_ops_readable 0.0" in told.splitlines()
    assert "order_ops_messages" not in told


def test_a_scrape_reads_anew_and_the_port_is_free_afterwards() -> None:
    port, figures = free_port(), iter([1, 2])
    for _ in range(2):
        end = serve(port, lambda: message_metrics(TOTALS, next(figures), 0), "127.0.0.1")
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        finally:
            end()
    assert "order_ops_messages_missing 2.0" in text
