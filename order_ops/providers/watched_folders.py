"""What is in a folder that is watched: a path or an fsspec address, with wildcards or without.

Nothing is ever moved, written or deleted there. What was seen before, and what is done about a
file, belongs in `jobs.files.watched_files`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from fsspec.core import url_to_fs

from order_ops.providers.addresses import AddressError, copy_whole, explained, is_address, shown

_WILD = "*?["
_STAMPS = ("mtime", "LastModified", "last_modified", "updated", "created", "ETag", "etag")


class ChangedError(AddressError):
    """A file that was written while it was read."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that stands in a watched folder.

    Attributes:
        address: as people are told, without user and password.
        size: in bytes; -1 where its file system does not say.
        modified: whatever its file system says of its last change; only compared.
    """

    address: str
    size: int
    modified: str
    system: Any
    path: str


def found_in(pattern: str) -> list[Found]:
    """The files that a pattern names, by address; without wildcards: all of that folder.

    Names that begin with a dot, as those of unfinished copies often do, are none.

    Raises:
        AddressError: the folder is not there, or cannot be looked at.
    """
    wild = pattern if any(sign in pattern for sign in _WILD) else f"{pattern.rstrip('/')}/*"
    with explained(wild):
        system, path = url_to_fs(wild)
        system.invalidate_cache()
        folder = _folder(path)
        if not system.exists(folder):
            raise AddressError(
                f"{_shown(wild)}: there is no folder {folder}; say one that is there"
            )
        listed = system.glob(path, detail=True)
        return [
            _found(system, name, about)
            for name, about in sorted(listed.items())
            if about["type"] == "file" and not PurePosixPath(name).name.startswith(".")
        ]


@contextmanager
def copied(found: Found, limit_bytes: int) -> Iterator[Path]:
    """A copy of a file under its own name, for as long as it is needed.

    Raises:
        AddressError: it cannot be read; a `TooLargeError` or `ChangedError`, where it is one.
    """
    with TemporaryDirectory(prefix="order-ops-") as folder:
        path = Path(folder) / PurePosixPath(found.path).name
        with explained(found.address):
            with found.system.open(found.path, "rb") as source, path.open("wb") as copy:
                copy_whole(found.address, source, copy, limit_bytes, lambda *_: None)
            found.system.invalidate_cache()
            (about,) = found.system.ls(found.path, detail=True)  # in the words of the listing
            now = _found(found.system, found.path, about)
            if (now.size, now.modified) != (found.size, found.modified):
                raise ChangedError(f"{found.address}: was written while it was read")
        yield path


def _found(system: Any, name: str, about: dict[str, Any]) -> Found:
    modified = " ".join(str(about[key]) for key in _STAMPS if key in about)
    size = about.get("size")
    return Found(_address(system, name), -1 if size is None else size, modified, system, name)


def _address(system: Any, name: str) -> str:
    return name if "file" in system.protocol else shown(system.unstrip_protocol(name))


def _folder(path: str) -> str:
    """The folder before the first wildcard."""
    plain = takewhile(lambda part: not any(sign in part for sign in _WILD), path.split("/"))
    return "/".join(plain) or "/"


def _shown(pattern: str) -> str:
    return shown(pattern) if is_address(pattern) else pattern
