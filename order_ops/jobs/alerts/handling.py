"""Alerts in people's hands: looked at, acknowledged, snoozed, resolved; maintenance windows.

Every act locks what it is about, is refused when there is nothing left to do, and is an audit
row with its actor and reason in the same transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from order_ops.alerting.notices import moment
from order_ops.domain.failures import MendableError
from order_ops.store import audit
from order_ops.store.alerts import subject
from order_ops.store.audit import Actor
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import alerts as sql
from order_ops.store.queries import deliveries

_END_OF_IDS = 2**63


class AlertError(MendableError):
    """Refused; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Story:
    """An alert with where it was told, and what people did about it."""

    alert: Any
    deliveries: list[Any]
    audit: list[Any]


def find(pool: Engine, *, severity: str | None, keys: str, ended: bool, limit: int) -> list[Any]:
    """Alerts whose key starts with `keys`, newest first; with those that `ended` too, if asked."""
    with transaction(pool) as conn:
        wanted = {"all": ended, "severity": severity, "prefix": keys}
        return list(sql.find(conn, **wanted, alerts=limit))


def story(pool: Engine, alert_id: int) -> Story:
    """All there is to know about an alert.

    Raises:
        AlertError: there is none of that id.
    """
    with transaction(pool) as conn:
        alert = sql.read(conn, id=alert_id) if abs(alert_id) < _END_OF_IDS else None
        if alert is None:
            raise _unknown(alert_id)
        told = list(deliveries.of(conn, id=alert_id))
        return Story(alert, told, audit.of(conn, subject(alert_id)))


def acknowledge(pool: Engine, alert_id: int, actor: Actor) -> Any:
    """Somebody is at it: nobody is rung any more; the alert, as it was.

    Raises:
        AlertError: it is unknown, resolved, or acknowledged already.
    """
    with transaction(pool) as conn:
        alert = _open(conn, alert_id)
        if alert.acknowledged_at is not None:
            at, who = moment(alert.acknowledged_at), alert.acknowledged_by
            raise AlertError(f"alert {alert_id} is acknowledged already: by {who}, {at}")
        sql.acknowledge(conn, id=alert_id, actor=actor.name)
        audit.record(conn, actor, "alerts.ack", subject(alert_id))
    return alert


def snooze(pool: Engine, alert_id: int, span: timedelta, actor: Actor) -> datetime:
    """Nobody is rung for a while; then it is told again, if it is still open. Until when, UTC.

    Raises:
        AlertError: it is unknown or resolved.
    """
    with transaction(pool) as conn:
        _open(conn, alert_id)
        until: datetime = sql.snooze(
            conn, id=alert_id, seconds=span.total_seconds(), actor=actor.name
        )
        detail = {"until": until.isoformat()}
        audit.record(conn, actor, "alerts.snooze", subject(alert_id), detail)
    return until


def resolve(pool: Engine, alert_id: int, actor: Actor) -> Any:
    """End an alert; the same fact, seen again, is another one. The alert, as it was.

    Raises:
        AlertError: it is unknown, or resolved already.
    """
    with transaction(pool) as conn:
        alert = _open(conn, alert_id)
        sql.resolve(conn, id=alert_id)
        audit.record(conn, actor, "alerts.resolve", subject(alert_id))
    return alert


def begin_maintenance(pool: Engine, keys: str, span: timedelta, actor: Actor) -> Any:
    """Hold the alerts whose key starts with `keys` for a while: id, until_at."""
    with transaction(pool) as conn:
        window = sql.add_window(
            conn,
            prefix=keys,
            seconds=span.total_seconds(),
            actor=actor.name,
            reason=actor.reason,
        )
        detail = {"keys": keys, "until": window.until_at.isoformat()}
        audit.record(conn, actor, "maintenance.begin", f"maintenance:{window.id}", detail)
    return window


def end_maintenance(pool: Engine, window_id: int, actor: Actor) -> Any:
    """End a window now: what it held and is still open is told. The window, as it was.

    Raises:
        AlertError: there is none of that id, or it is over.
    """
    with transaction(pool) as conn:
        window = sql.lock_window(conn, id=window_id) if abs(window_id) < _END_OF_IDS else None
        if window is None:
            raise AlertError(
                f"there is no maintenance {window_id}: order-ops alerts maintenance list shows "
                "what there is"
            )
        if window.is_over:
            raise AlertError(f"maintenance {window_id} is over since {moment(window.until_at)}")
        sql.end_window(conn, id=window_id)
        audit.record(conn, actor, "maintenance.end", f"maintenance:{window_id}")
    return window


def maintenance(pool: Engine) -> list[Any]:
    """Windows that are not over: id, prefix, from_at, until_at, actor, reason."""
    with transaction(pool) as conn:
        return list(sql.windows(conn))


def _open(conn: Connection, alert_id: int) -> Any:
    alert = sql.lock(conn, id=alert_id) if abs(alert_id) < _END_OF_IDS else None
    if alert is None:
        raise _unknown(alert_id)
    if alert.resolved_at is not None:
        raise AlertError(f"alert {alert_id} is resolved already, {moment(alert.resolved_at)}")
    return alert


def _unknown(alert_id: int) -> AlertError:
    return AlertError(f"there is no alert {alert_id}: order-ops alerts list shows what there is")
