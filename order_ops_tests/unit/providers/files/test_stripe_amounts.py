"""Amounts of a Stripe report are exact in the minor units of their currency, or refused."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.domain.money import MoneyError, format_minor
from order_ops.providers.files import text_columns
from order_ops.providers.files.csv_file import TextTable
from order_ops.providers.files.report import CurrencyTotals
from order_ops.providers.files.stripe_report import read
from order_ops_tests.unit.providers.files.stripe_files import GOOD, refused, write


def test_decimal_comma(tmp_path: Path) -> None:
    line = 'txn_1,2024-01-05 10:00:00,brl,"100,00","3,50","96,5",charge,ch_1,pi_1,o1'
    report = read(write(tmp_path, line), decimal_separator=",")
    assert report.lines["net_minor"].to_list() == [9650]


@pytest.mark.parametrize(
    ("currency", "gross", "minor"),
    [("jpy", "500", 500), ("kwd", "1.234", 1234), ("kwd", "1.2", 1200), ("brl", "1.2", 120)],
)
def test_each_currency_has_its_own_minor_unit(
    tmp_path: Path, currency: str, gross: str, minor: int
) -> None:
    line = f"txn_1,2024-01-05 10:00:00,{currency},{gross},0,{gross},charge,ch_1,pi_1,o1"
    assert read(write(tmp_path, line)).lines["amount_minor"].to_list() == [minor]


@pytest.mark.parametrize(("currency", "gross"), [("jpy", "500.00"), ("kwd", "1.2345")])
def test_more_decimals_than_the_currency_has_are_refused(
    tmp_path: Path, currency: str, gross: str
) -> None:
    line = f"txn_1,2024-01-05 10:00:00,{currency},{gross},0,{gross},charge,ch_1,pi_1,o1"
    assert refused(write(tmp_path, line)).column == "gross"


def test_currencies_of_one_file_are_totalled_apart(tmp_path: Path) -> None:
    yen = "txn_2,2024-01-05 10:00:00,jpy,500,18,482,charge,ch_2,pi_2,o2"
    assert read(write(tmp_path, GOOD, yen)).totals == (
        CurrencyTotals("BRL", 1, 10000, 350, 9650),
        CurrencyTotals("JPY", 1, 500, 18, 482),
    )


@pytest.mark.parametrize("separator", ["", ";", "'"])
def test_a_separator_that_is_none_is_refused(tmp_path: Path, separator: str) -> None:
    with pytest.raises(MoneyError, match="decimal separator"):
        read(write(tmp_path, GOOD), decimal_separator=separator)


def test_points_are_refused_where_commas_were_promised(tmp_path: Path) -> None:
    error = refused(write(tmp_path, GOOD), decimal_separator=",")
    assert (error.line, error.column) == (2, "gross")


def test_a_thousands_point_is_refused(tmp_path: Path) -> None:
    line = 'txn_1,2024-01-05 10:00:00,brl,"1.234,50",0,"1.234,50",charge,ch_1,pi_1,o1'
    for separator in (".", ","):
        error = refused(write(tmp_path, line), decimal_separator=separator)
        assert (error.line, error.column) == (2, "gross")


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(10**18) + 1, 10**18 - 1), st.sampled_from(["BRL", "JPY", "KWD", "CLF"])
        ),
        min_size=1,
    ),
    separator=st.sampled_from([".", ","]),
)
def test_columns_of_amounts_read_like_single_ones(
    rows: list[tuple[int, str]], separator: str
) -> None:
    texts = [
        format_minor(amount, code).replace(f"{code} ", "").replace(",", "").replace(".", separator)
        for amount, code in rows
    ]
    frame = pl.DataFrame({"amount": texts, "line_no": range(len(texts))})
    currency = pl.Series([code for _, code in rows])
    table = TextTable("f", "", frame)
    amounts = text_columns.minor_units(table, "amount", currency, separator)
    assert amounts.to_list() == [amount for amount, _ in rows]
