"""Alerts: rows written in the transaction of the fact they speak of, and ended with it.

One open alert per dedupe key, so that a burst of one cause wakes a person once;
how often it was seen is counted. Telling them is `order_ops.jobs.alerts.alert_delivery`,
what people do about them `order_ops.jobs.alerts.handling`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from order_ops.domain.alert_kinds import Severity, kind_of
from order_ops.domain.redaction import kept, kept_fields
from order_ops.store.engine import Connection
from order_ops.store.queries import alerts as sql
from order_ops.store.queries import columns


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person must hear of, once per `dedupe_key` while it is open.

    Attributes:
        dedupe_key: its first word is its kind, see `order_ops.domain.alert_kinds`.
        severity: rises while the alert is open, and never falls.
        owner: who is asked; none: whoever its kind says.
        detail: told are `error`, `attempt`, `run_id` (of the run to open) and `money`
            (minor units by currency, where it is of several).
    """

    dedupe_key: str
    severity: Severity
    title: str
    detail: dict[str, Any] = field(default_factory=dict)
    tenant_id: str | None = None
    order_id: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    owner: str | None = None


def raise_alerts(conn: Connection, alerts: Sequence[Alert]) -> None:
    """Write alerts; one that is open already is counted, and told as it was last seen."""
    if not alerts:
        return
    kinds = [kind_of(alert.dedupe_key) for alert in alerts]
    told = [
        replace(
            alert,
            owner=alert.owner or kind.owner,
            dedupe_key=kept(alert.dedupe_key),
            title=kept(alert.title),
            detail=kept_fields(alert.detail),
        )
        for alert, kind in zip(alerts, kinds, strict=True)
    ]
    sql.raise_alerts(
        conn, **columns(told, *Alert.__dataclass_fields__), **columns(kinds, "runbook")
    )


def resolve(conn: Connection, *dedupe_keys: str) -> None:
    """End alerts whose facts have ended; those that are not open stay as they are."""
    sql.resolve_alerts(conn, dedupe_keys=list(dedupe_keys))


def resolve_others(conn: Connection, prefix: str, still: Sequence[str]) -> None:
    """End the open alerts of a prefix, but those that are still so."""
    sql.resolve_others(conn, prefix=prefix, dedupe_keys=list(still))


def resolve_of_orders(
    conn: Connection, prefix: str, orders: dict[str, list[str]], still: Sequence[str]
) -> None:
    """End the open alerts of a prefix about these orders (key arrays), but those still so."""
    sql.resolve_of_orders(conn, prefix=prefix, dedupe_keys=list(still), **orders)


def resolve_of_settled(conn: Connection, prefix: str) -> None:
    """End the open alerts of a prefix about orders of which nothing is open any more."""
    sql.resolve_of_settled(conn, prefix=prefix)


def lock(conn: Connection, dedupe_key: str) -> None:
    """Hold an open alert until the transaction ends: nobody raises or ends it meanwhile."""
    sql.lock_alert(conn, dedupe_key=dedupe_key)


def subject(alert_id: int) -> str:
    """What an alert is called in the audit."""
    return f"alert:{alert_id}"
