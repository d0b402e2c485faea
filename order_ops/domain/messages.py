"""A broker message, and what is kept of it: values only.

Reading one is `order_ops.messaging.codec`, keeping one `order_ops.store.inbox`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the broker delivered it.

    `given_up`: by the broker, after too many deliveries; `suspect`: those who had it before
    were lost with it, again and again.
    """

    body: bytes
    routing_key: str
    headers: Mapping[str, Any]
    message_id: str | None = None
    correlation_id: str | None = None
    given_up: bool = False
    suspect: bool = False


def content_id(body: bytes, *parts: str) -> str:
    """The id of a message by its content and where it came from, so that a copy is a copy."""
    digest = sha256(body)
    for part in parts:
        digest.update(b"\n" + part.encode("utf-8", "surrogatepass"))
    return f"content:{digest.hexdigest()}"


@dataclass(frozen=True, slots=True)
class Staged:
    """An inbox row to be; `state` is pending or parked, `note` says why parked.

    property_message_id, property_correlation_id: of AMQP, as they came.
    amount_minor, currency: what is at stake, where that could be read.
    """

    source: str
    message_id: str
    sha256: bytes
    priority: int
    routing_key: str
    body: bytes
    headers: dict[str, Any]
    state: str
    tenant_id: str | None = None
    order_id: str | None = None
    producer: str | None = None
    sequence: int | None = None
    event_type: str | None = None
    occurred_at: datetime | None = None
    correlation_id: str | None = None
    property_message_id: str | None = None
    property_correlation_id: str | None = None
    note: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
