"""Metrics for Prometheus: read when they are scraped, so that they are right after any restart.

What a figure is belongs here; where it is read is the caller's. Names start with
`order_ops_`; no ids are labels.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from order_ops.domain.alert_kinds import SEVERITIES
from order_ops.messaging.broker_api import QueueDepth

log = structlog.get_logger(__name__)


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


class DeadLetters(Protocol):
    """Open dead letters of one origin and category; `oldest` in seconds since 1970."""

    origin: str
    category: str
    letters: int
    oldest: float


class Backlog(Protocol):
    """What waits; times in seconds since 1970, None: there is none.

    held: events that wait for a dead letter. refreshed: when the ledger last changed.
    """

    pending: int
    oldest: float | None
    held: int
    unpublished: int
    refreshed: float | None


def backlog_metrics(backlog: Backlog, letters: Iterable[DeadLetters]) -> Iterable[Metric]:
    """What waits in the inbox and the outbox, and the dead letters that nobody has dealt with."""
    yield GaugeMetricFamily(
        "order_ops_inbox_pending", "Events that are not applied yet.", value=backlog.pending
    )
    oldest = GaugeMetricFamily(
        "order_ops_inbox_oldest_timestamp_seconds", "When the oldest of them came; none: no sample."
    )
    refreshed = GaugeMetricFamily(
        "order_ops_message_ledger_timestamp_seconds", "When the ledger of messages last changed."
    )
    for family, value in ((oldest, backlog.oldest), (refreshed, backlog.refreshed)):
        if value is not None:
            family.add_metric([], value)
        yield family
    yield GaugeMetricFamily(
        "order_ops_inbox_held", "Events that wait for a dead letter.", value=backlog.held
    )
    yield GaugeMetricFamily(
        "order_ops_outbox_unpublished", "Messages of our own to publish.", value=backlog.unpublished
    )
    by_kind = GaugeMetricFamily(
        "order_ops_dead_letters", "Open dead letters.", labels=["origin", "category"]
    )
    since = GaugeMetricFamily(
        "order_ops_dead_letters_oldest_timestamp_seconds",
        "When the oldest of them was written.",
        labels=["origin", "category"],
    )
    for one in letters:
        by_kind.add_metric([one.origin, one.category], one.letters)
        since.add_metric([one.origin, one.category], one.oldest)
    yield by_kind
    yield since


class OpenAlerts(Protocol):
    """Open alerts of one severity."""

    severity: str
    alerts: int


class Undelivered(Protocol):
    """Open alerts that wait to be told; `oldest` in seconds since 1970, None: there is none."""

    alerts: int
    oldest: float | None


def alert_metrics(open_ones: Iterable[OpenAlerts], waiting: Undelivered) -> Iterable[Metric]:
    """Alerts that are open, and those that nobody, or a channel of theirs, was told of."""
    found = {one.severity: one.alerts for one in open_ones}
    by_severity = GaugeMetricFamily("order_ops_alerts_open", "Open alerts.", labels=["severity"])
    for severity in SEVERITIES:
        by_severity.add_metric([severity], found.get(severity, 0))
    yield by_severity
    yield GaugeMetricFamily(
        "order_ops_alerts_undelivered",
        "Open alerts that wait to be told; held ones do not count.",
        value=waiting.alerts,
    )
    oldest = GaugeMetricFamily(
        "order_ops_alerts_undelivered_oldest_timestamp_seconds",
        "When the oldest of them was raised; none: no sample.",
    )
    if waiting.oldest is not None:
        oldest.add_metric([], waiting.oldest)
    yield oldest


def queue_metrics(queues: Iterable[QueueDepth]) -> Iterable[Metric]:
    """Depth of our queues at the broker, as its management API tells."""
    depth = GaugeMetricFamily(
        "order_ops_queue_messages", "Messages in a queue.", labels=["queue", "state"]
    )
    for queue in queues:
        depth.add_metric([queue.name, "ready"], queue.ready)
        depth.add_metric([queue.name, "unacked"], queue.unacked)
    yield depth


Sources = Mapping[str, Callable[[], Iterable[Metric]]]
"""What is read at a scrape, by the name of what it is read from."""


DEADLINE_S = 8.0
"""Prometheus gives a scrape 10 s, and takes one that is later for a process that is down."""


class Reading(Collector):
    """Reads at each scrape; of a source that is away, or slow, nothing is told but that it is.

    Each source is read by one thread at a time: one that hangs holds up no other, and is not
    asked again before it has answered.
    """

    def __init__(self, sources: Sources, deadline_s: float = DEADLINE_S) -> None:
        self._sources = sources
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(max(len(sources), 1), thread_name_prefix="scrape")
        self._reads: dict[str, Future[list[Metric]]] = {}
        self._lock = Lock()

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""
        readable = GaugeMetricFamily(
            "order_ops_readable", "1 when what a source has was read.", labels=["source"]
        )
        with self._lock:
            reads = {name: self._read(name) for name in self._sources}
        wait(reads.values(), timeout=self._deadline_s)
        for name, one in reads.items():
            found: list[Metric] = []
            try:
                found = one.result(timeout=0)
            except Exception as error:  # noqa: BLE001 - a scrape must tell what is away
                log.warning("metrics.unreadable", source=name, error=repr(error))
            readable.add_metric([name], bool(found))
            yield from found
        yield readable

    def _read(self, name: str) -> Future[list[Metric]]:
        running = self._reads.get(name)
        if running is None or running.done():
            read = self._sources[name]
            running = self._reads[name] = self._threads.submit(lambda: list(read()))
        return running

    def close(self) -> None:
        """Read no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def serve(port: int, sources: Sources, address: str) -> Callable[[], None]:
    """Serve `/metrics` on a thread; returns what ends it.

    Raises:
        OSError: the port is taken.
    """
    registry = CollectorRegistry(auto_describe=False)
    reading = Reading(sources)
    registry.register(reading)
    server, thread = start_http_server(port, address, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()
        reading.close()

    return stop
