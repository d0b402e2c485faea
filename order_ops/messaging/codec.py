"""From a broker message to the row of the inbox: read through the mapping, never guessed.

`Codec.stage` never raises for a bad message: what cannot be read is staged as
parked, byte for byte, with the reason in words. `Codec.decode` reads the body
of a staged row again when it is applied.
"""

import json
from collections.abc import Mapping as Map
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
from pydantic import ValidationError

from order_ops.domain.events import EVENT, EVENT_TYPES, Event, KnownParts
from order_ops.domain.messages import Message, Staged
from order_ops.domain.redaction import kept, kept_or_none, redacted, redacted_fields
from order_ops.mapping import Events
from order_ops.messaging.envelope import EnvelopeReader, NotThere
from order_ops.messaging.topology import matches

PRIORITY = {"critical": 0, "normal": 1, "bulk": 2}
"""Queue class -> inbox priority; lower goes first."""

_UNNAMED = 3
_KEYS_KNOWN = 10_000
_GIVEN_UP = "given up by the broker at its delivery limit"


class Unreadable(Exception):
    """Why a message cannot be read; the message is one line in words."""


class Codec:
    """Reads messages of one shop."""

    def __init__(self, events: Events, limit_bytes: int) -> None:
        self._events = events
        self._limit = limit_bytes
        self._envelope = EnvelopeReader(events)
        self._priorities: dict[str, int] = {}

    def stage(self, message: Message) -> Staged:
        """The inbox row of a message: pending when it can be read, else parked."""
        if message.headers:  # read as they will be read again from the row
            message = replace(message, headers=self._kept_headers(message.headers))
        if message.given_up and message.suspect:  # it may be the reading that kills
            return self._parked(message, f"{_GIVEN_UP}, kept unread: its readers were lost again")
        envelope: dict[str, Any] = {}
        try:
            event = self._read(message, envelope)
        except Unreadable as problem:
            return self._parked(message, str(problem), envelope)
        except Exception as error:  # noqa: BLE001 - no message may stop the intake
            return self._parked(message, f"cannot be read: {type(error).__name__}")
        return Staged(
            source=self._events.source,
            message_id=event.id,
            sha256=sha256(message.body).digest(),
            tenant_id=event.tenant,
            order_id=event.order,
            producer=event.producer,
            sequence=event.sequence if self._events.has_sequences else None,
            event_type=event.type,
            priority=self._priority(message.routing_key),
            routing_key=_text(message.routing_key) or "",
            body=message.body,
            headers=dict(message.headers),
            occurred_at=event.occurred_at,
            state="parked" if message.given_up else "pending",
            correlation_id=_correlation(event.correlation, message, event.id),
            property_message_id=self._kept_property(message, "message_id"),
            property_correlation_id=self._kept_property(message, "correlation_id"),
            note=_GIVEN_UP if message.given_up else None,
            amount_minor=getattr(event.data, "amount_minor", None) if message.given_up else None,
            currency=getattr(event.data, "currency", None) if message.given_up else None,
        )

    def decode(
        self,
        body: bytes,
        routing_key: str,
        headers: Map[str, Any],
        property_message_id: str | None = None,
        property_correlation_id: str | None = None,
    ) -> Event:
        """The event of a staged body, with the AMQP properties it came with.

        Raises:
            Unreadable: the mapping or the models changed since it was staged.
        """
        properties = property_message_id, property_correlation_id
        return self._read(Message(body, routing_key, headers, *properties), {})

    def _kept_headers(self, headers: Map[str, Any]) -> dict[str, Any]:
        """Headers as they are stored; those that the mapping reads are of the event itself."""
        plain = _plain(headers)
        read = {name for name in plain if f"header.{name}" in self._envelope.around}
        told = redacted_fields({name: plain[name] for name in plain if name not in read})
        return told | {name: plain[name] for name in read}

    def _kept_property(self, message: Message, name: str) -> str | None:
        """A property as it is stored; the same goes for those."""
        value = _text(getattr(message, name))
        return value if f"property.{name}" in self._envelope.around else kept_or_none(value)

    def _read(self, message: Message, found: dict[str, Any]) -> Event:
        """The event; `found` is what could be read of its envelope, also when it is unreadable."""
        if len(message.body) > self._limit:
            raise Unreadable(f"oversize: {len(message.body)} bytes, the limit is {self._limit}")
        try:
            self._envelope.read(_parse(message.body), message, found)
        except NotThere as problem:
            raise Unreadable(str(problem)) from None
        kind = found.get("type")
        if not isinstance(kind, str):
            raise Unreadable(f"unknown type: a text is expected, not {type(kind).__name__}")
        if kind not in EVENT_TYPES:
            raise Unreadable(f"unknown type {redacted(kind)[:64]!r}: no handler exists for it")
        try:
            return EVENT.validate_python(found)
        except ValidationError as error:
            raise Unreadable(_first_problem(error)) from None

    def _priority(self, routing_key: str) -> int:
        """Of the most urgent queue that the key leads to; a copy comes from each of them."""
        known = self._priorities.get(routing_key)
        if known is None:
            routing = self._events.routing
            classes = [routing[key] for key in routing if matches(key, routing_key)]
            known = min((PRIORITY[name] for name in classes), default=PRIORITY["normal"])
            if len(self._priorities) < _KEYS_KNOWN:
                self._priorities[routing_key] = known
        return known

    def _parked(self, message: Message, note: str, envelope: Map[str, Any] | None = None) -> Staged:
        """Known by content, whatever id it may have; of its envelope, what can be trusted."""
        known = _known_parts(envelope or {})
        message_id = self._envelope.content_id(message)
        return Staged(
            source=self._events.source,
            message_id=message_id,
            sha256=sha256(message.body).digest(),
            tenant_id=known.tenant if known else None,
            order_id=known.order if known else None,
            producer=known.producer if known else None,
            sequence=known.sequence if known and self._events.has_sequences else None,
            event_type=known.type if known else None,
            priority=_UNNAMED,
            routing_key=_text(message.routing_key) or "",
            body=message.body,
            headers=dict(message.headers),
            state="parked",
            correlation_id=_correlation(None, message, message_id),
            property_message_id=self._kept_property(message, "message_id"),
            property_correlation_id=self._kept_property(message, "correlation_id"),
            note=kept(note),
        )


def _known_parts(envelope: Map[str, Any]) -> KnownParts | None:
    """Who speaks of which order, when all of that can be read; else nothing is guessed."""
    try:
        return KnownParts.model_validate(envelope)
    except ValidationError:
        return None


def _parse(body: bytes) -> Any:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(_why_not_json(body, error)) from None
    if not isinstance(parsed, dict):
        raise Unreadable("not a JSON object")
    if (b"\\u0000" in body or b"\x00" in body) and _holds_nul(parsed):
        raise Unreadable("holds a NUL character (\\u0000), which no text column can keep")
    return parsed


def _why_not_json(body: bytes, error: Exception) -> str:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return f"not UTF-8: byte {wrong.start} is wrong"
    return f"not JSON: {error}"


def _holds_nul(value: Any) -> bool:
    """Without recursion: what the JSON reader takes may be nested too deeply for it."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str) and "\x00" in item:
            return True
        if isinstance(item, dict):
            left += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            left += item
    return False


def _first_problem(error: ValidationError) -> str:
    """The first problem of an envelope, without its value (it may be personal)."""
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in problem["loc"][1:])
    return f"{where or 'envelope'}: {problem['msg']}"


def _correlation(said: str | None, message: Message, message_id: str) -> str:
    """The id that what comes of a message is found by: as its producer says, else its own."""
    return kept(said or message.correlation_id or message.message_id or message_id)


def _text(value: str | None) -> str | None:
    """Text that Postgres can keep."""
    return None if value is None else value.replace("\x00", "\ufffd")


def _plain(headers: Map[str, Any]) -> dict[str, Any]:
    """AMQP headers as JSON that Postgres can keep; nearly all are that already."""
    try:
        if b"\\u0000" not in orjson.dumps(headers, option=orjson.OPT_PASSTHROUGH_DATETIME):
            return dict(headers)
    except TypeError:
        pass
    text = json.dumps(dict(headers), default=str, skipkeys=True).replace("\\u0000", "\\ufffd")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
