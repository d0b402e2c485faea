"""Metrics for Prometheus: read when they are scraped, so that they are right after any restart.

What a figure is belongs here; where it is read is the caller's. Names start with
`order_ops_`; no ids are labels.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector


class MessageTotals(Protocol):
    """The ledger of messages, summed: columns as in intake.hour."""

    received: int
    copies: int
    pending: int
    done: int
    parked: int
    skipped: int
    discarded: int


STATES = ("pending", "done", "parked", "skipped", "discarded")


def message_metrics(totals: MessageTotals, missing: int, unconfirmed: int) -> Iterable[Metric]:
    """The ledger of messages; its gap is `missing` and `unconfirmed`, both 0 when it closes."""
    yield CounterMetricFamily(
        "order_ops_messages_received", "Messages taken into the inbox.", value=totals.received
    )
    yield CounterMetricFamily(
        "order_ops_messages_copies", "Copies of them, counted.", value=totals.copies
    )
    by_state = GaugeMetricFamily(
        "order_ops_messages", "Messages of the inbox by what became of them.", labels=["state"]
    )
    for state in STATES:
        by_state.add_metric([state], getattr(totals, state))
    yield by_state
    yield GaugeMetricFamily(
        "order_ops_messages_missing",
        "Numbers of producers that have not come, though a later one has, past the grace.",
        value=missing,
    )
    yield GaugeMetricFamily(
        "order_ops_outbox_unconfirmed",
        "Messages of our own that the broker has not confirmed, past the grace.",
        value=unconfirmed,
    )


class Reading(Collector):
    """Reads at each scrape; what cannot be read is left out, and `order_ops_readable` says so."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""
        found: list[Metric] = []
        readable = 1
        try:
            found = list(self._read())
        except Exception:  # noqa: BLE001 - a scrape must tell that the database is away
            readable = 0
        yield from found
        yield GaugeMetricFamily(
            "order_ops_readable", "1 when the state behind the metrics was read.", value=readable
        )


def serve(port: int, read: Callable[[], Iterable[Metric]], address: str) -> Callable[[], None]:
    """Serve `/metrics` on a thread; returns what ends it.

    Raises:
        OSError: the port is taken.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Reading(read))
    server, thread = start_http_server(port, address, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
