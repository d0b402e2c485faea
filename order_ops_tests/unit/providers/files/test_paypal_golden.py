"""PayPal's settlement and transaction detail reports become the lines that they say."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import CurrencyTotals
from order_ops_tests.unit.providers.files.golden_files import (
    changed,
    expected,
    golden,
    prefixes,
    refused,
    told,
)

NAMES = ["paypal_stl", "paypal_trr"]


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_file_becomes_its_lines(name: str) -> None:
    report = open_report(f"{name}:{golden(name)}")
    assert told(report) == expected(name)
    assert (report.provider, report.unknown_columns) == ("paypal", ())


def test_each_balance_is_totalled_apart() -> None:
    assert open_report(f"paypal_stl:{golden('paypal_stl')}").totals == (
        CurrencyTotals("EUR", 2, 287, 287, 0),
        CurrencyTotals("JPY", 1, 150, 5, 145),
        CurrencyTotals("USD", 9, -99, 134, -233),
    )


def test_quotes_and_mark_make_no_difference(tmp_path: Path) -> None:
    once = open_report(f"paypal_stl:{golden('paypal_stl')}").lines
    path = changed(tmp_path, "paypal_stl", ('"', ""), ("\ufeff", ""))
    assert open_report(f"paypal_stl:{path}").lines.equals(once)


def test_columns_are_taken_by_name_and_spaces_in_names_are_one(tmp_path: Path) -> None:
    """Some files have two spaces in "Transaction  Debit or Credit"."""
    path = changed(tmp_path, "paypal_stl", ("Transaction Debit or", "Transaction  Debit or"))
    once = open_report(f"paypal_stl:{golden('paypal_stl')}").lines
    assert open_report(f"paypal_stl:{path}").lines.equals(once)


def test_the_rows_of_a_spreadsheet_are_read_too(tmp_path: Path) -> None:
    """Rows of the frame get the empty cells of the widest row."""
    path = changed(tmp_path, "paypal_stl", ('"FH",01\n', '"FH",01,,,,\n'), ("12\n", "12,,,\n"))
    assert open_report(f"paypal_stl:{path}").lines.height == 12


@pytest.mark.parametrize(
    ("account", "references"),
    [("SHOPACCOUNT01", ["order-1"]), ("SHOPACCOUNT02", ["order-2"]), ("SHOPACCOUNT03", [])],
)
def test_the_section_of_one_account_is_read(account: str, references: list[str]) -> None:
    path = golden("paypal_stl_accounts")
    report = open_report(f"paypal_stl:{path}", account_id=account)
    assert report.lines["order_ref"].to_list() == references


def test_several_accounts_in_one_are_refused() -> None:
    path = golden("paypal_stl_accounts")
    error = refused("paypal_stl", path)
    assert (error.line, error.column) == (3, "SH")
    assert error.hint.endswith("SHOPACCOUNT01, SHOPACCOUNT02, SHOPACCOUNT03")
    assert "no section of account 'X'" in refused("paypal_stl", path, account_id="X").problem
    single = golden("paypal_stl")
    assert open_report(f"paypal_stl:{single}", account_id="SHOPACCOUNT01").lines.height == 12


def test_a_day_without_a_transaction_is_a_report(tmp_path: Path) -> None:
    lines = golden("paypal_stl").read_text(encoding="utf-8").splitlines(keepends=True)
    frame = [*lines[:3], '"SC",0\n', '"RC",0\n', '"FF",0\n']
    for more in ([], [lines[3]], ['"SF","USD",0,0,0,0,"CR",0,"CR",0,0\n']):
        path = tmp_path / "empty.csv"
        path.write_text("".join(frame[:3] + more + frame[3:]), encoding="utf-8")
        report = open_report(f"paypal_stl:{path}")
        assert (report.lines.height, report.totals) == (0, ())


def test_totals_of_a_detail_report_may_count_what_is_pending(tmp_path: Path) -> None:
    """PayPal does not say which rows its totals count; no third figure is right."""
    path = changed(tmp_path, "paypal_trr", ('"USD",2700,0,0,42', '"USD",5900,0,0,132'))
    assert open_report(f"paypal_trr:{path}").lines.height == 7
    path = changed(tmp_path, "paypal_trr", ('"USD",2700,0,0,42', '"USD",3500,0,0,132'))
    assert "gross credits in USD are 3500 hundredths" in refused("paypal_trr", path).problem


def test_no_person_of_a_detail_report_appears_anywhere() -> None:
    """All columns of the golden file that are about people say canary."""
    report = open_report(f"paypal_trr:{golden('paypal_trr')}")
    assert "canary" not in report.lines.write_json()
    header = golden("paypal_trr").read_text(encoding="utf-8")
    assert header.count("canary") > 40


def test_a_person_in_the_field_of_the_shop_is_no_order(tmp_path: Path) -> None:
    path = changed(tmp_path, "paypal_trr", ('"order-5",', '"jane.canary@shop.example",'))
    report = open_report(f"paypal_trr:{path}")
    assert "canary" not in report.lines.write_json()
    assert [report.lines["order_ref"][row] for row in (4, 6)] == [None, None]
    path = changed(tmp_path, "paypal_stl", ("a supplier", "4242 4242 4242 4242"))
    raw = open_report(f"paypal_stl:{path}").lines["raw"]
    assert json.loads(raw[9])["Custom Field"] == "***"


def test_columns_that_nobody_documents_are_kept_unless_of_people(tmp_path: Path) -> None:
    edits = (
        ('"Credit Term"\n', '"Credit Term","Payer Email","Tip"\n'),
        (',"","","",,,\n', ',"","","",,,,canary,17\n'),
        (',"BANKREF1",,,\n', ',"BANKREF1",,,,canary,17\n'),
    )
    report = open_report(f"paypal_stl:{changed(tmp_path, 'paypal_stl', *edits)}")
    assert report.unknown_columns == ("Tip",)
    assert json.loads(report.lines["raw"][0])["Tip"] == "17"
    assert "canary" not in report.lines["raw"][0]


@pytest.mark.parametrize("name", NAMES)
def test_no_part_of_a_file_passes_for_the_whole(tmp_path: Path, name: str) -> None:
    """Wherever a report is cut, at a line or inside of one, its footers are missed."""
    content = golden(name).read_bytes()
    part = tmp_path / "part.csv"
    for cut in prefixes(content):
        part.write_bytes(cut)
        assert refused(name, part).hint, f"cut at byte {len(cut)}"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_without_one_of_its_lines_is_refused(tmp_path: Path, name: str) -> None:
    lines = golden(name).read_bytes().splitlines(keepends=True)
    part = tmp_path / "part.csv"
    for place in range(len(lines)):
        part.write_bytes(b"".join(lines[:place] + lines[place + 1 :]))
        assert refused(name, part).hint, f"without line {place + 1}"


def test_the_period_is_what_the_sections_say() -> None:
    period = open_report(f"paypal_stl:{golden('paypal_stl')}").period
    assert period == (datetime(2025, 12, 23, 8, tzinfo=UTC), datetime(2025, 12, 24, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (("2025/12/23 00:00:00 -0800", "23.12.2025"), "is not a time like"),
        (("2025/12/23 23:59:59 -0800", "2025/12/22 23:59:59 -0800"), "ends before it begins"),
    ],
)
def test_a_period_that_is_none_is_refused(tmp_path: Path, edit: tuple[str, str], told: str) -> None:
    error = refused("paypal_stl", changed(tmp_path, "paypal_stl", edit))
    assert told in str(error)
    assert error.line == 3
