"""What an Adyen report must not say is refused with the place and the remedy."""

from pathlib import Path

import polars as pl
import pytest

from order_ops.providers.files.registry import open_report
from order_ops_tests.unit.providers.files.golden_files import changed, edited, golden, refused

CONTRADICTIONS = {
    "negative debit": ({"Net Debit (NC)": "-40.10"}, "Refunded", "Net Debit (NC)"),
    "negative credit": ({"Gross Credit (GC)": "-1.00"}, "Settled", "Gross Credit (GC)"),
    "both filled": ({"Net Credit (NC)": "1.00"}, "Refunded", "Net Credit (NC)"),
    "gross both filled": ({"Gross Credit (GC)": "1.00"}, "Refunded", "Gross Credit (GC)"),
    "not an amount": ({"Markup (NC)": "1,50"}, "Refunded", "Markup (NC)"),
    "more decimals than cents": ({"Markup (NC)": "0.005"}, "Refunded", "Markup (NC)"),
    "fee missing": ({"Commission (NC)": None}, "Refunded", "Net Credit (NC)"),
    "unknown zone": ({"TimeZone": "XYZ"}, "Refunded", "TimeZone"),
    "zone of three continents": ({"TimeZone": "CST"}, "Refunded", "TimeZone"),
    "no zone": ({"TimeZone": None}, "Refunded", "TimeZone"),
    "time with a zone of its own": (
        {"Creation Date": "2026-03-29 12:00:00+02:00"}, "Refunded", "Creation Date",
    ),
    "skipped hour": (
        {"Creation Date": "2026-03-29 02:30:00", "TimeZone": "Europe/Amsterdam"},
        "Refunded", "Creation Date",
    ),
    "no type": ({"Type": None}, "Refunded", "Type"),
    "no batch": ({"Batch Number": None}, "Refunded", "Batch Number"),
    "no currency of the balance": ({"Net Currency": None}, "Refunded", "Net Currency"),
    "gross in no currency": ({"Gross Currency": None}, "Refunded", "Gross Currency"),
    "no currency at all": ({"Net Currency": "EUX"}, "Refunded", "Net Currency"),
}  # fmt: skip


def with_cells(cells: dict[str, str | None], kind: str) -> pl.Expr | list[pl.Expr]:
    row = (pl.col("Type") == kind).cum_sum() == 1
    row &= pl.col("Type") == kind
    return [
        pl.when(row).then(pl.lit(value, dtype=pl.String)).otherwise(pl.col(name)).alias(name)
        for name, value in cells.items()
    ]


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_bad_cell_is_named(tmp_path: Path, case: str) -> None:
    cells, kind, column = CONTRADICTIONS[case]
    path = edited(tmp_path, "adyen_base", lambda rows: rows.with_columns(with_cells(cells, kind)))
    error = refused("adyen", path)
    assert (error.line, error.column) == (6 if kind == "Refunded" else 2, column)


def test_a_zero_beside_the_other_column_is_an_empty_cell(tmp_path: Path) -> None:
    cells: dict[str, str | None] = {"Net Credit (NC)": "0", "Gross Credit (GC)": "0.00"}
    path = edited(
        tmp_path, "adyen_base", lambda rows: rows.with_columns(with_cells(cells, "Refunded"))
    )
    assert open_report(f"adyen:{path}").lines["net_minor"][4] == -4010


@pytest.mark.parametrize("column", ["Type", "TimeZone", "Net Debit (NC)", "Batch Number"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    error = refused("adyen", edited(tmp_path, "adyen_base", lambda rows: rows.drop(column)))
    assert (error.line, error.column) == (1, column)


@pytest.mark.parametrize("row", range(8))
def test_a_closed_batch_that_lacks_a_row_is_refused_with_figures(tmp_path: Path, row: int) -> None:
    path = edited(
        tmp_path,
        "adyen_base",
        lambda rows: pl.concat([rows.slice(0, row), rows.slice(row + 1)]),
    )
    error = refused("adyen", path)
    assert error.line == 9
    assert "ShopCorp/ShopNL/41 does not close: credits of EUR" in error.problem


def test_the_figures_of_a_batch_that_does_not_close(tmp_path: Path) -> None:
    error = refused("adyen", changed(tmp_path, "adyen_base", ("161.80", "161.70")))
    assert "credits of EUR 238.30 less debits of EUR 238.20" in error.problem
    assert error.problem.endswith("leave EUR 0.10")


def test_each_currency_of_a_closed_batch_closes(tmp_path: Path) -> None:
    """A batch that is paid out in one currency owes nothing in another either."""

    def mixed(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(
            with_cells({"Net Currency": "CAD", "Gross Currency": "CAD"}, "Chargeback")
        )

    error = refused("adyen", edited(tmp_path, "adyen_base", mixed))
    assert "does not close" in error.problem


def test_fees_that_are_not_their_sum_are_refused(tmp_path: Path) -> None:
    def summed(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(with_cells({"Payment Fees (NC)": "0.41"}, "Settled"))

    error = refused("adyen", edited(tmp_path, "adyen_2025", summed))
    assert (error.line, error.column) == (2, "Payment Fees (NC)")


@pytest.mark.parametrize("zone", ["+25:00", "-13:30", "+05:75", "GMT+14:01"])
def test_an_offset_that_no_place_has_is_refused(tmp_path: Path, zone: str) -> None:
    path = edited(
        tmp_path,
        "adyen_base",
        lambda rows: rows.with_columns(with_cells({"TimeZone": zone}, "Refunded")),
    )
    error = refused("adyen", path)
    assert f"'{zone}' is not a time zone" in error.problem
    assert error.column == "TimeZone"


@pytest.mark.parametrize("option", ["decimal_separator", "time_zone", "account_id"])
def test_an_option_that_the_format_has_not_is_refused(option: str) -> None:
    error = refused("adyen", golden("adyen_base"), **{option: "."})
    assert option in error.problem
    assert "order_ref_column" in error.hint


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("CET", 11), ("CEST", 10), ("UTC", 12), ("PST", 20), ("PDT", 19), ("GMT+01:00", 11),
        ("-0330", 15), ("Europe/Amsterdam", 10), ("America/Sao_Paulo", 15), ("AEST", 2),
    ],
)  # fmt: skip
def test_the_zone_of_a_row_is_its_own(tmp_path: Path, zone: str, hour: int) -> None:
    path = edited(
        tmp_path,
        "adyen_base",
        lambda rows: rows.with_columns(with_cells({"TimeZone": zone}, "Refunded")),
    )
    lines = open_report(f"adyen:{path}").lines
    assert lines["occurred_at"].dt.hour().to_list()[3:6] == [9, hour, 10]
