"""What a PayPal report must not say is refused with the place, the figures and the remedy."""

from pathlib import Path

import pytest

from order_ops.providers.files.registry import open_report
from order_ops_tests.unit.providers.files.golden_files import changed, golden, refused

CELLS = {
    "signed amount": (',"CR",5200,', ',"CR",-5200,', 5, "Gross Transaction Amount"),
    "decimal point": (',"CR",5200,', ',"CR",52.00,', 5, "Gross Transaction Amount"),
    "too many digits": (',"CR",5200,', ',"CR",1234567890123456789,', 5, "Gross Transaction Amount"),
    "no direction": (',"CR",5200,', ',"",5200,', 5, "Transaction Debit or Credit"),
    "other direction": (',"CR",5200,', ',"XX",5200,', 5, "Transaction Debit or Credit"),
    "fee without direction": (',"DR",181,', ',"",181,', 5, "Fee Debit or Credit"),
    "fee in another currency": ('"DR",181,"USD"', '"DR",181,"EUR"', 5, "Fee Currency"),
    "fee in no currency": ('"DR",181,"USD"', '"DR",181,""', 5, "Fee Currency"),
    "unknown currency": ('5200,"USD"', '5200,"XXY"', 5, "Gross Transaction Currency"),
    "half a yen": ("CR,15000,JPY", "CR,15050,JPY", 6, "Gross Transaction Amount"),
    "half a yen of fee": ("DR,500,JPY", "DR,550,JPY", 6, "Fee Amount"),
    "three decimals": ("15000,JPY,DR,500,JPY", "15000,KWD,DR,500,KWD", 6, "Gross Transaction Curr"),
    "no id": ('"9CL33333333333333","","B-', '"","","B-', 7, "Transaction ID"),
    "no code": ('"PAP","T0003"', '"PAP",""', 7, "Transaction Event Code"),
    "the same twice": ("9CL55555555555555", "9CL44444444444444", 9, "Transaction ID"),
    "no offset": (
        '30 -0800,"CR",5200', '30,"CR",5200', 5, "Transaction Completion Date",
    ),
    "american date": (
        '2025/12/23 00:00:30 -0800,"CR"', '12/23/2025 00:00:30 -0800,"CR"', 5, "Transaction Comp",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CELLS)
def test_a_bad_cell_is_named(tmp_path: Path, case: str) -> None:
    """With footers that are right for it, so that nothing else is to blame."""
    old, new, line, column = CELLS[case]
    edits = [(old, new)]
    if case.startswith("half"):
        what = ("15000,0,0,500", "15050,0,0,500" if "fee" not in case else "15000,0,0,550")
        edits.append(what)
    if case == "three decimals":
        edits.append(('F","JPY"', 'F","KWD"'))
    error = refused("paypal_stl", changed(tmp_path, "paypal_stl", *edits))
    assert error.line == line
    assert (error.column or "").startswith(column)


FRAME = {
    "gross credits": ('"SF","USD",14401', '"SF","USD",14402', 17, "are 14402 hundredths, but th"),
    "gross debits": ('"SF","USD",14401,14500', '"SF","USD",14401,1', 17, "rows make 14500"),
    "fee credits": ("14500,47,181", "14500,46,181", 17, "fee credits in USD are 46"),
    "fee debits": ("14500,47,181", "14500,47,182", 17, "fee debits in USD are 182"),
    "yen are hundredths too": ('"SF","JPY",15000', '"SF","JPY",150', 18, "are 150 hundredths"),
    "report": ('"RF","EUR",8340', '"RF","EUR",8341', 23, "gross credits in EUR are 8341"),
    "count of a section": ('"SC",12', '"SC",11', 20, "the count is 11, but there are 12 rows"),
    "count of a report": ('"RC",12', '"RC",13', 24, "the count is 13, but there are 12 rows"),
    "count of a total": (',"CR",0,"CR",0,9\n', ',"CR",0,"CR",0,8\n', 17, "there are 9 or 12 rows"),
    "no number": ('"SC",12', '"SC",x', 20, "'x' is not a whole number"),
    "two totals": ('"SF","JPY"', '"SF","USD"', 18, "a second total of USD"),
    "total of another currency": ('"SF","EUR"', '"SF","GBP"', 19, "gross credits in GBP are 8340"),
    "out of place": ('"SC",12\n', '"RC",12\n', 20, "the row is RC where SF or SC has to come"),
    "unknown row": ('"SC",12\n', '"ZZ",12\n', 20, "the row is ZZ where"),
    "no letters": ('"SC",12\n', "12\n", 20, "the row is ?? where"),
    "version": ('01",009,', '01",010,', 1, "version '010' is not known"),
    "part of a report": ('"FH",01', '"FH",02', 2, "part 02 of a report in several files"),
    "fields": (',"BANKREF1",,,', ',"BANKREF1",,', 16, "has 21 fields where its section has 22"),
    "quote": ('"a supplier"', '"a supplier', 14, "a quote is opened and not closed"),
    "quotes in a cell": ('"a supplier"', 'a "big, old" supplier', 14, "quote stands inside"),
}  # fmt: skip


@pytest.mark.parametrize("case", FRAME)
def test_a_frame_that_is_not_right_is_refused_with_figures(tmp_path: Path, case: str) -> None:
    old, new, line, problem = FRAME[case]
    error = refused("paypal_stl", changed(tmp_path, "paypal_stl", (old, new)))
    assert problem in error.problem
    assert error.line == line


def test_a_currency_without_a_total_is_refused(tmp_path: Path) -> None:
    lines = golden("paypal_stl").read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path / "part.csv"
    path.write_text("".join(line for line in lines if '"SF","EUR"' not in line), encoding="utf-8")
    error = refused("paypal_stl", path)
    assert (error.line, error.column) == (19, "SC")
    assert "no total of EUR" in error.problem


def test_totals_of_accounts_that_are_not_read_are_checked_too(tmp_path: Path) -> None:
    path = changed(tmp_path, "paypal_stl_accounts", ('"SF","USD",2000', '"SF","USD",2001'))
    assert refused("paypal_stl", path, account_id="SHOPACCOUNT01").line == 11


def test_sections_have_the_same_columns(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    content = golden("paypal_stl_accounts").read_text(encoding="utf-8")
    first, _, rest = content.rpartition('"Store ID"')
    path.write_text(f'{first}"Shop ID"{rest}', encoding="utf-8")
    error = refused("paypal_stl", path, account_id="SHOPACCOUNT01")
    assert (error.line, error.column) == (14, "CH")


@pytest.mark.parametrize("column", ["Transaction ID", "Fee Currency", "Custom Field"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    path = changed(tmp_path, "paypal_stl", (f'"{column}"', '"Something"'))
    error = refused("paypal_stl", path)
    assert (error.line, error.column) == (4, column)


def test_the_two_reports_are_not_taken_for_each_other(tmp_path: Path) -> None:
    """Read as a settlement report, what is pending would count as paid."""
    path = changed(tmp_path, "paypal_trr", ('01",008', '01",009'))
    assert "paypal_trr" in refused("paypal_stl", path).hint
    assert refused("paypal_trr", golden("paypal_stl")).column == "Transactional Status"


def test_an_unknown_status_is_refused(tmp_path: Path) -> None:
    error = refused("paypal_trr", changed(tmp_path, "paypal_trr", (',0,"","V",', ',0,"","Q",')))
    assert (error.line, error.column) == (13, "Transactional Status")


@pytest.mark.parametrize("provider", ["paypal_stl", "paypal_trr"])
def test_an_option_that_the_format_has_not_is_refused(provider: str) -> None:
    error = refused(provider, golden(provider), time_zone="UTC")
    assert error.hint.endswith("account_id")


def test_a_withdrawal_is_its_own_payout() -> None:
    lines = open_report(f"paypal_stl:{golden('paypal_stl')}").lines
    paid = lines.filter(lines["payout_id"].is_not_null())
    assert paid["kind"].to_list() == ["payout"]
    assert paid["payout_id"].to_list() == paid["provider_ref"].to_list()
