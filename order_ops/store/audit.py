"""The audit: what people did, to what, and why they said they did it. Rows are only added."""

from dataclasses import dataclass
from typing import Any

import orjson

from order_ops.domain.redaction import kept, kept_fields
from order_ops.store.engine import Connection
from order_ops.store.queries import ops


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and why."""

    name: str
    reason: str


def record(
    conn: Connection, actor: Actor, action: str, subject: str, detail: dict[str, Any] | None = None
) -> None:
    """Write an audit row in the transaction of the act."""
    ops.add_audit(
        conn,
        actor=actor.name,
        action=action,
        subject=subject,
        reason=kept(actor.reason),
        detail=orjson.dumps(kept_fields(detail or {})).decode(),
    )


def of(conn: Connection, subject: str) -> list[Any]:
    """What was done to a subject, oldest first: at, actor, action, reason, detail."""
    return list(ops.audit_of(conn, subject=subject))
