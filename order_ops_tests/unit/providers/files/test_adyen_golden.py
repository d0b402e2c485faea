"""Adyen's settlement reports of three years become the lines that they say."""

import json
from pathlib import Path

import polars as pl
import pytest

from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import CurrencyTotals
from order_ops_tests.unit.providers.files.golden_files import (
    edited,
    expected,
    golden,
    prefixes,
    refused,
    told,
)

NAMES = ["adyen_base", "adyen_2024_ach", "adyen_2025"]


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_file_becomes_its_lines(name: str) -> None:
    report = open_report(f"adyen:{golden(name)}")
    assert told(report) == expected(name)
    assert (report.provider, report.unknown_columns) == ("adyen", ())


def test_a_closed_batch_is_worth_nothing_any_more() -> None:
    report = open_report(f"adyen:{golden('adyen_base')}")
    assert report.totals == (CurrencyTotals("EUR", 9, 1955, 1955, 0),)
    assert report.numbers == {"ShopCorp/ShopNL": (41,)}


def test_a_batch_that_is_carried_to_the_next_one_is_closed(tmp_path: Path) -> None:
    def carried(left: str) -> Path:
        def edit(rows: pl.DataFrame) -> pl.DataFrame:
            kind = pl.col("Type")
            costs = rows.filter(kind.is_in(["MiscCosts", "MerchantPayout"]))
            transfer = pl.when(kind == "MerchantPayout").then(pl.lit(left)).alias("Net Credit (NC)")
            debit = pl.when(kind == "MiscCosts").then("Net Debit (NC)").alias("Net Debit (NC)")
            types = kind.replace({"MerchantPayout": "Balancetransfer"})
            return costs.with_columns(transfer, debit, types)

        return edited(tmp_path, "adyen_2024_ach", edit)

    for left, batch in (("0.20", "ShopCorp/ShopUS/7"), ("0.10", None)):
        lines = open_report(f"adyen:{carried(left)}").lines
        assert set(lines["payout_id"]) == {batch}


def test_batches_are_numbered_by_merchant_account() -> None:
    numbers = open_report(f"adyen:{golden('adyen_2024_ach')}").numbers
    assert numbers == {"ShopCorp/ShopCA": (8,), "ShopCorp/ShopUS": (7, 8)}


@pytest.mark.parametrize("name", NAMES)
def test_reordered_rows_and_columns_give_the_same_lines(tmp_path: Path, name: str) -> None:
    def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select(sorted(frame.columns)).reverse()

    once = open_report(f"adyen:{golden(name)}").lines.drop("raw", "line_no").sort("entry_id")
    path = edited(tmp_path, name, shuffled)
    again = open_report(f"adyen:{path}").lines.drop("raw", "line_no").sort("entry_id")
    assert again.equals(once)
    assert once["entry_id"].is_unique().all()


def test_rows_of_one_key_are_counted_by_their_content(tmp_path: Path) -> None:
    def unequal(frame: pl.DataFrame) -> pl.DataFrame:
        first = (pl.col("Type") == "MiscCosts").cum_sum() == 1
        cost = pl.when((pl.col("Type") == "MiscCosts") & first).then(pl.lit("0.20"))
        payout = pl.when(pl.col("Type") == "MerchantPayout").then(pl.lit("40.90"))
        debit = pl.col("Net Debit (NC)")
        return frame.with_columns(pl.coalesce(cost, payout, debit).alias("Net Debit (NC)"))

    def backwards(frame: pl.DataFrame) -> pl.DataFrame:
        return unequal(frame).reverse()

    read = [
        dict(
            open_report(f"adyen:{edited(tmp_path, 'adyen_2024_ach', edit)}")
            .lines.select("entry_id", "amount_minor")
            .iter_rows()
        )
        for edit in (unequal, backwards)
    ]
    assert read[0] == read[1]
    assert sorted(v for k, v in read[0].items() if "MiscCosts" in k) == [-20, -10]


def test_the_order_reference_may_stand_in_another_column() -> None:
    path = golden("adyen_2024_ach")
    report = open_report(f"adyen:{path}", order_ref_column="Merchant Order Reference")
    assert report.lines["order_ref"].to_list()[:3] == ["order-2001", "order-2002", None]
    error = refused("adyen", golden("adyen_base"), order_ref_column="Merchant Order Reference")
    assert (error.line, error.column) == (3, "Merchant Order Reference")


def test_canaries_of_columns_about_people_appear_nowhere(tmp_path: Path) -> None:
    """Real files have buyers in `Metadata`; the golden file has one too."""
    hidden = ["Metadata", "Authorisation Code", "Shopper Country", "Reserved4", "Reserved10"]

    def peopled(frame: pl.DataFrame) -> pl.DataFrame:
        added = ["Shopper Name", "Shopper Email", "Card Number", "Store Note"]
        cells = [pl.lit(f"canary{at}").alias(name) for at, name in enumerate(hidden + added[:3])]
        return frame.with_columns(*cells, pl.lit("a@b.example 4242 4242 4242 4242").alias(added[3]))

    report = open_report(f"adyen:{edited(tmp_path, 'adyen_2025', peopled)}")
    assert "canary" not in report.lines.write_json()
    assert report.unknown_columns == ("Store Note",)
    assert json.loads(report.lines["raw"][0])["Store Note"] == "*** ***"
    assert "canary" not in open_report(f"adyen:{golden('adyen_2025')}").lines.write_json()


def test_no_part_of_a_file_passes_for_the_whole(tmp_path: Path) -> None:
    """A file that is cut is refused, unless it ends before the payout that closes the batch."""
    content = golden("adyen_base").read_bytes()
    part = tmp_path / "part.csv"
    for cut in prefixes(content):
        part.write_bytes(cut)
        if not cut.endswith(b"\n") or not cut.strip():
            refused("adyen", part)
        else:
            lines = open_report(f"adyen:{part}").lines
            assert lines["payout_id"].null_count() == lines.height
