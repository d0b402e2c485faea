"""Fetching Stripe's balance transactions of a span into a file, page by page, and going on.

A page is on disk before the next is asked for: what was cut goes on behind the last whole line, and
asks for nothing twice. The file has its name once it is whole. What is in it belongs in
`files.stripe_objects`; retries are the caller's.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson

from order_ops.domain.failures import FailureKind, MendableError
from order_ops.providers.files.stripe_objects import ASKED, END, kept
from order_ops.providers.stripe_sdk import ProviderError, classified, connected, error_type

_PAGE = 100
"""As many as Stripe gives at a time."""


class FetchBusyError(MendableError):
    """Somebody else fetches the same."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is fetched: the account's transactions created from `start` to before `end`, UTC.

    order_key: metadata of a payment with our own order reference; none: it is not kept.
    """

    account: str
    start: datetime
    end: datetime
    order_key: str | None

    @property
    def line(self) -> bytes:
        """The first line of the file."""
        return _line(
            {
                "object": ASKED,
                "account": self.account,
                "created": {"gte": int(self.start.timestamp()), "lt": int(self.end.timestamp())},
                "order_key": self.order_key,
            }
        )


class BalanceTransactions:
    """Those of one Stripe account, newest first, through the official SDK."""

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str | None = None,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 10.0,
    ) -> None:
        self._session, api = connected(api_key, api_base, connect_timeout_s, read_timeout_s)
        self._list = api.balance_transactions.list
        self.key_digest = hashlib.sha256(api_key.encode()).hexdigest()[:8]
        self._error = error_type()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def page(self, asked: Asked, after: str | None) -> tuple[list[dict[str, Any]], bool]:
        """The objects behind that id, and whether there are more behind them.

        Raises:
            ProviderError: Stripe could not be asked, or refused.
        """
        span = {"gte": int(asked.start.timestamp()), "lt": int(asked.end.timestamp())}
        params: Any = {"limit": _PAGE, "created": span, "expand": ["data.source"]}
        try:
            page = self._list(params | ({"starting_after": after} if after else {}))
        except self._error as error:
            raise classified(error) from error
        if page.has_more and not page.data:
            raise ProviderError("stripe: a page of nothing says that more follow", _ODD)
        return [one.to_dict() for one in page.data], page.has_more


_ODD = FailureKind.UNKNOWN


def fetch(
    stripe: BalanceTransactions,
    asked: Asked,
    folder: Path,
    name: str,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """The file of what is asked for, named by its hash too; what was begun there is gone on with.

    Not what another key has begun: it may be of another account of Stripe's.

    Args:
        progress: told how many lines there are, after each page.

    Raises:
        ProviderError: Stripe could not be asked; whole pages are kept.
        FetchBusyError: another process fetches the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}-{stripe.key_digest}.part"
    with _held(part) as file:
        after, lines = _gone_on(file, asked)
        more = True
        while more:
            objects, more = stripe.page(asked, after)
            _append(file, b"".join(_line(kept(one, asked.order_key)) for one in objects))
            after = objects[-1]["id"] if objects else after
            lines += len(objects)
            progress(lines)
        _append(file, _line({"object": END, "lines": lines}))
        digest = _digest(file)
        whole = folder / f"{name}-{digest[:12]}.jsonl"
        part.replace(whole)
    return whole


@contextmanager
def _held(part: Path) -> Iterator[BinaryIO]:
    """The unfinished file, open and ours.

    Raises:
        FetchBusyError: another process has it, or had it until now.
    """
    with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FetchBusyError(f"{part}: another process fetches it; wait for its end") from None
        if not _is_still(file, part):
            raise FetchBusyError(f"{part}: another process has just ended it; try again")
        yield file


def _is_still(file: BinaryIO, part: Path) -> bool:
    """Whether the open file has its name still: who held it until now may have ended it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), part.stat())
    except FileNotFoundError:
        return False


def _gone_on(file: BinaryIO, asked: Asked) -> tuple[str | None, int]:
    """The last id of an unfinished file, and how many there are; it then ends behind that line."""
    after, lines, whole = None, 0, 0
    if file.readline() == asked.line:
        whole = file.tell()
        for line in file:
            told = _read(line)
            if told is None or told["object"] == END:
                break
            after, lines, whole = told["id"], lines + 1, whole + len(line)
    file.seek(whole)
    file.truncate()
    if not whole:
        _append(file, asked.line)
    return after, lines


def _read(line: bytes) -> dict[str, Any] | None:
    """A line of an unfinished file; None: it is not whole, whatever has cut or damaged it."""
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    named = isinstance(told, dict) and "object" in told and ("id" in told or told["object"] == END)
    return told if named and line.endswith(b"\n") else None


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    found = hashlib.sha256()
    while piece := file.read(1 << 20):
        found.update(piece)
    return found.hexdigest()


def _append(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _line(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
