"""The outbox: what order_ops says to the world, written with the change it speaks of.

Every message carries the correlation id of what led to it. Its own id comes from the
order and its version, so that the same change never leaves under two ids. Decisions are
commands (`COMMANDS`, docs/repairs.md), every other change is told as `order.changed`.
"""

import json
from collections.abc import Sequence
from uuid import NAMESPACE_OID, uuid5

import orjson

from order_ops.domain.failures import ClassifiedError, FailureKind
from order_ops.domain.orders import Change, Order
from order_ops.store.engine import Connection
from order_ops.store.queries import columns, ops

LIMIT_BYTES = 100_000
COMMANDS = {
    "confirmed": "order.confirm",
    "expired": "order.expire",
    "reinstated": "order.reinstate",
    "released": "order.release",
    "expiring": "order.remind",
}
_OF_HISTORY = (
    "kind", "from_state", "to_state", "version", "occurred_at", "cause", "detail", "correlation_id",
)  # fmt: skip
_COLUMNS = (
    "message_id", "tenant_id", "order_id", "routing_key", "body", "headers", "correlation_id",
)  # fmt: skip


def add(conn: Connection, changes: Sequence[tuple[Order, Change]]) -> None:
    """Write one message per change; one that is there already changes nothing."""
    rows = [_row(order, change) for order, change in changes]
    if rows:
        ops.add_outbox(conn, **columns(rows, *rows[0]))


def say_again(conn: Connection, order: Order) -> None:
    """Have the confirmation of an order published once more, as the message that it was."""
    row = ops.confirmation_of(conn, tenant_id=order.tenant, order_id=order.order_id)
    if row is not None:
        again = Change(**{name: getattr(row, name) for name in _OF_HISTORY})
        ops.publish_again(conn, **columns([_row(order, again)], *_COLUMNS))


def message_id_of(tenant_id: str, order_id: str, version: int) -> str:
    """The id of the message that tells of a change: the one that led to this version."""
    fact = json.dumps([tenant_id, order_id, version])
    return str(uuid5(NAMESPACE_OID, f"order_ops:{fact}"))


def _row(order: Order, change: Change) -> dict[str, object]:
    message_id = message_id_of(order.tenant, order.order_id, change.version)
    kind = COMMANDS.get(change.kind, "order.changed")
    body = {
        "id": message_id,
        "version": 1,
        "type": kind,
        "tenant": order.tenant,
        "producer": "order_ops",
        "sequence": change.version,
        "order": order.order_id,
        "occurred_at": change.occurred_at.isoformat(),
        "correlation": change.correlation_id,
        "data": {
            "change": change.kind,
            "from": change.from_state,
            "to": change.to_state,
            "cause": change.cause,
        },
    }
    raw = orjson.dumps(body)
    if len(raw) > LIMIT_BYTES:
        raise ClassifiedError(
            f"{kind} of order {order.order_id} would be {len(raw)} bytes, a message has at most "
            f"{LIMIT_BYTES}",
            FailureKind.PERMANENT,
        )
    return {
        "message_id": message_id,
        "tenant_id": order.tenant,
        "order_id": order.order_id,
        "routing_key": kind,
        "body": raw,
        "headers": {"cause": change.cause, "correlation_id": change.correlation_id},
        "correlation_id": change.correlation_id,
    }
