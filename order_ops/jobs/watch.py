"""The watcher: what must go on when Dagster is down.

It keeps the ledger of messages up to date, and is scraped by Prometheus.
"""

import threading
from collections.abc import Iterable

import structlog
from prometheus_client import Metric
from sqlalchemy import Engine

from order_ops.jobs import message_ledger
from order_ops.settings import Settings
from order_ops.telemetry.metrics import message_metrics, serve

log = structlog.get_logger(__name__)

_EVERY_S = 30.0


class Watcher:
    """Watches until stopped; may run twice."""

    def __init__(self, pool: Engine, settings: Settings, source: str) -> None:
        self._pool = pool
        self._settings = settings
        self._source = source
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Return from `run` soon."""
        self._stopping.set()

    def run(self) -> None:
        """Refresh the ledger and serve metrics until stopped; survives any database error.

        Raises:
            OSError: the metrics' port is taken.
        """
        end = serve(self._settings.metrics_port, self._metrics, self._settings.metrics_address)
        try:
            while not self._stopping.is_set():
                self._refresh()
                self._stopping.wait(_EVERY_S)
        finally:
            end()

    def _refresh(self) -> None:
        try:
            found = message_ledger.refresh(self._pool, self._source, self._settings.gap_grace_s)
        except Exception as error:  # noqa: BLE001 - it survives the database
            log.warning("watch.ledger_failed", error=repr(error))
            return
        if found.gap:
            log.error("watch.messages_missing", gap=found.gap, what=str(found))

    def _metrics(self) -> Iterable[Metric]:
        found = message_ledger.balance(self._pool, self._settings.gap_grace_s)
        missing = sum(gap.numbers for gap in found.gaps)
        return message_metrics(message_ledger.totals(self._pool), missing, found.unpublished)
