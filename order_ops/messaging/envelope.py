"""Finding an event in a message of a given shop, by the paths of the mapping.

Pure: a parsed body and its message go in, the canonical envelope comes out, not
validated yet. What a path may be says `order_ops.mapping.Events`.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from order_ops.domain.messages import Message, content_id
from order_ops.domain.money import MoneyError, parse_major
from order_ops.mapping import Events, Items

Read = Callable[[Any, Message], Any]
"""Reads one thing of a parsed body and its message; None: it is not there."""

_MINOR = "_minor"


class NotThere(Exception):
    """What an envelope needs is not in the message; the text says what and where."""


class EnvelopeReader:
    """Reads the canonical envelope of messages of one shop."""

    def __init__(self, events: Events) -> None:
        self._paths = events.envelope
        self._fields = [(field, _reader(path)) for field, path in events.envelope.items()]
        self._data = {name: _data_reader(fields) for name, fields in events.data.items()}
        self._events = events
        around = sorted(_around_the_body(events))
        self._around = [_reader(path) for path in around]
        self.around = frozenset(around)
        """What of a message the mapping reads beside its body: `header.x`, `property.y`."""

    def content_id(self, message: Message) -> str:
        """By body, routing key, and whatever else around the body the mapping reads."""
        around = [json.dumps(read({}, message), default=str) for read in self._around]
        return content_id(message.body, message.routing_key, *around)

    def read(self, body: dict[str, Any], message: Message, found: dict[str, Any]) -> None:
        """Fill `found` with the envelope, as far as it is there, also when it raises.

        Raises:
            NotThere: no id or sequence where the mapping says that there is one, or an
                amount that is none.
        """
        found.update((field, read(body, message)) for field, read in self._fields)
        kind = found.get("type")
        if isinstance(kind, str):
            kind = found["type"] = self._events.types.get(kind, kind)
            if kind in self._data:
                found["data"] = self._data[kind](body, message)
        if not self._events.has_ids:
            found["id"] = self.content_id(message)
        if not self._events.has_sequences:
            found["sequence"] = 0
        if self._paths["version"] == "=1":
            found["version"] = 1
        for field in ("id", "sequence"):
            if found[field] is None:
                raise NotThere(f"no {field}: nothing at {self._paths[field]}")
        if self._events.amount_unit == "major" and isinstance(found.get("data"), dict):
            found["data"] = _in_minor(found["data"], found["data"].get("currency"), "data")


def _around_the_body(events: Events) -> set[str]:
    """The paths of the mapping into headers and properties."""
    paths = set(events.envelope.values())
    for fields in events.data.values():
        for path in fields.values():
            parts = [path.each, *path.fields.values()] if isinstance(path, Items) else [path]
            paths.update(parts)
    return {path for path in paths if path.startswith(("header.", "property."))}


def _data_reader(fields: dict[str, str | Items]) -> Read:
    """What reads a payload; a field that is nowhere is left out, so that its default holds."""
    readers = [
        (name, _items_reader(path) if isinstance(path, Items) else _reader(path))
        for name, path in fields.items()
    ]

    def read(body: Any, message: Message) -> dict[str, Any]:
        found = ((name, one(body, message)) for name, one in readers)
        return {name: value for name, value in found if value is not None}

    return read


def _items_reader(items: Items) -> Read:
    whole = _reader(items.each)
    fields = _data_reader(dict(items.fields))

    def read(body: Any, message: Message) -> Any:
        found = whole(body, message)
        if not isinstance(found, list):
            return found
        # an item's own fields are at item.x, those around it at body.x
        return [fields({**body, "item": item}, message) for item in found]

    return read


def _reader(path: str) -> Read:
    """What reads a path."""
    if path.startswith("="):
        constant = path[1:]
        return lambda _body, _message: constant
    root, _, rest = path.partition(".")
    if root == "routing_key":
        return lambda _body, message: message.routing_key
    if root == "header":
        return lambda _body, message: message.headers.get(rest)
    if root == "property":
        return lambda _body, message: getattr(message, rest, None)
    names = path.split(".") if root == "item" else rest.split(".")
    if len(names) == 1:
        (name,) = names
        return lambda body, _message: body.get(name)
    return lambda body, _message: _inside(body, names)


def _inside(body: Any, names: Sequence[str]) -> Any:
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _in_minor(value: Any, currency: Any, where: str) -> Any:
    """Amounts of a payload from major units, with the currency beside or around them.

    Raises:
        NotThere: an amount is none, or nobody says in what currency it is.
    """
    if isinstance(value, list):
        return [_in_minor(item, currency, f"{where}.{n}") for n, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    currency = value.get("currency", currency)
    return {
        name: _amount(inner, currency, f"{where}.{name}")
        if name.endswith(_MINOR)
        else _in_minor(inner, currency, f"{where}.{name}")
        for name, inner in value.items()
    }


def _amount(value: Any, currency: Any, where: str) -> int:
    if not isinstance(currency, str):
        raise NotThere(f"{where}: nobody says in what currency it is: map data.currency too")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NotThere(f"{where}: an amount is expected, not {type(value).__name__}")
    try:
        # the shortest text of a float is the one that was sent, up to 15 digits
        return parse_major(value if isinstance(value, str) else repr(value), currency)
    except (MoneyError, ValueError) as error:
        raise NotThere(f"{where}: {error}") from None
