"""A file that a command is given: a path as it is, an address copied, and told if it takes long."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from order_ops.cli.base import errors, plain
from order_ops.settings import get_offline_settings

_EVERY_S = 3.0


@contextmanager
def given_file(text: str) -> Iterator[Path]:
    """Where the file is, for as long as it is read.

    Raises:
        AddressError: it cannot be had from its address.
    """
    from order_ops.providers.addresses import is_address, local_file  # noqa: PLC0415 - fsspec

    if not is_address(text):
        yield Path(text)
        return
    with local_file(text, get_offline_settings().file_limit_mb << 20, _Told()) as path:
        yield path


class _Told:
    """Says on stderr every few seconds how far a copy is."""

    def __init__(self) -> None:
        self._next = monotonic() + _EVERY_S

    def __call__(self, address: str, done: int, size: int | None) -> None:
        if monotonic() < self._next:
            return
        self._next = monotonic() + _EVERY_S
        of = f" of {size / 1e6:,.0f}" if size else ""
        errors.print(plain(f"{address}: {done / 1e6:,.0f}{of} MB copied"), soft_wrap=True)
