"""Files by address (`s3://`, `gs://`, `https://`: what fsspec opens), copied before they are read.

A reader goes over a file more than once, and hashes it: it gets a copy of its own that nobody
changes meanwhile. What a file says belongs in the readers.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import fsspec

from order_ops.domain.failures import MendableError

_PIECE = 1 << 20
_URL = re.compile(r"[a-zA-Z][\w+.-]*://[^\s'\"<>)]+")
_SECRET_CHARS = 4
"""A shorter text would be found in any word."""
Progress = Callable[[str, int, int | None], None]
"""Told after each piece: the address, bytes copied, and bytes in all, if they are known."""


class AddressError(MendableError):
    """A file that cannot be had from its address: which, why, and what to do."""


class TooLargeError(AddressError):
    """A file that is larger than one may be."""


def is_address(text: str) -> bool:
    """Whether it names a file elsewhere, and not a path."""
    return "://" in text


def shown(address: str) -> str:
    """An address without what is secret in it: user, password, and the signature of a link."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


@contextmanager
def local_file(address: str, limit_bytes: int, progress: Progress) -> Iterator[Path]:
    """The file of an address, under its own name, for as long as it is needed.

    Raises:
        AddressError: it cannot be opened or read, or is larger than `limit_bytes`.
    """
    name = Path(unquote(urlsplit(address).path)).name
    if not name:
        raise AddressError(f"{shown(address)}: names no file; say the address of one file")
    with TemporaryDirectory(prefix="order-ops-") as folder:
        path = Path(folder) / name
        with explained(address), fsspec.open(address, "rb") as source, path.open("wb") as copy:
            copy_whole(shown(address), source, copy, limit_bytes, progress)
        yield path


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Whatever a file system raises, as an `AddressError`."""
    try:
        yield
    except AddressError:
        raise
    except ImportError as error:
        raise AddressError(
            f"{shown(address)}: a package is missing: {error}; install it beside order_ops"
        ) from None
    except FileNotFoundError:
        raise AddressError(f"{shown(address)}: there is no such file") from None
    except ValueError as error:
        raise AddressError(
            f"{shown(address)}: cannot be opened: {_first_line(error, address)}; order_ops takes "
            "paths, and the addresses that fsspec knows, such as s3://bucket/file"
        ) from None
    # each file system has errors of its own, and a log of them would tell what is secret
    except Exception as error:  # noqa: BLE001
        raise AddressError(
            f"{shown(address)}: cannot be read: {_first_line(error, address)}; look at the "
            "address, and at what may read it, in the way that its file system documents"
        ) from None


def _first_line(error: Exception, address: str) -> str:
    """What an error says, without what is secret in an address, however that is written there."""
    told = _URL.sub(lambda found: shown(found[0]), str(error).strip())
    for secret in sorted(_secrets(address), key=len, reverse=True):
        told = told.replace(secret, "***")
    return told.splitlines()[0] if told else type(error).__name__


def _secrets(address: str) -> set[str]:
    parts = urlsplit(address)
    values = [value for _, value in parse_qsl(parts.query)]
    texts = [parts.query, parts.fragment, parts.username or "", parts.password or "", *values]
    forms = {
        form(unquote(text)) for text in texts for form in (str, quote, quote_plus, _quoted_whole)
    }
    return {form for form in forms | set(texts) if len(form) >= _SECRET_CHARS}


def _quoted_whole(text: str) -> str:
    return quote(text, safe="")


def copy_whole(name: str, source: Any, copy: Any, limit_bytes: int, progress: Progress) -> None:
    """Copy an open file in pieces; `name` is how it is told of.

    Raises:
        AddressError: it is larger than `limit_bytes`, or ends before its size.
    """
    size = getattr(source, "size", None)
    done = 0
    _refuse_large(name, size or 0, limit_bytes)
    while piece := source.read(_PIECE):
        done += len(piece)
        _refuse_large(name, done, limit_bytes)
        copy.write(piece)
        progress(name, done, size)
    if size is not None and done != size:
        raise AddressError(f"{name}: only {done} of its {size} bytes came; try again")


def _refuse_large(name: str, size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise TooLargeError(
            f"{name}: is larger than {limit_bytes >> 20} MB; if it is the right file, raise "
            "ORDER_OPS_FILE_LIMIT_MB"
        )
