"""What kind of failure an error is, and how often that kind is tried again.

Every error of the system is one of five kinds; only transient and throttled
ones are retried (checklist 2, 81, 82). Nothing here sleeps or catches: the
callers do, with these numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from random import Random
from re import escape, sub


class FailureKind(StrEnum):
    """The five kinds."""

    TRANSIENT = "transient"
    THROTTLED = "throttled"
    PERMANENT = "permanent"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"


RETRIED = frozenset({FailureKind.TRANSIENT, FailureKind.THROTTLED})


class MendableError(Exception):
    """An error that a person can mend: its message says what is wrong, where, and what to do."""


class ClassifiedError(Exception):
    """An error whose kind is known where it is raised."""

    def __init__(self, message: str, kind: FailureKind) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter: `attempts` in all, delays in seconds."""

    attempts: int
    base_s: float
    cap_s: float

    def ceiling_s(self, attempt: int) -> float:
        """The longest wait after failed attempt number `attempt` (from 1)."""
        return float(min(self.cap_s, self.base_s * 2 ** min(attempt - 1, 63)))

    def delay_s(self, attempt: int, random: Random) -> float:
        """The wait after failed attempt number `attempt`: uniform below the ceiling."""
        return random.uniform(0, self.ceiling_s(attempt))


API_CALLS = RetryPolicy(attempts=5, base_s=1.0, cap_s=30.0)
DATABASE = RetryPolicy(attempts=3, base_s=0.5, cap_s=5.0)

# SQLSTATE classes and codes that pass when tried again: connection, rollback
# (deadlock, serialization), resources, operator intervention, lock and idle timeouts.
_TRANSIENT_CLASSES = ("08", "40", "53", "57")
_TRANSIENT_CODES = frozenset({"55P03", "25P03"})


def classify(error: BaseException) -> FailureKind:
    """The kind of any error: its own, else by SQLSTATE, else by type."""
    if isinstance(error, ClassifiedError):
        return error.kind
    sqlstate = getattr(error, "sqlstate", None) or getattr(
        getattr(error, "orig", None), "sqlstate", None
    )
    if isinstance(sqlstate, str):
        transient = sqlstate[:2] in _TRANSIENT_CLASSES or sqlstate in _TRANSIENT_CODES
        return FailureKind.TRANSIENT if transient else FailureKind.PERMANENT
    if isinstance(error, ConnectionError | TimeoutError) or _lost_connection(error):
        return FailureKind.TRANSIENT
    # the driver refuses a NUL before the server sees it: no SQLSTATE, and never another outcome
    refused = any(base.__name__ == "DataError" for base in type(error).__mro__)
    return FailureKind.PERMANENT if refused else FailureKind.UNKNOWN


def _lost_connection(error: BaseException) -> bool:
    """A driver's or pool's connection error without an SQLSTATE, by the field's class names."""
    names = {base.__name__ for base in type(error).__mro__}
    return bool(names & {"OperationalError", "AMQPConnectionError", "TimeoutError"})


def fingerprint(origin: str, error_type: str, message: str, names: Iterable[str] = ()) -> str:
    """Groups failures of one cause: numbers, ids and `names` in the message do not count."""
    for name in sorted(names, key=len, reverse=True):
        message = sub(rf"(?<!\w){escape(name)}(?!\w)", "*", message)
    shape = sub(r"[0-9a-fA-F]{8,}|\d+|'[^']*'", "*", message)[:300]
    return sha256(f"{origin}|{error_type}|{shape}".encode()).hexdigest()[:16]
