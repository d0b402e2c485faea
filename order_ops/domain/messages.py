"""A broker message, and what is kept of it: values only.

Reading one is `order_ops.messaging.codec`, keeping one `order_ops.store.inbox`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Staged:
    """An inbox row to be; `state` is pending or parked, `note` says why parked."""

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
    note: str | None = None
