"""The watcher: what must go on when Dagster is down.

It frees what dead workers held, tells of whoever is not heard of any more, keeps the
ledger of messages up to date, delivers alerts, is scraped by Prometheus, and calls a
dead man's switch while it is well. Each duty is done by a thread of its own: one that
hangs or fails holds up no other, and all may be done twice.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Protocol

import structlog
from sqlalchemy import Engine

from order_ops.alerting import configured
from order_ops.alerting.dead_man import DeadMan
from order_ops.domain.findings import reason
from order_ops.domain.jobs import POOLS
from order_ops.jobs.alerts.alert_delivery import Deliverer, Pace
from order_ops.jobs.alerts.alert_sending import Sender
from order_ops.jobs.messages import message_ledger
from order_ops.jobs.running import overdue, sweep, untold
from order_ops.jobs.upkeep import scraped
from order_ops.mapping import Events
from order_ops.settings import Settings
from order_ops.store import alerts, beats
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import transaction
from order_ops.telemetry.metrics import serve

log = structlog.get_logger(__name__)

BEAT_S = 15.0
_STALE_S = 90.0
"""A duty that was last done longer ago says nothing about now."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that is done again and again, whatever becomes of the others."""

    name: str
    every_s: float
    do: Callable[[], object]


class Runs(sweep.Runs, scraped.Queue, untold.Runs, Protocol):
    """Dagster's run storage, as far as the watcher needs it."""

    def limit_pools(self, limits: dict[str, int]) -> None:
        """Give each pool its slots."""
        ...


class Worker(Protocol):
    """Something that works on a thread of its own until it is stopped."""

    def run(self) -> None:
        """Work until stopped."""

    def stop(self) -> None:
        """Return from `run` soon."""


class Watcher:
    """Watches until stopped; may run twice.

    Args:
        runs: Dagster's run storage; without one, nothing of Dagster's is looked at.
        expected: what should be alive, and how often it says so (seconds), by name.
    """

    def __init__(
        self,
        pool: Engine,
        settings: Settings,
        events: Events,
        runs: Runs | None = None,
        expected: Mapping[str, float] | None = None,
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._events = events
        self._runs = runs
        fed = overdue.FED_BY_A_BROKER if settings.amqp_url else {}
        self._expected = {**fed, **(expected or {})}
        self._stopping = threading.Event()
        self._deliverer = deliverer(pool, settings)
        self._done_at: dict[str, float] = {}
        self._tried_at: dict[str, float] = {}
        self._began = time.monotonic()

    def stop(self) -> None:
        """Return from `run` soon."""
        self._stopping.set()

    def is_well(self) -> bool:
        """Whether every duty was done not long ago."""
        passes = self._passes()
        return None not in passes.values() and not self._stale(passes)

    def _passes(self) -> dict[str, float | None]:
        """When each duty was last done; None: not yet."""
        passes = {duty.name: self._done_at.get(duty.name) for duty in self.duties()}
        return passes if self._deliverer is None else passes | {"alerts": self._deliverer.passed_at}

    def _stale(self, passes: Mapping[str, float | None]) -> set[str]:
        """Those of the duties that were passed long ago, or never since we began long ago."""
        before = time.monotonic() - _STALE_S
        return {name for name, at in passes.items() if (at or self._began) <= before}

    def run(self) -> None:
        """Do every duty and serve metrics until stopped; survives any database error.

        Raises:
            OSError: the metrics' port is taken.
        """
        settings = self._settings
        sources = scraped.sources(self._pool, settings, self._events, self._runs)
        with ExitStack() as ending:
            ending.callback(serve(settings.metrics_port, sources, settings.metrics_address))
            for duty in self.duties():
                thread = threading.Thread(target=self._keep_doing, args=(duty,), name=duty.name)
                thread.start()
                ending.callback(thread.join)
            for name, worker in self._workers().items():
                thread = threading.Thread(target=worker.run, name=name)
                thread.start()
                ending.callback(thread.join)
                ending.callback(worker.stop)
            ending.callback(self._stopping.set)
            self._stopping.wait()

    def duties(self) -> Sequence[Duty]:
        """What is done, and how often."""
        always = [
            Duty("beat", BEAT_S, self._beat),
            Duty("sweep", 10.0, lambda: sweep.sweep(self._pool)),
            Duty("overdue", 15.0, lambda: overdue.check(self._pool, self._expected)),
            Duty("ledger", 30.0, self._refresh),
        ]
        if (runs := self._runs) is None:
            return always
        look = Duty("untold", 30.0, lambda: untold.check(self._pool, runs))
        return [*always, Duty("runs", 10.0, self._end_runs), look]

    def _beat(self) -> None:
        """A watcher with a duty that is not done is not alive. One that fails has its alert.

        Raises:
            TimeoutError: one hangs: nobody else would say so.
        """
        others = [duty.name for duty in self.duties() if duty.name != "beat"]
        if hang := self._stale({name: self._tried_at.get(name) for name in others}):
            raise TimeoutError(f"no answer for {_STALE_S:g} s: {', '.join(sorted(hang))}")
        if not self._stale(self._passes()) - {"beat"}:
            beats.beat(self._pool, "process:watch", BEAT_S)

    def _keep_doing(self, duty: Duty) -> None:
        failing = True  # an alert of an earlier watcher ends with the first success
        while not self._stopping.is_set():
            try:
                duty.do()
                if failing:
                    with transaction(self._pool) as conn:
                        alerts.resolve(conn, _key(duty))
                failing = False
                self._done_at[duty.name] = time.monotonic()
            except Exception as error:  # noqa: BLE001 - it survives whatever is away
                failing = True
                log.warning("watch.duty_failed", duty=duty.name, error=repr(error))
                with suppress(Exception), transaction(self._pool) as conn:
                    raise_alerts(conn, [_not_done(duty, error)])
            self._tried_at[duty.name] = time.monotonic()
            self._stopping.wait(duty.every_s)

    def _workers(self) -> dict[str, Worker]:
        workers: dict[str, Worker] = {}
        if self._deliverer is None:
            log.warning(
                "watch.nobody_is_told",
                remedy="set ORDER_OPS_SLACK_TOKEN and ORDER_OPS_SLACK_CHANNEL, "
                "ORDER_OPS_SLACK_WEBHOOK_URL or ORDER_OPS_APPRISE_URLS",
            )
        else:
            workers["alerts"] = self._deliverer
        if self._settings.dead_man_url is not None:
            url = self._settings.dead_man_url.get_secret_value()
            workers["dead man"] = DeadMan(url, self.is_well)
        return workers

    def _end_runs(self) -> None:
        assert self._runs is not None
        self._runs.limit_pools(POOLS)
        sweep.end_runs(self._pool, self._runs)

    def _refresh(self) -> None:
        grace_s = self._settings.gap_grace_s
        found = message_ledger.refresh(self._pool, self._events.source, grace_s)
        if found.gap:
            log.error("watch.messages_missing", gap=found.gap, what=str(found))


def deliverer(pool: Engine, settings: Settings) -> Deliverer | None:
    """Who tells alerts, as the settings say; None: they name no channel."""
    channels = configured.channels(settings)
    if not channels:
        return None
    sender = Sender(pool, tuple(configured.secrets(settings)))
    pace = Pace(lease_s=settings.lease_s, escalate_s=settings.escalate_after_s)
    return Deliverer(sender, channels, pace)


def _key(duty: Duty) -> str:
    return f"watch:{duty.name}"


def _not_done(duty: Duty, error: Exception) -> Alert:
    title = f"The watcher cannot do one of its duties, {duty.name}: {reason(error)}"
    return Alert(dedupe_key=_key(duty), severity="critical", title=title[:300])
