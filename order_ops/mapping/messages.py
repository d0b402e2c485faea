"""Where the shop's messages come from, and where in a message its event is."""

from collections.abc import Mapping as Map
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from order_ops.domain.events import EVENT_TYPES, items_of, payload_of
from order_ops.mapping.parts import ItemPath, MessagePath, Strict, complete, one_of

ENVELOPE = (
    "id", "version", "type", "tenant", "producer", "sequence", "order", "occurred_at",
    "correlation", "data",
)  # fmt: skip


class Exchange(Strict):
    """The shop's exchange; `passive` when somebody else declares it."""

    name: str = Field(min_length=1, max_length=127)
    passive: bool = False


class Items(Strict):
    """A list in a message: where it is, and where in an item (`item.a.b`) each field is."""

    each: MessagePath
    fields: dict[str, ItemPath]


class Events(Strict):
    """Where messages come from, and where in a message its event is.

    A path is `body.a.b`, `header.NAME`, `property.message_id`, `routing_key`, or
    `=constant`. Without `envelope.id` a message is known by its content, copies of
    it counted; without `envelope.sequence` the order of arrival counts.

    Attributes:
        types: what the shop calls an event -> its canonical type.
        data: per canonical type, where the fields of its payload are; a type that is
            not named has them at `envelope.data`, under their canonical names.
        amount_unit: of the amounts in messages; those of `major` units are read by
            the payload's `currency`, exactly, whether text or number.
    """

    source: str = Field(min_length=1, max_length=64)
    exchange: Exchange
    routing: dict[str, Literal["critical", "normal", "bulk"]]
    envelope: dict[str, MessagePath]
    types: dict[str, Annotated[str, one_of(EVENT_TYPES)]] = Field(default_factory=dict)
    data: dict[Annotated[str, one_of(EVENT_TYPES)], dict[str, MessagePath | Items]] = Field(
        default_factory=dict
    )
    amount_unit: Literal["minor", "major"] = "minor"

    _complete = field_validator("envelope")(
        complete(ENVELOPE, optional={"id", "sequence", "correlation", "data"})
    )

    @property
    def has_ids(self) -> bool:
        """Whether messages have ids; else they are known by their content."""
        return "id" in self.envelope

    @property
    def has_sequences(self) -> bool:
        """Whether producers count their messages; else the order of arrival counts."""
        return "sequence" in self.envelope

    @model_validator(mode="after")
    def _payloads_are_found(self) -> Self:
        """What a message must say is somewhere, before the first one is parked for it."""
        for name, fields in self.data.items():
            _check_payload(f"data.{name}", payload_of(name), fields)
        unfound = sorted(set(self.types.values()) - self.data.keys())
        if "data" not in self.envelope and (unfound or not self.data):
            named = ", ".join(unfound) or "any event"
            raise ValueError(f"envelope.data: is missing, and data says nothing of {named}")
        return self


def _check_payload(
    where: str, payload: type[BaseModel], fields: Map[str, str] | Map[str, str | Items]
) -> None:
    """Refuse fields that nothing reads, and payloads that could never be read."""
    known = payload.model_fields
    unknown = sorted(set(fields) - known.keys() - {"currency"})
    missing = [name for name, field in known.items() if field.is_required() and name not in fields]
    if unknown or missing:
        raise ValueError(f"{where}: missing: {missing}, unknown: {unknown}; known: {sorted(known)}")
    for name, path in fields.items():
        items = items_of(payload, name) if name in known else None
        if isinstance(path, Items) and items is not None:
            _check_payload(f"{where}.{name}.fields", items, path.fields)
