"""Which files of providers there are, and how one is opened by the name of its format.

A new format is one line in `READERS`; how its files are read belongs in its own module.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from zoneinfo import available_timezones

from order_ops.providers.files import (
    adyen_settlement,
    mapped,
    paypal_activity,
    paypal_report,
    stripe_history,
    stripe_objects,
    stripe_payouts,
    stripe_report,
)
from order_ops.providers.files.report import ProviderReport, ReportError
from order_ops.providers.memory import refuse_too_large

Reader = Callable[..., ProviderReport]
"""Reads one file completely, or refuses it with a `ReportError`.

Takes the path, and whatever the format leaves open as keyword arguments of type `str`, each with a
default: `stripe_report.read` needs to know the time zone, `adyen_settlement.read` is told it.
"""

READERS: dict[str, Reader] = {
    "adyen": adyen_settlement.read,
    "mapped": mapped.read,
    "paypal_activity": paypal_activity.read,
    "paypal_stl": paypal_report.read_stl,
    "paypal_trr": paypal_report.read_trr,
    "stripe": stripe_report.read,
    "stripe_balance": stripe_report.read,
    stripe_objects.NAME: stripe_objects.read,
    "stripe_history": stripe_history.read,
    "stripe_payouts": stripe_payouts.read,
}


def options_of(name: str) -> tuple[str, ...]:
    """What may be said about a file of a known format beside its path, sorted."""
    parameters = inspect.signature(READERS[name]).parameters.values()
    return tuple(sorted(found.name for found in parameters if found.kind is found.KEYWORD_ONLY))


def open_report(spec: str, **options: str) -> ProviderReport:
    """Read the file named by "PROVIDER:PATH", such as "stripe:payouts.csv".

    Raises:
        ReportError: unknown provider, an option that its files have not or that cannot be, or a
            file that cannot be read as its provider's.
    """
    provider, colon, path = spec.partition(":")
    reader = READERS.get(provider)
    if reader is None or not colon or not path:
        known = ", ".join(sorted(READERS))
        raise ReportError(
            spec, "no known provider is named", f"write PROVIDER:PATH, known: {known}"
        )
    _check_options(spec, provider, options)
    try:
        refuse_too_large(Path(path))
        return reader(Path(path), **options)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(path, reason, "check the path and its rights") from error


def _check_options(spec: str, provider: str, options: dict[str, str]) -> None:
    known = options_of(provider)
    for option, value in options.items():
        if option not in known:
            told = ", ".join(known) or "none"
            problem = f"files of {provider!r} have no option {option!r}"
            raise ReportError(spec, problem, f"leave it out; the options are: {told}")
        if option == "decimal_separator" and value not in {".", ","}:
            problem = f"{value!r} is not a decimal separator"
            raise ReportError(spec, problem, "write '.' or ','")
        if option == "time_zone" and value not in available_timezones():
            problem = f"{value!r} is not an IANA time zone"
            raise ReportError(spec, problem, "write one such as Europe/Berlin or UTC")
