"""The deliverer: alerts -> channels, at least once, and once where the channel can be asked.

One deliverer is active at a time, by lease; a second one waits and takes over when the lease runs
out. Nothing is given up: a channel that fails rests, longer and longer, and what is due there
waits; one that fails for a minute is an alert of its own, told by the others. What is due is
decided by the query `due`, by the database's clock; how one alert is told is
`order_ops.jobs.alerts.alert_sending`.
"""

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import getpid
from random import SystemRandom
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from order_ops.alerting.channels import Channel, DeliveryError, redacted
from order_ops.jobs.alerts.alert_sending import Sender
from order_ops.store import alerts, leases
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import transaction
from order_ops.store.queries import deliveries as sql

log = structlog.get_logger(__name__)

LEASE = "alerts"
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long, in seconds.

    Attributes:
        refresh_s: at most so often is a message brought up to date.
        failing_s: a channel that fails for longer is an alert.
    """

    tick_s: float = 1.0
    lease_s: float = 45.0
    refresh_s: float = 30.0
    escalate_s: float = 900.0
    failing_s: float = 60.0


@dataclass(slots=True)
class _Health:
    """How a channel has done lately; times are of the monotonic clock."""

    failures: int = 0
    rests_until: float = 0.0
    failing_since: float | None = None
    alerted: bool = False
    proven: bool = False
    """Whether it has worked since we started: an alert of a process before us is ended then."""


class Deliverer:
    """Tells alerts until stopped."""

    def __init__(
        self, sender: Sender, channels: Sequence[Channel], pace: Pace | None = None
    ) -> None:
        self._sender = sender
        self._pool: Engine = sender.pool
        self._channels = {channel.name: channel for channel in channels}
        self._pace = pace or Pace()
        self._health = {name: _Health() for name in self._channels}
        self._owner = f"{socket.gethostname()}:{getpid()}:{uuid4().hex[:8]}"
        self._stopping = threading.Event()
        self._passed_at = time.monotonic()

    @property
    def passed_at(self) -> float:
        """When a pass over the database last succeeded, by the monotonic clock."""
        return self._passed_at

    def stop(self) -> None:
        """Finish the call in hand, release the lease, return from `run`."""
        self._stopping.set()

    def run(self) -> None:
        """Tell until stopped; survives any channel's and any database error."""
        failures = 0
        try:
            while not self._stopping.is_set():
                pause_s = self._pace.tick_s
                try:
                    more = self.tick()
                    failures = 0
                    self._passed_at = time.monotonic()
                    pause_s = 0.0 if more else pause_s
                except Exception as error:  # noqa: BLE001 - it survives the database
                    failures += 1
                    pause_s += self._sender.retry.delay_s(min(failures, 5), SystemRandom())
                    told = redacted(repr(error), self._sender.secrets)
                    log.warning("alerts.retry", error=told, in_s=round(pause_s, 2))
                self._stopping.wait(pause_s)
        finally:
            leases.release(self._pool, LEASE, self._owner)

    def tick(self) -> bool:
        """One pass; False: nothing is left to do now, or somebody else is at it."""
        if not self._hold():
            return False
        due = self._due()
        for one in due:
            if self._stopping.is_set() or not self._hold():
                return False
            self._send(one)
        self._tell_failing()
        return bool(due)

    def _hold(self) -> bool:
        """The lease outlasts the call that follows: nobody else tells the same meanwhile."""
        return leases.take(self._pool, LEASE, self._owner, self._pace.lease_s)

    def _due(self) -> list[Any]:
        told = [(name, one) for name, c in self._channels.items() for one in c.severities]
        now = time.monotonic()
        awake = [name for name, health in self._health.items() if health.rests_until <= now]
        with transaction(self._pool) as conn:
            sql.forget_channels(conn, channels=list(self._channels))
            sql.add_deliveries(
                conn, channels=[name for name, _ in told], severities=[one for _, one in told]
            )
            return list(
                sql.due(
                    conn,
                    channels=awake,
                    updating=[name for name, c in self._channels.items() if c.updates],
                    ringing=[name for name, c in self._channels.items() if c.rings],
                    refresh_s=self._pace.refresh_s,
                    escalate_s=self._pace.escalate_s,
                    deliveries=_AT_ONCE,
                )
            )

    def _send(self, due: Any) -> None:
        health = self._health[due.channel]
        if health.rests_until > time.monotonic():
            return  # it failed earlier in this pass
        try:
            self._sender.send(self._channels[due.channel], due)
        except DeliveryError as error:
            self._failed(due, health, error)
        else:
            if due.step != "skip":
                self._works(due.channel, health)

    def _failed(self, due: Any, health: _Health, error: DeliveryError) -> None:
        told = redacted(str(error), self._sender.secrets)
        if error.whole_channel:
            now = time.monotonic()
            if error.retry_after_s is None:
                health.failures += 1
                health.failing_since = health.failing_since or now
            pause_s = self._sender.pause_s(error, health.failures)
            health.rests_until = now + pause_s
            say = log.error if error.lasting else log.warning
            say("alerts.channel_failed", channel=due.channel, error=told, in_s=round(pause_s, 2))
        else:
            log.error("alerts.refused", channel=due.channel, alert=due.alert_id, error=told)

    def _works(self, name: str, health: _Health) -> None:
        if health.alerted or not health.proven:
            with transaction(self._pool) as conn:
                alerts.resolve(conn, _key(name))
        self._health[name] = _Health(proven=True)

    def _tell_failing(self) -> None:
        """A channel that has failed for long is told by the others, once."""
        now = time.monotonic()
        for name, health in self._health.items():
            since = health.failing_since
            if since is None or health.alerted or now - since < self._pace.failing_s:
                continue
            others = [other for other in self._channels if other != name]
            log.error("alerts.channel_fails", channel=name, told_by=others)
            with transaction(self._pool) as conn:
                raise_alerts(conn, [_failing(name)])
            health.alerted = True


def _key(channel: str) -> str:
    return f"delivery:{channel}"


def _failing(channel: str) -> Alert:
    title = f"Alerts cannot be told by {channel}: order-ops alerts list shows what waits"
    return Alert(dedupe_key=_key(channel), severity="critical", title=title)
