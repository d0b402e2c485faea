"""Dead letters and alerts: rows written in the transaction of the fact they speak of.

A dead letter always comes with its alert; one open alert per fingerprint, so
that a burst of one cause wakes a person once. Amounts are minor units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from order_ops.domain.failures import FailureKind
from order_ops.store.engine import Connection
from order_ops.store.queries import columns, ops


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something that could not be done: an event, or a run."""

    origin: Literal["event", "run"]
    origin_id: str
    name: str
    category: FailureKind
    error: str
    fingerprint: str
    attempts: int
    stack: str | None = None
    payload: bytes | None = None
    headers: dict[str, Any] = field(default_factory=dict)
    tenant_id: str | None = None
    order_id: str | None = None
    amount_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person must hear of, once per `dedupe_key` while it is open."""

    dedupe_key: str
    severity: Literal["info", "warning", "critical"]
    title: str
    detail: dict[str, Any] = field(default_factory=dict)
    tenant_id: str | None = None
    order_id: str | None = None
    amount_minor: int | None = None
    currency: str | None = None


def add_dead_letters(conn: Connection, letters: Sequence[DeadLetter]) -> None:
    """Write dead letters with their alerts; one already known changes nothing."""
    if not letters:
        return
    names = tuple(DeadLetter.__dataclass_fields__)
    ops.add_dead_letters(conn, **columns(letters, *names))
    raise_alerts(conn, [_alert(letter) for letter in letters])


def raise_alerts(conn: Connection, alerts: Sequence[Alert]) -> None:
    """Write alerts; one that is open already changes nothing."""
    if alerts:
        ops.raise_alerts(conn, **columns(alerts, *Alert.__dataclass_fields__))


def _alert(letter: DeadLetter) -> Alert:
    money = letter.amount_minor is not None
    return Alert(
        dedupe_key=f"dead_letter:{letter.fingerprint}",
        severity="critical" if money or letter.origin == "run" else "warning",
        title=f"Dead letter: {letter.name}: {letter.error}"[:300],
        detail={"origin": letter.origin, "id": letter.origin_id, "category": letter.category},
        tenant_id=letter.tenant_id,
        order_id=letter.order_id,
        amount_minor=letter.amount_minor,
        currency=letter.currency,
    )
