"""The ledger of messages: nothing that a producer counted, or that we wrote, is lost unseen.

A producer numbers its messages: a number that has not come, though a later one
has, is a gap. What came is pending, done, parked, skipped or discarded, and what
we wrote is published and confirmed. Messages overtake each other between queues,
so that a gap counts once it is older than `gap_grace_s`; then it is an alert, until
its numbers come or a person says why they never will.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from order_ops.domain.failures import MendableError
from order_ops.store import audit
from order_ops.store.alerts import Alert, raise_alerts, resolve_others
from order_ops.store.audit import Actor
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import messages as sql

GAP = "messages:gap:"
UNCONFIRMED = "messages:unconfirmed:"
_REACH_BACK = timedelta(minutes=10)
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_NAMED = 20


class GapError(MendableError):
    """Refused; the message says why."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers `first` to `last` of a producer, missing since `found_at` (UTC)."""

    source: str
    tenant_id: str
    producer: str
    first: int
    last: int
    found_at: datetime

    @property
    def numbers(self) -> int:
        """How many are missing."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        span = str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        return f"{self.producer} of {self.tenant_id}: {span}"


@dataclass(frozen=True, slots=True)
class Balance:
    """What is missing and due: gaps of producers, and messages of ours that nobody confirmed."""

    gaps: list[Gap]
    unpublished: int

    @property
    def gap(self) -> int:
        """Messages missing on the way in or out; 0 when the ledger closes."""
        return sum(gap.numbers for gap in self.gaps) + self.unpublished

    def __str__(self) -> str:
        parts = [str(gap) for gap in self.gaps[:_NAMED]]
        if len(self.gaps) > _NAMED:
            parts.append(f"and {len(self.gaps) - _NAMED} more gaps")
        if self.unpublished:
            parts.append(f"{self.unpublished} of our own messages are not confirmed")
        return "; ".join(parts) or "nothing is missing"


def refresh(pool: Engine, source: str, grace_s: float) -> Balance:
    """Bring the ledger up to date, and raise or resolve its alert."""
    with transaction(pool) as conn:
        sql.take_turn(conn)
        last = sql.last_refresh(conn)
        since = last - _REACH_BACK if last else _EVER
        sql.note_sequences(conn, since=since)
        _find_gaps(conn)
        sql.count_hours(conn, since=since, source=source)
        sql.let_go_of_unheld(conn)
        balance = _balance(conn, grace_s)
        alerts = _alerts(balance)
        raise_alerts(conn, alerts)
        keys = [alert.dedupe_key for alert in alerts]
        for kind in (GAP, UNCONFIRMED):
            resolve_others(conn, kind, keys)
    return balance


def balance(pool: Engine, grace_s: float) -> Balance:
    """What is missing, as of the last refresh."""
    with transaction(pool) as conn:
        return _balance(conn, grace_s)


def totals(pool: Engine) -> Any:
    """Sums over all hours, as of the last refresh; columns as in intake.hour."""
    with transaction(pool) as conn:
        return sql.totals(conn)


def has_changed(pool: Engine, within_s: float) -> bool:
    """Whether anything came or went lately; cheap."""
    with transaction(pool) as conn:
        return bool(sql.has_changed(conn, within_s=within_s))


def hours(pool: Engine, count: int) -> list[Any]:
    """The latest hours of the ledger, newest first."""
    with transaction(pool) as conn:
        return list(sql.hours(conn, hours=count))


def accept(
    pool: Engine, source: str, tenant: str, producer: str, first: int, last: int, actor: Actor
) -> None:
    """Count numbers as come that never will: the producer skipped them, or they are known lost.

    Raises:
        GapError: no gap of that producer holds all of these numbers.
    """
    with transaction(pool) as conn:
        sql.take_turn(conn)
        open_ones = [Gap(*row) for row in sql.gaps(conn, older_s=0)]
        whose = (source, tenant, producer)
        mine = [g for g in open_ones if (g.source, g.tenant_id, g.producer) == whose]
        if not any(gap.first <= first <= last <= gap.last for gap in mine):
            known = ", ".join(map(str, mine)) or "none"
            raise GapError(f"{first} to {last} is no gap of {producer}; its gaps: {known}")
        numbers = {"first": first, "last": last}
        sql.accept(conn, source=source, tenant_id=tenant, producer=producer, **numbers)
        _find_gaps(conn)
        audit.record(conn, actor, "messages.accept", "producer:" + ":".join(whose), numbers)


def _find_gaps(conn: Connection) -> None:
    sql.open_gaps(conn)
    sql.close_gaps(conn)


def _balance(conn: Connection, grace_s: float) -> Balance:
    gaps = [Gap(*row) for row in sql.gaps(conn, older_s=grace_s)]
    return Balance(gaps, sql.unpublished(conn, older_s=grace_s))


def _alerts(found: Balance) -> list[Alert]:
    """One per producer, and one for what we wrote."""
    by_producer: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in found.gaps:
        by_producer.setdefault((gap.source, gap.tenant_id, gap.producer), []).append(gap)
    alerts = [
        Alert(
            dedupe_key=GAP + ":".join(whose),
            severity="critical",
            title=f"Messages are missing: {Balance(gaps, 0)}"[:300],
            detail={"missing": sum(gap.numbers for gap in gaps)},
            tenant_id=whose[1],
        )
        for whose, gaps in by_producer.items()
    ]
    if found.unpublished:
        alerts.append(
            Alert(
                dedupe_key=f"{UNCONFIRMED}outbox",
                severity="critical",
                title=f"{found.unpublished} of our own messages are not confirmed by the broker",
            )
        )
    return alerts
