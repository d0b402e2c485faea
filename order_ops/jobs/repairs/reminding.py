"""Reminding customers: a reservation that is about to run out is one event, told once.

The event is `order.remind`, through the outbox, with the change that says so; who writes to the
customer is the shop. A reservation that is made longer has a new end, and is told of again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine

from order_ops.domain.orders import change
from order_ops.jobs.repairs.repairing import CHUNK, Looked
from order_ops.store import ledger
from order_ops.store.engine import Connection, transaction
from order_ops.store.ledger import Key, Touched
from order_ops.store.queries import orders as sql


def remind(pool: Engine, run_id: str, keys: Sequence[Key], *, dry_run: bool = False) -> Looked:
    """Tell of reservations that are about to run out, each in the transaction that notes it."""
    looked = Looked()
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        with transaction(pool) as conn:
            told = _told(conn, run_id, chunk) if not dry_run else set(chunk)
        what = "would_remind" if dry_run else "reminded"
        for key in chunk:
            reason = "its reservation is about to run out"
            looked.add(key, what if key in told else "overtaken", reason)
    return looked


def _told(conn: Connection, run_id: str, keys: Sequence[Key]) -> set[Key]:
    orders = ledger.load(conn, keys)
    rows = sql.not_reminded(conn, **ledger.keys(keys))
    due = {(row.tenant_id, row.order_id) for row in rows}
    now = datetime.now(UTC)
    touched = []
    for key in sorted(due):
        order = orders[key]
        one = Touched(order, order.version)
        detail = {"expires_at": order.expires_at.isoformat() if order.expires_at else None}
        cause = f"run:{run_id}"
        told = change(order, order.state, kind="expiring", at=now, cause=cause, detail=detail)
        one.changes.append(told)
        touched.append(one)
    ledger.save(conn, touched)
    sql.reminded(conn, **ledger.keys(due))
    return due
