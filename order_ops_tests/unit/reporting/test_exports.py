"""No text cell of any CSV runs as a formula in a spreadsheet; numbers stay numbers."""

import csv
from dataclasses import fields, replace
from pathlib import Path

import polars as pl
import pytest

from order_ops.reconciliation.result import TABLES, Reconciliation
from order_ops.reporting.exports import neutralised, write_table
from order_ops_tests.unit.reconciliation.entries import ours, run, theirs

DANGEROUS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", " =1")


@pytest.mark.parametrize("cell", DANGEROUS)
def test_a_text_that_starts_like_a_formula_is_quoted(cell: str) -> None:
    assert neutralised(pl.DataFrame({"a": [cell]}))["a"].to_list() == [f"'{cell}"]


@pytest.mark.parametrize("cell", ["plain", "a=b", "'=1", "", "1-1", None])
def test_any_other_text_stays_as_it_is(cell: str | None) -> None:
    frame = pl.DataFrame({"a": [cell]}, {"a": pl.String})
    assert neutralised(frame)["a"].to_list() == [cell]


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    write_table(pl.DataFrame({"amount_minor": [-500], "rate": [-0.5]}), tmp_path, "t")
    assert (tmp_path / "t.csv").read_text() == "amount_minor,rate\n-500,-0.5\n"


def _hostile(cell: str) -> Reconciliation:
    """A result of which every text of every table starts like a formula."""
    result = run([ours("p1", ref="pi_1", order="o1")], [theirs("t1", 9_000, "pi_1"), theirs("t2")])
    frames = {
        field.name: getattr(result, field.name).with_columns(
            pl.selectors.string().map_elements(lambda text: cell + text, pl.String)
        )
        for field in fields(result)
        if isinstance(getattr(result, field.name), pl.DataFrame)
    }
    return replace(result, **frames)


@pytest.mark.parametrize("cell", DANGEROUS)
def test_no_cell_of_any_table_that_is_written_starts_like_a_formula(
    tmp_path: Path, cell: str
) -> None:
    result = _hostile(cell)
    written = 0
    for name in TABLES:
        write_table(getattr(result, name), tmp_path, name)
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in list(csv.reader(file))[1:]:
                for text in row:
                    formula = text.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
                    assert not formula or text.lstrip("-").isdigit(), (name, text)
                    written += text.startswith("'")
        exact = pl.read_parquet(tmp_path / f"{name}.parquet")
        assert exact.equals(getattr(result, name)), "Parquet keeps what was there"
    assert written > 10
