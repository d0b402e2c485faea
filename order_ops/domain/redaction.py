"""What must be in no log and in no stored text: card numbers, secrets, personal data.

Pure and quick enough for every log line. Texts are searched for what gives itself away
(a card number by its check digit, a token by its prefix, an e-mail address by its form),
mappings by the names of their keys as well. Ids, amounts, UUIDs and times stay: whoever
looks for a cause needs them. `kept` is for what enters the database, which cannot store
every text.
"""

from collections.abc import Callable, Collection, Mapping
from math import isfinite
from re import IGNORECASE, compile  # noqa: A004 - of this module alone
from typing import Any

from order_ops.domain.card_numbers import without_card_numbers
from order_ops.domain.sensitive_keys import is_sensitive

REDACTED = "[redacted]"

_SECRETS = compile(
    r"(?:\b(?:sk|rk|pk)_(?:live|test)_\w+"
    r"|\bwhsec_[\w+/=-]+"
    r"|\bxox[a-z]-[\w-]+|\bxapp-[\w-]+"
    r"|\bgh[opsu]_\w{16,}"
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|hooks\.slack\.com/services/[\w/]+)"
)
_SECRET_SIGNS = compile(r"[srp]k_(?:live|test)_|whsec_|xox[a-z]-|xapp-|gh[opsu]_|eyJ|hooks\.slack")
"""Six times as quick to look for in vain as a whole secret."""
_SCHEMES = compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", IGNORECASE)
_URL_PASSWORD = compile(r"(?<=://)([^\s:/@?#]*):([^\s/]+)@")
_EMAIL = compile(r"[^\s@<>\"'`(),:;\[\]{}|=/\\]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}\b")
_NAMED = compile(
    r"(\b(?:\w{1,32}[_-])?(?:password|passwd|pwd|secret|token|api[_-]?key|authorization|cvv2?|cvc2?"
    r"|security[_-]code|cpf|cnpj)\b[\\\"']*\s*[=:]\s*[\\\"']*)([^\s\\\"'&,;)}\]\[]+)",
    IGNORECASE,
)
_QUOTED = compile(
    r"((\\?[\"'])(?:(?:first|last|full|customer|card_?holder|holder|buyer)_?)?(?:name|phone|address"
    r"|document|birth_?date|birthday|street|telephone|mobile)\2\s*:\s*)(\\?[\"'])(?:.*?)\3",
    IGNORECASE,
)
_ROW = compile(r"(Failing row contains )\(.*", IGNORECASE)
"""Postgres repeats the whole row that it refuses."""
_HINTS = (
    "bearer", "basic", "passw", "pwd", "secret", "token", "key", "authoriz", "cvv", "cvc",
    "security", "cpf", "cnpj", "failing row",
)  # fmt: skip
"""Of what is searched for in vain in nearly every text."""
_DEEPEST = 50


def redacted(text: str) -> str:
    """A text without what is sensitive in it; the same text when nothing is."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1:{REDACTED}@", text)
    if "@" in text:
        text = _EMAIL.sub(REDACTED, text)
    lower = text.lower()
    if any(hint in lower for hint in _HINTS):
        text = _ROW.sub(rf"\1{REDACTED}", _SCHEMES.sub(rf"\1 {REDACTED}", text))
        text = _NAMED.sub(rf"\1{REDACTED}", text)
    if ":" in text:
        text = _QUOTED.sub(rf"\1\3{REDACTED}\3", text)
    if _SECRET_SIGNS.search(text):
        text = _SECRETS.sub(REDACTED, text)
    return without_card_numbers(text, REDACTED)


def redacted_fields(fields: Mapping[Any, Any], known: Collection[str] = ()) -> dict[str, Any]:
    """A mapping, and all in it, without what is sensitive by its key or in its text.

    Args:
        known: keys that look personal and are not: a job has a `name` too.
    """
    return {
        _told(key, redacted): _value(key, value, known, redacted, 0)
        for key, value in fields.items()
    }


def kept(text: str) -> str:
    """A text as it may be stored: redacted, and one that Postgres can hold."""
    return redacted(storable(text))


def kept_or_none(text: str | None) -> str | None:
    """As `kept`; None stays None."""
    return None if text is None else kept(text)


def kept_fields(fields: Mapping[Any, Any], known: Collection[str] = ()) -> dict[str, Any]:
    """A mapping as it may be stored: `kept` and `redacted_fields` in one."""
    return {_told(key, kept): _value(key, value, known, kept, 0) for key, value in fields.items()}


def kept_config(config: Mapping[Any, Any]) -> dict[str, Any]:
    """As `kept_fields`, of what a run was told: a name in it is an event's or a job's."""
    return kept_fields(config, known=("name",))


def storable(text: str) -> str:
    """A text that Postgres can hold: without NUL and without half a character."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _value(
    key: Any, value: Any, known: Collection[str], text: Callable[[str], str], deep: int
) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(key, str) and key not in known and is_sensitive(key):
        return REDACTED
    return _inside(value, known, text, deep + 1)


def _inside(value: Any, known: Collection[str], text: Callable[[str], str], deep: int) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int | float):
        return _number(value)
    if deep > _DEEPEST:
        return REDACTED
    if isinstance(value, Mapping):
        return {
            _told(key, text): _value(key, inner, known, text, deep) for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_inside(inner, known, text, deep + 1) for inner in value]
    return value


def _told(key: Any, text: Callable[[str], str]) -> str:
    return text(key if isinstance(key, str) else str(key))


def _number(value: Any) -> Any:
    """A number that JSON has, in the 64 bits of who writes it."""
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return value if -(2**63) <= value < 2**63 else str(value)
