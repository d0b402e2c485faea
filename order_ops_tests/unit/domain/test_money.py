"""Money is read and written exactly, or refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.domain.money import MoneyError, format_minor, minor_exponent, parse_major

AMOUNTS = st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1)
CURRENCIES = st.sampled_from(["BRL", "JPY", "KWD", "CLF", "RSD", "IQD"])


@pytest.mark.parametrize(
    ("currency", "exponent"),
    [("BRL", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("RSD", 2), ("IQD", 3), ("UGX", 0)],
)
def test_exponents_follow_iso_4217(currency: str, exponent: int) -> None:
    assert minor_exponent(currency) == exponent


@pytest.mark.parametrize("currency", ["XYZ", "brl", "", "US$"])
def test_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(MoneyError, match="ISO 4217"):
        minor_exponent(currency)


@pytest.mark.parametrize(
    ("text", "currency", "separator", "minor"),
    [
        ("1284.20", "BRL", ".", 128420),
        ("1284,2", "BRL", ",", 128420),
        ("-0.01", "BRL", ".", -1),
        ("500", "JPY", ".", 500),
        ("1.234", "KWD", ".", 1234),
        ("0000000000000000000001.00", "BRL", ".", 100),
        ("-0", "BRL", ".", 0),
    ],
)
def test_amounts_are_exact(text: str, currency: str, separator: str, minor: int) -> None:
    assert parse_major(text, currency, separator) == minor


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1.", ".5", "1.234", "1.234,50", "1,234.50", "1e3", "NaN", "Infinity", "+1", "1_0",
     "١٢", "1.0\n", "R$ 1", "99999999999999999.99"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        parse_major(text, "BRL")


def test_a_decimal_separator_is_one_of_two() -> None:
    with pytest.raises(MoneyError, match="decimal separator"):
        parse_major("1", "BRL", ";")


def test_format_reads_like_money() -> None:
    assert format_minor(128420, "BRL") == "BRL 1,284.20"
    assert format_minor(-500, "JPY") == "-JPY 500"
    assert format_minor(5, "KWD") == "KWD 0.005"


@settings(deadline=None)
@given(amount=AMOUNTS, currency=CURRENCIES, separator=st.sampled_from([".", ","]))
def test_written_amounts_read_back(amount: int, currency: str, separator: str) -> None:
    text = format_minor(amount, currency).replace(f"{currency} ", "").replace(",", "")
    assert parse_major(text.replace(".", separator), currency, separator) == amount
