"""Money as exact integers: what a minor unit is, how an amount is read, how it is written.

Amounts are integers in minor units of an ISO 4217 currency everywhere in the package. This module
is the one place that turns the major-unit text of a file or a screen into such an integer and
back. It holds no rounding, because nothing here may lose a unit: what does not fit is refused.
Exchange rates, fees and sums do not belong here.
"""

import re
from functools import cache

from babel.numbers import get_currency_precision, is_currency

# CLDR says how many decimals people write, which for these is fewer than ISO 4217 defines and
# providers send ("10.50 RSD" is a real amount). Money follows ISO.
_ISO_EXPONENTS = {
    "AFN": 2, "ALL": 2, "IQD": 3, "IRR": 2, "KPW": 2, "LAK": 2, "LBP": 2, "MGA": 2,
    "MMK": 2, "RSD": 2, "SOS": 2, "SYP": 2, "YER": 2,
}  # fmt: skip

INT64_DIGITS = 18
"""Amounts of up to this many digits fit a signed 64-bit integer, whatever the digits are."""


class MoneyError(ValueError):
    """An amount or a currency that cannot be read exactly; the text says what was expected."""


@cache
def minor_exponent(currency: str) -> int:
    """Return how many decimals the currency has: 2 for BRL, 0 for JPY, 3 for KWD.

    Raises:
        MoneyError: the code is not an upper-case ISO 4217 currency.
    """
    if not is_currency(currency):
        raise MoneyError(f"{currency!r} is not an ISO 4217 currency code such as 'BRL'")
    return _ISO_EXPONENTS.get(currency, get_currency_precision(currency))


@cache
def major_pattern(exponent: int, decimal_separator: str = ".") -> str:
    """Return the regular expression of an exact amount: sign, digits, at most `exponent` decimals.

    Groups: sign, whole, decimals. Thousands separators, exponents and NaN do not match.
    """
    if decimal_separator not in {".", ","}:
        raise MoneyError(f"the decimal separator is '.' or ',', not {decimal_separator!r}")
    decimals = rf"(?:{re.escape(decimal_separator)}([0-9]{{1,{exponent}}}))?" if exponent else "()"
    return rf"^(-?)([0-9]+){decimals}$"


def parse_major(text: str, currency: str, decimal_separator: str = ".") -> int:
    """Return the minor units of an amount written in major units, exactly.

    Args:
        text: for instance "1284.20" or "-5"; no spaces, no thousands separators, no exponent.
        currency: ISO 4217, upper case.
        decimal_separator: "." or ",".

    Raises:
        MoneyError: the text is anything else, or has more decimals than the currency.
    """
    exponent = minor_exponent(currency)
    found = re.fullmatch(major_pattern(exponent, decimal_separator), text)
    if found is None:
        example = _example(exponent, decimal_separator)
        raise MoneyError(f"{text!r} is not an amount in {currency} written like {example}")
    sign, whole, decimals = found.groups(default="")
    digits = whole.lstrip("0") + decimals.ljust(exponent, "0")
    if len(digits) > INT64_DIGITS:
        raise MoneyError(f"{text!r} is too large: {INT64_DIGITS} digits at most")
    return int(sign + (digits or "0"))


def format_minor(amount: int, currency: str) -> str:
    """Return an amount for people, such as "BRL 1,284.20" or "-JPY 500"."""
    exponent = minor_exponent(currency)
    whole, decimals = divmod(abs(amount), 10**exponent)
    tail = f".{decimals:0{exponent}d}" if exponent else ""
    return f"{'-' if amount < 0 else ''}{currency} {whole:,}{tail}"


def _example(exponent: int, decimal_separator: str) -> str:
    return (
        f"'1284{decimal_separator}{'20'.ljust(exponent, '0')[:exponent]}'" if exponent else "'1284'"
    )
