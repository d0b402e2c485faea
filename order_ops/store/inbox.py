"""Staging: a batch of messages becomes inbox rows, in the caller's transaction.

Duplicates are counted, conflicts (same id, other body) and unreadable messages
are parked with a dead letter and an alert beside them. The caller acks after
the commit, never before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import structlog
from psycopg.types.json import Jsonb

from order_ops.domain.events import MONEY_EVENTS
from order_ops.domain.failures import FailureKind, fingerprint
from order_ops.domain.messages import Staged
from order_ops.store.engine import Connection
from order_ops.store.letters import DeadLetter, add_dead_letters
from order_ops.store.queries import intake

log = structlog.get_logger(__name__)

_COLUMNS = {
    "position": "int4",
    "source": "text",
    "message_id": "text",
    "sha256": "bytea",
    "tenant_id": "text",
    "order_id": "text",
    "producer": "text",
    "sequence": "int8",
    "event_type": "text",
    "priority": "int2",
    "routing_key": "text",
    "body": "bytea",
    "headers": "jsonb",
    "occurred_at": "timestamptz",
    "state": "text",
    "correlation_id": "text",
    "property_message_id": "text",
    "property_correlation_id": "text",
    "note": "text",
}
_COPY = f"COPY staged_batch ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT binary)"


@dataclass(frozen=True, slots=True)
class StageResult:
    """What became of a batch: new rows, further copies, and parked ones among the new."""

    staged: int
    copies: int
    parked: int
    conflicts: int


def stage(conn: Connection, batch: Sequence[Staged]) -> StageResult:
    """Write a batch; nothing is committed here."""
    intake.make_batch_table(conn)
    _copy(conn, batch)
    new = intake.insert_batch(conn)
    conflicts = 0
    if len(new.ids) < len(batch):
        intake.count_copies(conn, new_ids=new.ids)
        conflicts = _park_conflicts(conn, batch)
    if new.parked:
        _letters(conn, new.parked, batch)
    copies = len(batch) - len(new.ids) - conflicts
    parked = len(new.parked)
    return StageResult(len(new.ids) - parked, copies, parked + conflicts, conflicts)


def _copy(conn: Connection, batch: Sequence[Staged]) -> None:
    with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(list(_COLUMNS.values()))
        for position, row in enumerate(batch):
            copy.write_row(
                (
                    position,
                    row.source,
                    row.message_id,
                    row.sha256,
                    row.tenant_id,
                    row.order_id,
                    row.producer,
                    row.sequence,
                    row.event_type,
                    row.priority,
                    row.routing_key,
                    row.body,
                    Jsonb(row.headers, orjson.dumps),
                    row.occurred_at,
                    row.state,
                    row.correlation_id,
                    row.property_message_id,
                    row.property_correlation_id,
                    row.note,
                )
            )


def _park_conflicts(conn: Connection, batch: Sequence[Staged]) -> int:
    """The same id with another body is a conflict: parked and alerted. The first one stands."""
    letters = []
    for row in intake.conflicting_copies(conn):
        note = f"same id as inbox row {row.known_id}, other body"
        values = {**row._asdict(), "headers": orjson.dumps(row.headers).decode(), "note": note}
        inbox_id = intake.park_conflict(conn, **values)
        if inbox_id is not None:
            other = batch[row.position]
            letters.append(_letter(inbox_id, other, FailureKind.CONFLICT, note))
    add_dead_letters(conn, letters)
    return len(letters)


def _letters(conn: Connection, ids: dict[str, int], batch: Sequence[Staged]) -> None:
    rows: dict[str, Staged] = {}
    for row in batch:
        if row.message_id in ids:
            rows.setdefault(row.message_id, row)
    add_dead_letters(
        conn,
        [
            _letter(ids[name], row, FailureKind.PERMANENT, row.note or "unreadable")
            for name, row in rows.items()
        ],
    )


def _letter(inbox_id: int, row: Staged, kind: FailureKind, error: str) -> DeadLetter:
    money = row.event_type in MONEY_EVENTS
    about = {"order": row.order_id, "correlation_id": row.correlation_id}
    log.warning("event.parked", event_id=inbox_id, **about, category=kind, error=error)
    return DeadLetter(
        origin="event",
        origin_id=str(inbox_id),
        name=row.event_type or row.routing_key,
        category=kind,
        error=error,
        fingerprint=fingerprint(f"intake:{row.routing_key}", kind.value, error),
        attempts=0,
        payload=row.body,
        headers=row.headers,
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        critical=money,
        holds=money and kind is not FailureKind.CONFLICT,
        correlation_id=row.correlation_id,
    )
