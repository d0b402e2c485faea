"""Bodies of messages, good unless told otherwise, and what the codec makes of them."""

import json
from typing import Any

from order_ops.domain.messages import Message, Staged
from order_ops.mapping import load_mapping
from order_ops.messaging.codec import Codec

LIMIT = 100_000
BUNDLED = Codec(load_mapping().events, LIMIT)


def envelope(**changes: Any) -> dict[str, Any]:
    return {
        "id": "evt-1",
        "version": 1,
        "type": "order.created",
        "tenant": "shop",
        "producer": "checkout",
        "sequence": 3,
        "order": "o-1",
        "occurred_at": "2026-03-01T09:00:00-03:00",
        "correlation": "cart-9",
        "data": {"total_minor": 1990, "currency": "BRL"},
        **changes,
    }


def encoded(**changes: Any) -> bytes:
    return json.dumps(envelope(**changes)).encode()


def stage(body: bytes, codec: Codec = BUNDLED, **message: Any) -> Staged:
    return codec.stage(Message(body, **{"routing_key": "order.created", "headers": {}, **message}))


def without(field: str) -> bytes:
    return json.dumps({k: v for k, v in envelope().items() if k != field}).encode()


def nested(depth: int, innermost: str = "0") -> bytes:
    deep = "[" * depth + innermost + "]" * depth
    return encoded()[:-1] + b', "extra": ' + deep.encode() + b"}"
