"""The watcher: what must go on when Dagster is down.

It keeps the ledger of messages up to date, and is scraped by Prometheus.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

import pika
import structlog
from prometheus_client import Metric
from sqlalchemy import Engine

from order_ops.domain.findings import reason
from order_ops.jobs import message_ledger
from order_ops.mapping import Events
from order_ops.messaging.broker_api import BrokerApi, queue_depths
from order_ops.messaging.declared import Declared
from order_ops.settings import Settings
from order_ops.store.engine import transaction
from order_ops.store.letters import Alert, raise_alerts
from order_ops.store.queries import letters, messages, ops
from order_ops.telemetry.metrics import (
    backlog_metrics,
    message_metrics,
    queue_metrics,
    serve,
)

log = structlog.get_logger(__name__)

_EVERY_S = 30.0
_NOT_KEPT = "messages:ledger_not_kept"


def _not_kept(error: Exception) -> Alert:
    title = f"The ledger of messages cannot be brought up to date: {reason(error)}"
    return Alert(dedupe_key=_NOT_KEPT, severity="critical", title=title[:300])


class Watcher:
    """Watches until stopped; may run twice."""

    def __init__(self, pool: Engine, settings: Settings, events: Events) -> None:
        self._pool = pool
        self._settings = settings
        self._events = events
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Return from `run` soon."""
        self._stopping.set()

    def run(self) -> None:
        """Refresh the ledger and serve metrics until stopped; survives any database error.

        Raises:
            OSError: the metrics' port is taken.
        """
        sources: dict[str, Callable[[], Iterable[Metric]]] = {"database": self._stored}
        if self._settings.amqp_url and self._settings.broker_api_url:
            vhost = pika.URLParameters(self._settings.amqp_url).virtual_host
            api = BrokerApi(self._settings.broker_api_url, vhost)
            names = Declared.of(self._events).queues
            sources["broker"] = lambda: queue_metrics(queue_depths(api, names))
        end = serve(self._settings.metrics_port, sources, self._settings.metrics_address)
        try:
            while not self._stopping.is_set():
                self._refresh()
                self._stopping.wait(_EVERY_S)
        finally:
            end()

    def _refresh(self) -> None:
        try:
            grace_s = self._settings.gap_grace_s
            found = message_ledger.refresh(self._pool, self._events.source, grace_s)
        except Exception as error:  # noqa: BLE001 - it survives the database
            log.warning("watch.ledger_failed", error=repr(error))
            with suppress(Exception), transaction(self._pool) as conn:
                raise_alerts(conn, [_not_kept(error)])
            return
        with transaction(self._pool) as conn:
            ops.resolve_alerts(conn, dedupe_keys=[_NOT_KEPT])
        if found.gap:
            log.error("watch.messages_missing", gap=found.gap, what=str(found))

    def _stored(self) -> Iterable[Metric]:
        found = message_ledger.balance(self._pool, self._settings.gap_grace_s)
        missing = sum(gap.numbers for gap in found.gaps)
        totals = message_ledger.totals(self._pool)
        yield from message_metrics(totals, missing, found.unpublished)
        with transaction(self._pool) as conn:
            yield from backlog_metrics(messages.backlog(conn), list(letters.depth(conn)))
