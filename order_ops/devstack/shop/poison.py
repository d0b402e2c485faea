"""Messages that no consumer can use: each must be parked byte for byte.

Belongs here: the kinds of broken messages, one function each. They come from a
producer of their own, so they leave no gap in the sequences of the others, and
through bound routing keys, so they do reach the queue.
"""

import json
from collections.abc import Callable
from typing import Any

from .lives import Dice
from .model import CURRENCY, TENANT, Message

ROUTING_KEY = "order.created"
OVERSIZE = 101_000
"""Bytes; the limit of a message is 100,000."""


def bad_json(event: dict[str, Any]) -> bytes:
    """Cut off in the middle."""
    return _encode(event)[:-20]


def invalid_utf8(event: dict[str, Any]) -> bytes:
    """Latin-1 where UTF-8 is due."""
    return json.dumps({**event, "correlation": "São Paulo"}, ensure_ascii=False).encode("latin-1")


def null_character(event: dict[str, Any]) -> bytes:
    r"""Valid JSON, but no PostgreSQL text or jsonb can hold `\u0000`."""
    return _encode({**event, "correlation": "cart\x0042"})


def oversize(event: dict[str, Any]) -> bytes:
    """101 KB, fine but for its size."""
    return _encode({**event, "padding": "x" * (OVERSIZE - len(_encode({**event, "padding": ""})))})


def no_id(event: dict[str, Any]) -> bytes:
    """Nothing to know it by when it comes twice."""
    return _encode({key: value for key, value in event.items() if key != "id"})


def unknown_version(event: dict[str, Any]) -> bytes:
    """A contract that is not out yet."""
    return _encode({**event, "version": 99})


def unknown_type(event: dict[str, Any]) -> bytes:
    """An event nobody handles."""
    return _encode({**event, "type": "order.teleported"})


KINDS: tuple[Callable[[dict[str, Any]], bytes], ...] = (
    bad_json,
    invalid_utf8,
    null_character,
    oversize,
    no_id,
    unknown_version,
    unknown_type,
)


def poison_messages(dice: Dice) -> list[Message]:
    """One message of each kind, about orders that are nobody's."""
    return [_message(dice, sequence, make) for sequence, make in enumerate(KINDS, start=1)]


def _message(dice: Dice, sequence: int, make: Callable[[dict[str, Any]], bytes]) -> Message:
    event = {
        "id": dice.ref("evt", make.__name__),
        "version": 1,
        "type": "order.created",
        "tenant": TENANT,
        "producer": "old-checkout",
        "sequence": sequence,
        "order": dice.ref("lost", make.__name__),
        "occurred_at": dice.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {"total_minor": 1990, "currency": CURRENCY},
    }
    message_id = None if make is no_id else str(event["id"])
    return Message(make(event), ROUTING_KEY, message_id, {}, "day")


def _encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()
