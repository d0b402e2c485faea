"""What the watcher is scraped for: the sources of its metrics, read at each scrape."""

from collections.abc import Callable, Iterable
from typing import Protocol

import pika
from prometheus_client import Metric
from sqlalchemy import Engine

from order_ops.jobs.messages import message_ledger
from order_ops.mapping import Events
from order_ops.messaging.broker_api import BrokerApi, queue_depths
from order_ops.messaging.declared import Declared
from order_ops.settings import Settings
from order_ops.store import beats, job_totals
from order_ops.store.engine import apart, transaction
from order_ops.store.queries import alerts, letters, messages
from order_ops.store.queries import executions as sql
from order_ops.telemetry.job_metrics import beat_metrics, job_metrics, run_metrics
from order_ops.telemetry.metrics import (
    alert_metrics,
    backlog_metrics,
    message_metrics,
    queue_metrics,
)

_TIMEOUT_S = 3
"""The longest statement of a scrape: Prometheus waits for 10 s, and asks again."""


class Queue(Protocol):
    """Dagster's run queue."""

    def waiting(self) -> int:
        """How many runs are queued."""
        ...


def sources(
    pool: Engine, settings: Settings, events: Events, runs: Queue | None
) -> dict[str, Callable[[], Iterable[Metric]]]:
    """The metrics of each source that there is, by its name."""
    own = apart(pool, "scrape", timeout_s=_TIMEOUT_S)
    found: dict[str, Callable[[], Iterable[Metric]]] = {
        "database": lambda: _stored(own, settings.gap_grace_s)
    }
    if runs is not None:
        found["dagster"] = lambda: run_metrics(runs.waiting())
    if settings.amqp_url and settings.broker_api_url:
        vhost = pika.URLParameters(settings.amqp_url).virtual_host
        api = BrokerApi(settings.broker_api_url, vhost)
        names = Declared.of(events).queues
        found["broker"] = lambda: queue_metrics(queue_depths(api, names))
    return found


def _stored(pool: Engine, grace_s: float) -> Iterable[Metric]:
    found = message_ledger.balance(pool, grace_s)
    missing = sum(gap.numbers for gap in found.gaps)
    totals = message_ledger.totals(pool)
    yield from message_metrics(totals, missing, found.unpublished)
    with transaction(pool) as conn:
        yield from backlog_metrics(messages.backlog(conn), list(letters.depth(conn)))
        bounds = job_totals.BUCKETS_S
        yield from job_metrics(list(sql.totals(conn)), list(sql.active(conn)), bounds)
        yield from beat_metrics(beats.all_beats(conn))
        yield from alert_metrics(alerts.open_by_severity(conn), alerts.undelivered(conn))
