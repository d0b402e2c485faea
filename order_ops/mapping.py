"""The mapping file: what a shop already has, in one YAML file.

Its exchange and routing, where in a message the envelope's fields are, its
provider accounts with their accounting day, the relation that holds the
internal side of reconciliation, and which acts are enabled. The bundled
`default_mapping.yaml` is just the default such file: the codec and the
internal source read through a mapping always.
"""

import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from order_ops.domain.events import EVENT_TYPES, payload_fields
from order_ops.domain.failures import MendableError

ActKind = Literal["expire", "confirm", "cancel", "refund", "reinstate"]
ActMode = Literal["off", "propose", "automatic"]

_ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RELATION = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")
_PATH = re.compile(
    r"body(\.[^.]+)+|header\..+|property\.(message_id|correlation_id)|routing_key|=.*"
)
_ITEM_PATH = re.compile(rf"item(\.[^.]+)+|{_PATH.pattern}")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class MappingError(MendableError):
    """The mapping file cannot be used; the message names file and key."""


def _matches(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return AfterValidator(check)


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{value!r} is not an IANA time zone") from error
    return value


def _no_number(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("write the time in quotes, '22:00': without them YAML reads a number")  # noqa: TRY004
    return value


AccountName = Annotated[str, _matches(_ACCOUNT_NAME, "an account name (a-z, 0-9, -)")]
Relation = Annotated[str, _matches(_RELATION, "a table or view name")]
Column = Annotated[str, _matches(_COLUMN, "a column name")]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
TimeOfDay = Annotated[time, BeforeValidator(_no_number)]


_SHAPES = "body.a.b, header.NAME, property.message_id, routing_key or =text"
MessagePath = Annotated[str, _matches(_PATH, f"a path: {_SHAPES}")]
ItemPath = Annotated[str, _matches(_ITEM_PATH, f"a path: item.a.b, {_SHAPES}")]


ENVELOPE = (
    "id", "version", "type", "tenant", "producer", "sequence", "order", "occurred_at",
    "correlation", "data",
)  # fmt: skip
INTERNAL_COLUMNS = (
    "entry_id", "tenant", "account", "kind", "provider_ref", "order_ref", "amount", "currency",
    "status", "order_state", "occurred_at",
)  # fmt: skip
"""What a mapping can name of the internal side; a column it does not name is empty."""


def _known(names: Collection[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"{value!r} is not one of {', '.join(names)}")
        return value

    return AfterValidator(check)


def _fields(
    names: Collection[str], *, optional: Collection[str]
) -> Callable[[dict[str, str]], dict[str, str]]:
    """Refuse a part of the mapping that lacks a field, or has one that nothing reads."""

    def check(value: dict[str, str]) -> dict[str, str]:
        missing = [name for name in names if name not in value and name not in optional]
        unknown = [name for name in value if name not in names]
        if missing or unknown:
            raise ValueError(f"missing: {missing}, unknown: {unknown}; known: {list(names)}")
        return value

    return check


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Account(_Strict):
    """A provider account and its accounting day."""

    name: AccountName
    provider: Literal["stripe"]
    tenant: str = Field(min_length=1, max_length=64)
    time_zone: TimeZone
    cut_off: TimeOfDay = time(0)
    first_day: date
    order_reference: str = "payment_metadata[order_id]"
    acts: dict[ActKind, ActMode] = Field(default_factory=dict)

    def act_mode(self, kind: ActKind) -> ActMode:
        """Whether an act moves anything: a proposal, unless enabled."""
        return self.acts.get(kind, "propose")

    def accounting_day(self, moment: datetime) -> date:
        """The accounting day of a moment (aware): it starts at `cut_off`, local time."""
        day = moment.astimezone(ZoneInfo(self.time_zone)).date()
        start, end = self.day_bounds(day)
        # not by the clock on the wall: it may jump over the cut-off, or strike it twice
        return day + timedelta(days=(moment >= end) - (moment < start))

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """The accounting day as a half-open interval of UTC moments."""
        zone = ZoneInfo(self.time_zone)
        start, end = (
            datetime.combine(moment, self.cut_off, zone).astimezone(UTC)
            for moment in (day, day + timedelta(days=1))
        )
        return start, end

    def last_closed_day(self, now: datetime) -> date:
        """The latest accounting day that has ended by `now` (aware)."""
        return self.accounting_day(now) - timedelta(days=1)


def _distinct(accounts: list[Account]) -> list[Account]:
    names = [account.name for account in accounts]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} stands there twice")
    return accounts


class Exchange(_Strict):
    """The shop's exchange; `passive` when somebody else declares it."""

    name: str = Field(min_length=1, max_length=127)
    passive: bool = False


class Items(_Strict):
    """A list in a message: where it is, and where in an item (`item.a.b`) each field is."""

    each: MessagePath
    fields: dict[str, ItemPath]


class Events(_Strict):
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
    types: dict[str, Annotated[str, _known(EVENT_TYPES)]] = Field(default_factory=dict)
    data: dict[Annotated[str, _known(EVENT_TYPES)], dict[str, MessagePath | Items]] = Field(
        default_factory=dict
    )
    amount_unit: Literal["minor", "major"] = "minor"

    _complete = field_validator("envelope")(
        _fields(ENVELOPE, optional={"id", "sequence", "correlation", "data"})
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
        missing = [name for name in EVENT_TYPES if name not in self.data]
        if "data" not in self.envelope and missing and not self.data:
            raise ValueError("envelope.data: is missing, and no data names the payloads' fields")
        for name, fields in self.data.items():
            known = payload_fields(name) | {"currency"}
            unknown = sorted(set(fields) - known)
            if unknown:
                raise ValueError(f"data.{name}: unknown: {unknown}; known: {sorted(known)}")
        return self


class InternalSource(_Strict):
    """The relation with the internal side of reconciliation, and its columns."""

    relation: Relation
    columns: dict[str, Column]

    _complete = field_validator("columns")(
        _fields(
            INTERNAL_COLUMNS,
            optional={"tenant", "account", "provider_ref", "order_ref", "order_state"},
        )
    )
    amount_unit: Literal["minor", "major"] = "minor"


class Mapping(_Strict):
    """One shop."""

    version: Literal[1]
    events: Events
    internal: InternalSource
    accounts: Annotated[list[Account], Field(min_length=1), AfterValidator(_distinct)]

    def account(self, name: str) -> Account:
        """The account of that name.

        Raises:
            MappingError: naming the accounts there are.
        """
        for account in self.accounts:
            if account.name == name:
                return account
        known = ", ".join(account.name for account in self.accounts)
        raise MappingError(f"no account {name!r} in the mapping; there are: {known}")


BUNDLED = Path(__file__).with_name("default_mapping.yaml")


@cache
def load_mapping(path: Path | None = None) -> Mapping:
    """Read a mapping file; none: the bundled one.

    Raises:
        MappingError: the file is not there, not YAML, or a key is wrong.
    """
    path = path or BUNDLED
    try:
        return Mapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise MappingError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MappingError(f"{path}: is not UTF-8: byte {error.start} is wrong") from error
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise MappingError("\n".join(lines)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MappingError(f"{path}: is not YAML: {error}") from error
