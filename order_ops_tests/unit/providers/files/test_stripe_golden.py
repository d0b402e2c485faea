"""Stripe's further files become the lines that they say, under the same ids as in its report."""

import json
from pathlib import Path

import polars as pl
import pytest

from order_ops.providers.files.registry import open_report, options_of
from order_ops_tests.unit.providers.files.golden_files import (
    changed,
    edited,
    expected,
    golden,
    prefixes,
    refused,
    told,
)

NAMES = {
    "stripe_balance": {"time_zone": "America/New_York"},
    "stripe_payouts": {"time_zone": "America/New_York"},
    "stripe_history": {},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_file_becomes_its_lines(name: str) -> None:
    report = open_report(f"{name}:{golden(name)}", **NAMES[name])
    assert told(report) == expected(name)
    assert (report.provider, report.unknown_columns, report.repeated_lines) == ("stripe", (), 0)


def test_one_payout_is_one_line_in_two_files() -> None:
    payouts, balance = (
        open_report(f"{name}:{golden(name)}").lines.filter(pl.col("entry_id") == "txn_6")
        for name in ("stripe_payouts", "stripe_balance")
    )
    assert payouts["net_minor"].to_list() == balance["net_minor"].to_list() == [-1480]


def test_what_became_of_a_payout_is_kept() -> None:
    raw = open_report(f"stripe_payouts:{golden('stripe_payouts')}").lines["raw"]
    assert [json.loads(cell)["payout_status"] for cell in raw] == [
        "paid", "failed", "failed", "in_transit",
    ]  # fmt: skip


def test_payouts_in_utc_are_in_utc(tmp_path: Path) -> None:
    path = changed(tmp_path, "stripe_payouts", ("effective_at", "effective_at_utc"))
    lines = open_report(f"stripe_payouts:{path}", time_zone="Asia/Tokyo").lines
    assert lines["occurred_at"].dt.hour().to_list() == [0, 0, 0, 0]


BAD = {
    "net": ("stripe_history", ("241.48,usd,2016-07-25", "241.49,usd,2016-07-25"), 2, "Net"),
    "time": ("stripe_history", ("2016-07-25 15:34", "2016-07-25 15h"), 2, "Created (UTC)"),
    "arrival": ("stripe_payouts", ("2026-01-09", "soon"), 2, "payout_expected_arrival_date"),
    "id": ("stripe_payouts", ("txn_8", ""), 3, "balance_transaction_id"),
    "id with other content": ("stripe_history", ("txn_h3", "txn_h1"), 4, "id"),
    "decimals": ("stripe_balance", ("1500,54,1446", "1500.00,54,1446"), 3, "gross"),
    "no source": ("stripe_history", ("Source", "Quelle"), 1, "Source"),
    "no time": ("stripe_payouts", ("effective_at", "when"), 1, "effective_at"),
    "no payout": ("stripe_payouts", ("payout_id", "po"), 1, "payout_id"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_cell_is_named(tmp_path: Path, case: str) -> None:
    name, edit, line, column = BAD[case]
    error = refused(name, changed(tmp_path, name, edit))
    assert (error.line, error.column) == (line, column)


def test_each_format_has_its_own_options() -> None:
    assert options_of("stripe") == ("decimal_separator", "order_ref_column", "time_zone")
    assert options_of("stripe_payouts") == ("decimal_separator", "time_zone")
    assert options_of("stripe_history") == ("decimal_separator", "order_ref_column")
    assert (
        "time_zone" in refused("stripe_history", golden("stripe_history"), time_zone="UTC").problem
    )


@pytest.mark.parametrize(
    ("option", "value"), [("time_zone", "Mars/Olympus"), ("decimal_separator", ";")]
)
def test_an_option_that_cannot_be_is_refused(option: str, value: str) -> None:
    assert repr(value) in refused("stripe", golden("stripe_balance"), **{option: value}).problem


@pytest.mark.parametrize("name", NAMES)
def test_no_person_appears_anywhere(tmp_path: Path, name: str) -> None:
    def peopled(rows: pl.DataFrame) -> pl.DataFrame:
        names = ["customer_name", "Card Address Line1", "receipt e-mail", "buyer (metadata)"]
        note = pl.lit("jane.canary@shop.example").alias("note (metadata)")
        return rows.with_columns(*(pl.lit("canary").alias(column) for column in names), note)

    path = edited(tmp_path, name, peopled)
    assert "canary" in path.read_text(encoding="utf-8")
    lines = open_report(f"{name}:{path}").lines
    assert "anary" not in lines.write_json()
    assert json.loads(lines["raw"][0])["note (metadata)"] == "***"


@pytest.mark.parametrize("name", NAMES)
def test_only_whole_lines_of_a_part_are_read(tmp_path: Path, name: str) -> None:
    """The format has no footer: a cut between lines cannot be seen, one inside of a line is."""
    content = golden(name).read_bytes()
    whole = open_report(f"{name}:{golden(name)}").lines.height
    part = tmp_path / "part.csv"
    for cut in prefixes(content):
        part.write_bytes(cut)
        if cut.endswith(b"\n"):
            assert open_report(f"{name}:{part}").lines.height < whole
        else:
            refused(name, part)
