"""Log lines, read back: JSON lines of any process, from files, folders and stdin.

What a line is wanted for is the caller's; here belongs finding lines, in time order,
within bounds, and saying what was read and what was not.
"""

import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from order_ops.domain.failures import MendableError
from order_ops.telemetry.logs import safe

STDIN = Path("-")
NO_TIME = datetime.min.replace(tzinfo=UTC)
"""Of lines before the first that has a time."""


class LogsError(MendableError):
    """A file of log lines cannot be read; the message names it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line; `at` is its own time, or that of the line before it in its file."""

    at: datetime
    fields: dict[str, Any]


@dataclass(slots=True)
class Lines:
    """The earliest of the lines that were wanted, in time order.

    Attributes:
        matched: how many were wanted; more than were `found` when they are cut.
        not_json: lines that are no JSON object; what they say is not known.
    """

    found: list[Line] = field(default_factory=list)
    files: int = 0
    read: int = 0
    matched: int = 0
    not_json: int = 0

    def keep(self, most: int) -> None:
        """Put them in order, and let go of the latest beyond `most`."""
        self.found.sort(key=lambda line: line.at)
        del self.found[most:]


def read(sources: Sequence[Path], wanted: Callable[[dict[str, Any]], bool], most: int) -> Lines:
    """At most `most` of the lines that are wanted; of a folder all its files, `-` is stdin.

    Raises:
        LogsError: a file cannot be read.
    """
    lines = Lines()
    for source in _files(sources):
        lines.files += 1
        with _opened(source) as file:
            _read(lines, file, wanted, most)
    lines.keep(most)
    return lines


def _read(
    lines: Lines, file: Iterable[bytes], wanted: Callable[[dict[str, Any]], bool], most: int
) -> None:
    at = NO_TIME
    for raw in file:
        if not raw.strip():
            continue
        lines.read += 1
        fields = _object(raw)
        if fields is None:
            lines.not_json += 1
            continue
        at = _at(fields.get("timestamp")) or at
        if wanted(fields):
            lines.matched += 1
            lines.found.append(Line(at, safe(fields)))
            if len(lines.found) >= 2 * most:
                lines.keep(most)


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _at(told: object) -> datetime | None:
    with suppress(ValueError):
        at = datetime.fromisoformat(told) if isinstance(told, str) else None
        return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
    return None


def _files(sources: Sequence[Path]) -> list[Path]:
    """Each file once, those of folders by name."""
    found: list[Path] = []
    for source in sources:
        with _explained(source):
            found += sorted(filter(Path.is_file, source.iterdir())) if source.is_dir() else [source]
    return list(dict.fromkeys(found))


@contextmanager
def _opened(source: Path) -> Iterator[Iterable[bytes]]:
    with _explained(source):
        if source == STDIN:
            yield sys.stdin.buffer
        elif source.suffix == ".gz":
            with gzip.open(source) as unpacked:
                yield unpacked
        else:
            with source.open("rb") as file:
                yield file


@contextmanager
def _explained(source: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise LogsError(f"--logs {source}: cannot be read: {why}") from None
