"""Which formats of bank statements there are, and how a file of one of them is opened by name.

A new format is one line in `READERS`; how its files are read belongs in its own module.
"""

from pathlib import Path
from typing import Protocol

from order_ops.providers.banks import camt053, mapped, mt940
from order_ops.providers.banks.statement import BankFile, StatementOptions
from order_ops.providers.files.report import ReportError
from order_ops.providers.memory import refuse_too_large


class StatementReader(Protocol):
    """Reads one file of a bank."""

    def __call__(self, path: Path, options: StatementOptions) -> BankFile:
        """Read one file completely, or refuse it with a `ReportError`."""
        ...


READERS: dict[str, StatementReader] = {
    "camt053": camt053.read,
    "mt940": mt940.read,
    "mapped": mapped.read,
}


def open_statement(spec: str, options: StatementOptions | None = None) -> BankFile:
    """Read the file named by "FORMAT:PATH", such as "camt053:2026-01-05.xml".

    Raises:
        ReportError: unknown format, or a file that cannot be read as one of it.
    """
    name, colon, path = spec.partition(":")
    reader = READERS.get(name)
    if reader is None or not colon or not path:
        known = ", ".join(sorted(READERS))
        raise ReportError(
            spec, "no known statement format is named", f"write FORMAT:PATH, known: {known}"
        )
    try:
        refuse_too_large(Path(path))
        return reader(Path(path), options or StatementOptions())
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(path, reason, "check the path and its rights") from error
