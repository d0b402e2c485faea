"""A provider that is not built in is read by YAML alone."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import LINE_SCHEMA, CurrencyTotals
from order_ops_tests.unit.providers.files.mapped_files import GOLDEN, refused

FILE = GOLDEN / "mercado_verde.csv"
MAPPING = str(GOLDEN / "mercado_verde.yaml")


def test_mercado_verde() -> None:
    report = open_report(f"mapped:{FILE}", mapping=MAPPING)
    assert (report.provider, report.name) == ("mercado-verde", "mercado_verde.csv")
    assert report.time_zone == "America/Sao_Paulo"
    assert report.totals == (CurrencyTotals("BRL", 5, 15353, 5153, 10200),)
    assert report.unknown_columns == ()
    assert report.lines.schema == LINE_SCHEMA
    assert report.lines.row(0, named=True) == {
        "entry_id": "1001/1",
        "line_no": 4,
        "kind": "charge",
        "category": "VENDA",
        "status": "succeeded",
        "provider_ref": "1001",
        "order_ref": "o-17",
        "amount_minor": 128420,
        "currency": "BRL",
        "settled_minor": 128420,
        "fee_minor": 4853,
        "net_minor": 123567,
        "settlement_currency": "BRL",
        "occurred_at": datetime(2026, 2, 1, 13, tzinfo=UTC),
        "available_on": date(2026, 2, 3),
        "payout_id": "R-9",
        "method": "pix",
        "raw": '{"Loja":"Centro","Observação":"entrega para [redacted]"}',
    }
    columns = ("kind", "category", "status", "amount_minor", "net_minor", "line_no")
    assert report.lines.select(columns).rows()[1:] == [
        ("charge", "VENDA", "pending", 10000, 9700, 5),
        ("refund", "ESTORNO", "succeeded", -5000, -5000, 6),
        ("payout", "REPASSE", "succeeded", -118567, -118567, 7),
        ("unclassified", "CASHBACK", "succeeded", 500, 500, 8),
    ]
    assert json.loads(report.lines["raw"][2])["Observação"] == 'troca; "sem custo"'


def test_nothing_of_persons_is_kept() -> None:
    report = open_report(f"mapped:{FILE}", mapping=MAPPING)
    told = f"{report!r} {report.lines.write_json()}".lower()
    for canary in ("canary", "finch", "wren"):
        assert canary not in told


def test_no_prefix_of_the_file_passes_for_a_file(tmp_path: Path) -> None:
    """Its footer tells how many rows there are, and what they sum up to."""
    content = FILE.read_bytes()
    part = tmp_path / "part.csv"
    for cut in range(len(content) - 1):
        part.write_bytes(content[:cut])
        assert refused(part, MAPPING).hint, f"cut at byte {cut}"


def test_no_line_of_the_file_can_be_left_out(tmp_path: Path) -> None:
    lines = FILE.read_bytes().splitlines(keepends=True)
    part = tmp_path / "part.csv"
    for number in range(len(lines)):
        part.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        assert refused(part, MAPPING).hint, f"without line {number + 1}"


def test_no_digit_of_an_amount_can_be_changed(tmp_path: Path) -> None:
    """Credits, debits, fees and net of each row hold each other."""
    content = FILE.read_bytes().decode("cp1252")
    part = tmp_path / "part.csv"
    rows = [row for row in content.split("\r\n") if row.count(";") == 18][1:]
    for row in rows:
        cells = row.split(";")
        for place in (8, 9, 12):
            if any(digit in "123456789" for digit in cells[place]):
                other = [*cells]
                digit = next(digit for digit in other[place] if digit in "123456789")
                other[place] = other[place].replace(digit, str((int(digit) + 1) % 10), 1)
                part.write_bytes(content.replace(row, ";".join(other)).encode("cp1252"))
                assert refused(part, MAPPING).hint, f"{cells[place]} as {other[place]}"
