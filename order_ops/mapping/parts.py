"""What the parts of a mapping are made of: names, paths, and the refusal of what nothing reads."""

import re
from collections.abc import Callable, Collection
from datetime import time
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

_ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RELATION = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")
_PATH = re.compile(
    r"body(\.[^.]+)+|header\..+|property\.(message_id|correlation_id)|routing_key|=.*"
)
_ITEM_PATH = re.compile(rf"item(\.[^.]+)+|{_PATH.pattern}")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def matches(pattern: re.Pattern[str], what: str) -> AfterValidator:
    """A text that is `what`, as the pattern says."""

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


AccountName = Annotated[str, matches(_ACCOUNT_NAME, "an account name (a-z, 0-9, -)")]
Relation = Annotated[str, matches(_RELATION, "a table or view name")]
Column = Annotated[str, matches(_COLUMN, "a column name")]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
TimeOfDay = Annotated[time, BeforeValidator(_no_number)]


_SHAPES = "body.a.b, header.NAME, property.message_id, routing_key or =text"
MessagePath = Annotated[str, matches(_PATH, f"a path: {_SHAPES}")]
ItemPath = Annotated[str, matches(_ITEM_PATH, f"a path: item.a.b, {_SHAPES}")]


def one_of(names: Collection[str]) -> AfterValidator:
    """One of these names."""

    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"{value!r} is not one of {', '.join(names)}")
        return value

    return AfterValidator(check)


def complete(
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


class Strict(BaseModel):
    """A part of the mapping: a key that nothing reads is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
