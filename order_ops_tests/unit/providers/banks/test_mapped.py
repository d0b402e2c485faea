"""A bank's CSV file is read by YAML alone, and its balances hold it."""

import json
from datetime import date
from pathlib import Path

import pytest

from order_ops.providers.banks.mapped import read
from order_ops.providers.banks.statement import BANK_SCHEMA, BankTotals, StatementOptions
from order_ops_tests.unit.providers.banks.readers import GOLDEN, everything, refused

OPTIONS = StatementOptions(mapping=GOLDEN / "banco_verde.yaml")
FILE = GOLDEN / "banco_verde.csv"
MAPPING = """
version: 1
account: {column: account}
numbers: {unit: major, decimal_separator: "."}
currency: {column: currency}
amount: {column: amount}
booked_on: {column: day, formats: ["%Y-%m-%d"]}
value_on: {column: value, formats: ["%Y-%m-%d"]}
columns: {reference: ref, remittance: [text]}
"""
HEADER = "account,day,value,amount,currency,ref,text"
IN = "A 1,2026-01-05,2026-01-06,10.00,EUR,po_1,Stripe payout"
OUT = "A 1,2026-01-05,,-4.00,EUR,,Rent"


def _file(folder: Path, *lines: str, mapping: str = MAPPING, header: str = HEADER) -> Path:
    (folder / "bank.yaml").write_text(mapping, "utf-8")
    path = folder / "bank.csv"
    path.write_text("\n".join((header, *lines, "")), "utf-8")
    return path


def _options(folder: Path) -> StatementOptions:
    return StatementOptions(mapping=folder / "bank.yaml")


def test_banco_verde() -> None:
    (only,) = read(FILE, OPTIONS).statements
    assert (only.account, only.statement_id) == ("0001-12345-6", "2026-01-05/2026-01-06")
    assert [(b.opening_minor, b.closing_minor) for b in only.balances] == [(100000, -6350)]
    assert only.totals == (BankTotals("BRL", 4, 50000, -156350, -106350),)
    assert only.lines.schema == BANK_SCHEMA
    columns = ("entry_id", "line_no", "kind", "amount_minor", "booked_on", "remittance")
    rows = only.lines.select(columns).rows()
    first, last = date(2026, 1, 5), date(2026, 1, 6)
    assert rows[0] == (
        "900001|2026-01-05|credit", 6, "credit", 50000, first, "TED recebida STRIPE po_1QxYz"
    )  # fmt: skip
    assert rows[1][2:] == ("debit", -6000, first, "17")
    assert rows[2][2:] == ("reversed_credit", -350, first, None)
    assert rows[3][2:] == ("debit", -150000, last, None)
    raw = [json.loads(row) for row in only.lines["raw"]]
    assert raw[0] == {"Tipo": "TED", "counterparty": "Stripe Brasil Ltda"}
    assert raw[3] == {"Tipo": "Pix"}


def test_nothing_of_persons_is_kept() -> None:
    told = everything(read(FILE, OPTIONS)).lower()
    for canary in ("canary", "finch", "wren", "123.456"):
        assert canary not in told


def test_no_prefix_and_no_file_without_a_line_passes(tmp_path: Path) -> None:
    content, part = FILE.read_bytes(), tmp_path / "part.csv"
    for cut in range(len(content)):
        part.write_bytes(content[:cut])
        assert refused(read, part, OPTIONS).hint, f"cut at byte {cut}"
    lines = content.splitlines(keepends=True)
    for number in range(len(lines)):
        part.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        assert refused(read, part, OPTIONS).hint, f"without line {number + 1}"


def test_without_balances_lines_are_read_and_no_balance_told(tmp_path: Path) -> None:
    path = _file(tmp_path, IN, OUT)
    (only,) = read(path, _options(tmp_path)).statements
    assert (only.account, only.balances) == ("A1", ())
    columns = ("amount_minor", "value_on", "reference", "remittance")
    assert only.lines.select(columns).rows() == [
        (1000, date(2026, 1, 6), "po_1", "Stripe payout"),
        (-400, None, None, None),
    ]


def test_signs_by_type(tmp_path: Path) -> None:
    mapping = MAPPING.replace("{column: amount}", "{column: amount, sign: by_type}")
    mapping += "types: {column: ref, map: {in: {sign: credit}, out: {sign: debit}}}\n"
    lines = (IN.replace("po_1", "in"), OUT.replace("-4.00,EUR,", "4.00,EUR,out"))
    found = read(_file(tmp_path, *lines, mapping=mapping), _options(tmp_path)).lines
    assert found.select("kind", "amount_minor").rows() == [("credit", 1000), ("debit", -400)]


BALANCE = MAPPING + "balance: balance\n"
WITH_BALANCE = HEADER + ",balance"
BAD_FILES = {
    "a jump": (BALANCE, [f"{IN},110.00", f"{OUT},105.00"], 3, "do not make the balance EUR 105.00"),
    "the other order": (BALANCE + "order: newest_first\n", [f"{IN},110.00", f"{OUT},106.00"],
                        2, "do not make the balance"),
    "two accounts": (BALANCE, [f"{IN},110.00", f"{OUT.replace('A 1', 'B')},106.00"],
                     3, "of another account"),
    "two currencies": (BALANCE, [f"{IN},110.00", f"{OUT.replace('EUR', 'USD')},106.00"],
                       None, "in EUR, USD"),
    "no day": (BALANCE, [f"{IN.replace('2026-01-05', '')},1.00"], 2, "empty"),
    "no row": (BALANCE, [], None, "names no account"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_contradicts_itself(tmp_path: Path, case: str) -> None:
    mapping, lines, place, problem = BAD_FILES[case]
    path = _file(tmp_path, *lines, mapping=mapping, header=WITH_BALANCE)
    error = refused(read, path, _options(tmp_path))
    assert problem in error.problem
    assert error.line == place


BAD_MAPPINGS = {
    "one end": ("file: {skip_lines: 1}\ncontrols: [{line: 1, field: 1, figure: opening}]\n",
                "both the opening and the closing"),
    "a figure of providers": (
        "file: {skip_lines: 1}\ncontrols: [{line: 1, field: 1, figure: fee}]\n", "one of closing"
    ),
    "signs that nothing reads": ("types: {column: ref, map: {in: {sign: credit}}}\n",
                                 "does not take its sign"),
    "an unknown key": ("fee: x\n", "Extra inputs"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MAPPINGS)
def test_a_mapping_that_cannot_be_meant(tmp_path: Path, case: str) -> None:
    more, problem = BAD_MAPPINGS[case]
    _file(tmp_path, IN, mapping=MAPPING + more)
    with pytest.raises(Exception, match=problem):
        read(tmp_path / "bank.csv", _options(tmp_path))
