"""A CAMT.053 statement is read completely, with its signs, details and controls."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from order_ops.providers.banks.camt053 import read
from order_ops.providers.banks.statement import (
    BANK_SCHEMA,
    Balances,
    BankTotals,
    StatementOptions,
    Unbooked,
)
from order_ops_tests.unit.providers.banks.camt_files import (
    amount,
    balance,
    details,
    entry,
    reference,
    statement,
    write,
)
from order_ops_tests.unit.providers.banks.readers import GOLDEN, everything

OPTIONS = StatementOptions()


def test_two_days_of_an_account() -> None:
    file = read(GOLDEN / "two_days.camt053.xml", OPTIONS)
    first, second = file.statements
    assert (file.format, file.name, len(file.sha256)) == ("camt053", "two_days.camt053.xml", 64)
    assert (first.account, first.statement_id, first.sequence) == (
        "DE75512108001245126199",
        "2026-005",
        5,
    )
    day = date(2026, 1, 5)
    assert first.balances == (Balances("EUR", 100000, day, 143650, day, 16),)
    assert first.totals == (BankTotals("EUR", 4, 50000, -6350, 43650),)
    assert first.unbooked == (Unbooked("PDNG", "EUR", 1, 7700),)
    assert first.entries == 3
    assert second.balances[0].closing_minor == -6350
    assert first.lines.schema == BANK_SCHEMA
    columns = ("entry_id", "kind", "amount_minor", "reference", "remittance")
    assert file.lines.select(columns).rows()[:3] == [
        ("BANK-0001|2026-01-05|credit", "credit", 50000, "po_1QxYz", "STRIPE PAYOUT po_1QxYz"),
        ("BANK-0002/1|2026-01-05|debit", "debit", -2000, "REFUND-17", "17"),
        ("BANK-0002/2|2026-01-05|debit", "debit", -4000, "BANK-0002", "18"),
    ]
    assert file.lines.row(3, named=True)["kind"] == "reversed_credit"
    assert file.lines["line_no"].to_list() == [32, 58, 72, 79, 105]


def test_a_payout_keeps_who_it_is_from_and_when() -> None:
    row = read(GOLDEN / "two_days.camt053.xml", OPTIONS).lines.row(0, named=True)
    assert (row["booked_on"], row["value_on"]) == (date(2026, 1, 5), date(2026, 1, 6))
    assert json.loads(row["raw"]) == {
        "bank_reference": "BANK-0001",
        "code": "PMNT-RCDT-ESCT",
        "counterparty": "Stripe Technology Europe Ltd",
    }


def test_nothing_of_persons_is_kept() -> None:
    told = everything(read(GOLDEN / "two_days.camt053.xml", OPTIONS))
    for canary in ("canary", "finch", "wren", "wharf", "1980", "gb33", "5555", "ie29", "harbour"):
        assert canary not in told.lower()


def test_an_old_version_in_another_encoding_with_charges() -> None:
    file = read(GOLDEN / "old_version.camt053.xml", StatementOptions(known_parties=("café",)))
    (only,) = file.statements
    row = file.lines.row(0, named=True)
    assert (only.account, only.sequence) == ("0012-345678", 12)
    assert (row["amount_minor"], row["currency"]) == (14850, "JPY")
    assert row["entry_id"] == "77001|2026-01-05|credit"
    assert row["remittance"] == "Paiement facture 2026/17"
    assert json.loads(row["raw"])["counterparty"] == "Café Zürich AG"


@pytest.mark.parametrize("version", [f"{number:02}" for number in range(2, 15)])
def test_every_version_by_its_namespace(tmp_path: Path, version: str) -> None:
    path = write(tmp_path, statement(entry()), namespace=f"urn:x:camt.053.001.{version}")
    assert read(path, OPTIONS).lines["amount_minor"].to_list() == [1000]


def test_a_document_in_an_envelope(tmp_path: Path) -> None:
    path = write(tmp_path, statement(entry()))
    body = path.read_text("utf-8").split("\n", 1)[1]
    path.write_text(f"<a:Env xmlns:a='urn:x'><a:Hdr>x</a:Hdr>{body}</a:Env>", "utf-8")
    assert read(path, OPTIONS).lines.height == 1


@pytest.mark.parametrize(
    ("sign", "reversal", "kind", "minor"),
    [
        ("CRDT", "", "credit", 1000),
        ("DBIT", "", "debit", -1000),
        ("CRDT", "<RvslInd>false</RvslInd>", "credit", 1000),
        ("DBIT", "<RvslInd>true</RvslInd>", "reversed_credit", -1000),
        ("CRDT", "<RvslInd>1</RvslInd>", "reversed_debit", 1000),
    ],
)
def test_signs_and_reversals(
    tmp_path: Path, sign: str, reversal: str, kind: str, minor: int
) -> None:
    balances = balance("OPBD", "50.00") + balance("CLBD", "60.00" if minor > 0 else "40.00")
    path = write(tmp_path, statement(entry("10.00", sign, reversal=reversal), balances=balances))
    assert read(path, OPTIONS).lines.select("kind", "amount_minor").rows() == [(kind, minor)]


def test_each_currency_closes_by_itself(tmp_path: Path) -> None:
    balances = (
        balance("OPBD", "0.00") + balance("CLBD", "10.00")
        + balance("OPBD", "500", "JPY") + balance("CLBD", "0", "JPY")
    )  # fmt: skip
    both = statement(entry(), entry("500", "DBIT", currency="JPY"), balances=balances)
    (only,) = read(write(tmp_path, both), OPTIONS).statements
    assert [total.net_minor for total in only.totals] == [1000, -500]


def test_pages_close_by_interim_balances(tmp_path: Path) -> None:
    first = statement(
        entry("10.00"), balances=balance("OPBD", "0.00") + balance("ITBD", "10.00"), id="S/1"
    )
    middle = statement(
        entry("5.00"), balances=balance("ITBD", "10.00") + balance("ITBD", "15.00"), id="S/2"
    )
    last = statement(
        entry("1.00", "DBIT"),
        balances=balance("ITBD", "15.00") + balance("CLBD", "14.00"),
        id="S/3",
    )
    pages = read(write(tmp_path, first, middle, last), OPTIONS).statements
    assert [page.balances[0].closing_minor for page in pages] == [1000, 1500, 1400]


@pytest.mark.parametrize("status", ["PDNG", "<Cd>PDNG</Cd>", "INFO", "<Cd>FUTR</Cd>"])
def test_what_is_not_booked_is_counted_and_in_no_sum(tmp_path: Path, status: str) -> None:
    pending = entry("99.00", "DBIT", status=status)
    (only,) = read(write(tmp_path, statement(entry(), pending)), OPTIONS).statements
    assert only.lines.height == 1
    assert [(told.count, told.net_minor) for told in only.unbooked] == [(1, -9900)]


def test_details_without_amounts_leave_the_entry_whole(tmp_path: Path) -> None:
    batch = details("<Refs><EndToEndId>A</EndToEndId></Refs>", "<Refs><TxId>B</TxId></Refs>")
    lines = read(write(tmp_path, statement(entry(more=batch))), OPTIONS).lines
    assert lines.select("amount_minor", "reference").rows() == [(1000, None)]


def test_details_with_signs_of_their_own_add_up(tmp_path: Path) -> None:
    batch = details(amount("12.00", sign="CRDT"), amount("2.00", sign="DBIT"))
    lines = read(write(tmp_path, statement(entry(more=batch))), OPTIONS).lines
    assert lines.select("kind", "amount_minor").rows() == [("credit", 1200), ("debit", -200)]


def test_lines_of_full_length_go_on_in_the_next(tmp_path: Path) -> None:
    remittance = (
        f"<RmtInf><Ustrd>{'STRIPE '.ljust(135, 'x')}po_1Q</Ustrd><Ustrd>xYz</Ustrd></RmtInf>"
    )
    lines = read(write(tmp_path, statement(entry(more=details(remittance)))), OPTIONS).lines
    assert lines["remittance"][0].endswith("po_1QxYz")


def test_the_bank_says_how_many_and_how_much(tmp_path: Path) -> None:
    summary = (
        "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries><Sum>15.0</Sum>"
        "<TtlNetNtryAmt>5</TtlNetNtryAmt></TtlNtries>"
        "<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>10.00</Sum></TtlCdtNtries></TxsSummry>"
    )
    both = statement(entry("10.00"), entry("5.00", "DBIT"), closing="5.00", summary=summary)
    assert read(write(tmp_path, both), OPTIONS).lines.height == 2


def test_an_empty_day_is_a_statement(tmp_path: Path) -> None:
    (only,) = read(write(tmp_path, statement(closing="0.00")), OPTIONS).statements
    assert (only.lines.height, only.totals, only.lines.schema) == (0, (), BANK_SCHEMA)


def test_references_that_mean_none_are_none(tmp_path: Path) -> None:
    more = reference("NONREF") + details("<Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>")
    row = read(write(tmp_path, statement(entry(more=more))), OPTIONS).lines.row(0, named=True)
    assert row["reference"] is None
    assert row["entry_id"].startswith("derived-")


def test_large_statements_are_read_in_pieces(tmp_path: Path) -> None:
    import tracemalloc

    path = write(tmp_path, statement(*[entry("1.00", more=reference(f"R{n}") + "<X>y</X>" * 400)
                                       for n in range(2000)], closing="2000.00"))  # fmt: skip
    size = path.stat().st_size
    tracemalloc.start()
    file = read(path, OPTIONS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert file.lines.select(pl.col("amount_minor").sum()).item() == 200000
    assert peak < size
