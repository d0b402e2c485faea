"""Which providers there are, and how a file of one of them is opened by name.

A new file provider is one line in `READERS`; how its files are read belongs in its own module.
"""

from pathlib import Path
from typing import Protocol

from order_ops.providers import stripe_report
from order_ops.providers.report import ProviderReport, ReportError


class Reader(Protocol):
    """Reads one file of a provider; see `stripe_report.read` for the options."""

    def __call__(
        self,
        path: Path,
        *,
        order_ref_column: str = ...,
        decimal_separator: str = ...,
        time_zone: str = ...,
    ) -> ProviderReport:
        """Read one file completely, or refuse it with a `ReportError`."""
        ...


READERS: dict[str, Reader] = {"stripe": stripe_report.read}


def open_report(spec: str, **options: str) -> ProviderReport:
    """Read the file named by "PROVIDER:PATH", such as "stripe:payouts.csv".

    Raises:
        ReportError: unknown provider, or a file that cannot be read as its provider's.
    """
    provider, colon, path = spec.partition(":")
    reader = READERS.get(provider)
    if reader is None or not colon or not path:
        known = ", ".join(sorted(READERS))
        raise ReportError(
            spec, "no known provider is named", f"write PROVIDER:PATH, known: {known}"
        )
    try:
        return reader(Path(path), **options)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(path, reason, "check the path and its rights") from error
