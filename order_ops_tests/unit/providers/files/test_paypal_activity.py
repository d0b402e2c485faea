"""PayPal's activity download is read as its country writes it, or refused."""

import json
from pathlib import Path

import polars as pl
import pytest

from order_ops.providers.files.registry import open_report
from order_ops_tests.unit.providers.files.golden_files import (
    changed,
    edited,
    expected,
    golden,
    prefixes,
    refused,
    told,
)

EU = {"decimal_separator": ",", "date_order": "dmy"}


def test_an_american_download_becomes_its_lines() -> None:
    report = open_report(f"paypal_activity:{golden('paypal_activity')}")
    assert told(report) == expected("paypal_activity")
    assert (report.provider, report.unknown_columns) == ("paypal", ())


def test_a_european_download_becomes_its_lines() -> None:
    report = open_report(f"paypal_activity:{golden('paypal_activity_eu')}", **EU)
    assert told(report) == expected("paypal_activity_eu")


def test_a_date_that_could_be_either_is_not_guessed() -> None:
    error = refused("paypal_activity", golden("paypal_activity_eu"), decimal_separator=",")
    assert (error.line, error.column) == (2, "Date")
    assert "mdy or dmy" in error.problem
    assert "date_order" in error.hint


@pytest.mark.parametrize(
    ("dates", "months"),
    [
        (("05.01.2026", "17.01.2026"), [1, 1]),
        (("2026-01-05", "2026-07-01"), [1, 7]),
        (("01/05/2026", "07/17/2026"), [1, 7]),
        (("05/05/2026", "06/06/2026"), [5, 6]),
    ],
)
def test_the_only_order_in_which_all_dates_exist_is_taken(
    tmp_path: Path, dates: tuple[str, str], months: list[int]
) -> None:
    edits = zip(("05/01/2026", "07/01/2026"), dates, strict=True)
    path = changed(tmp_path, "paypal_activity_eu", *edits)
    lines = open_report(f"paypal_activity:{path}", decimal_separator=",").lines
    assert lines["occurred_at"].dt.month().to_list() == months


CELLS = {
    "no date": (("1/14/2026", "1/32/2026"), 4, "Date"),
    "two orders in one file": (("1/14/2026", "14/1/2026"), 4, "Date"),
    "no time": (("08:30:00", "08:61:00"), 5, "Time"),
    "time without seconds": (("08:30:00", "08:30"), 5, "Time"),
    "zone of several continents": (('"08:30:00","PST"', '"08:30:00","CST"'), 5, "TimeZone"),
    "comma for a point": (("-36.00", "-36,00"), 2, "Fee"),
    "point for a comma": (("1,234.00", "1.234,00"), 2, "Gross"),
    "groups of two": (("1,234.00", "12,34.00"), 2, "Gross"),
    "net of another row": (("1,198.00", "1,189.00"), 2, "Net"),
    "decimals of yen": (('"1,500"', '"1,500.00"'), 6, "Gross"),
    "status of an invoice": (("Pending", "Marked as paid"), 3, "Status"),
    "no id": (("5AC33333333333333", ""), 4, "Transaction ID"),
    "the same twice": (("5AC77777777777777", "5AC66666666666666"), 8, "Transaction ID"),
    "currency": (('"JPY","1,500"', '"JPX","1,500"'), 6, "Currency"),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_bad_cell_is_named(tmp_path: Path, case: str) -> None:
    edit, line, column = CELLS[case]
    error = refused("paypal_activity", changed(tmp_path, "paypal_activity", edit))
    assert (error.line, error.column) == (line, column)


def test_orders_of_dates_that_there_are_not_are_refused() -> None:
    error = refused("paypal_activity", golden("paypal_activity"), date_order="us")
    assert error.hint.endswith("mdy, dmy, ymd")


def test_codes_and_memos_are_read_where_the_download_has_them(tmp_path: Path) -> None:
    def with_codes(rows: pl.DataFrame) -> pl.DataFrame:
        codes = pl.Series("Transaction Event Code", ["T0006", "T0007", "T1107", *[None] * 7])
        impact = pl.Series("Balance Impact", ["Memo", "Memo", *["Debit"] * 8])
        types = pl.Series("Type", [f"type {number}" for number in range(10)])
        return rows.with_columns(codes, impact, types)

    path = edited(tmp_path, "paypal_activity", with_codes)
    lines = open_report(f"paypal_activity:{path}").lines
    assert lines["kind"].to_list() == ["other", "charge", "refund", *["unclassified"] * 7]


def test_no_person_appears_anywhere(tmp_path: Path) -> None:
    def peopled(rows: pl.DataFrame) -> pl.DataFrame:
        names = ["Shipping Address", "Item Title", "Comment 1", "Payer Alias", "Address Line 1"]
        cells = [pl.lit("canary").alias(name) for name in names]
        mail = pl.lit("jane.canary@shop.example").alias("Custom Number")
        return rows.with_columns(*cells, mail, pl.lit("x").alias("Shop Field"))

    path = edited(tmp_path, "paypal_activity", peopled)
    report = open_report(f"paypal_activity:{path}")
    assert "anary" not in report.lines.write_json()
    assert report.unknown_columns == ("Shop Field",)
    raw = json.loads(report.lines["raw"][0])
    assert (raw["Custom Number"], raw["Shop Field"]) == ("***", "x")
    assert report.lines["order_ref"].to_list()[-1] is None
    assert "anary" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("column", ["TimeZone", "Net", "Status", "Transaction ID"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    path = edited(tmp_path, "paypal_activity", lambda rows: rows.drop(column))
    assert refused("paypal_activity", path).column == column


def test_only_whole_lines_of_a_part_are_read(tmp_path: Path) -> None:
    """The format has no footer: a cut between lines cannot be seen, one inside of a line is."""
    content = golden("paypal_activity_eu").read_bytes()
    part = tmp_path / "part.csv"
    for cut in prefixes(content):
        part.write_bytes(cut)
        if cut.endswith(b"\n"):
            assert open_report(f"paypal_activity:{part}", **EU).lines.height < 2
        else:
            refused("paypal_activity", part, **EU)
