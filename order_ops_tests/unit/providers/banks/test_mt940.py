"""An MT940 statement is read completely: pages, marks, dates, texts of three kinds."""

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.domain.money import format_minor
from order_ops.providers.banks.mt940 import read
from order_ops.providers.banks.mt940_details import details_of
from order_ops.providers.banks.statement import BANK_SCHEMA, StatementOptions
from order_ops_tests.unit.providers.banks.mt940_files import line, message, write
from order_ops_tests.unit.providers.banks.readers import GOLDEN, everything

OPTIONS = StatementOptions()


def test_two_pages_of_a_german_bank() -> None:
    first, second = read(GOLDEN / "german.mt940", OPTIONS).statements
    assert (first.account, first.sequence, first.page) == ("51210800/1245126199", 5, 1)
    assert (second.sequence, second.page) == (5, 2)
    assert first.lines.schema == BANK_SCHEMA
    assert first.lines.select("kind", "amount_minor", "reference", "remittance").rows() == [
        ("credit", 50000, "po_1QxYz", "STRIPE PAYOUT po_1QxYz of January"),
        ("debit", -2000, "REFUND-17", "17"),
        ("reversed_credit", -350, None, None),
    ]
    row = second.lines.row(0, named=True)
    assert (row["kind"], row["amount_minor"]) == ("reversed_debit", 4000)
    assert (row["value_on"], row["booked_on"]) == (date(2026, 1, 1), date(2025, 12, 31))
    assert first.lines["line_no"].to_list() == [5, 8, 11]


def test_a_dutch_bank_in_swift_blocks() -> None:
    file = read(GOLDEN / "swift_blocks.mt940", OPTIONS)
    row = file.lines.row(0, named=True)
    assert (row["amount_minor"], row["currency"]) == (100000, "USD")
    assert (row["reference"], row["entry_id"]) == ("TX123XT", "26010200001|2025-12-31|credit")
    assert row["remittance"].startswith("TX123XT batch 12 HarbourBooks")
    assert json.loads(row["raw"])["counterparty"] == "Adyen N.V."


@pytest.mark.parametrize("name", ["german.mt940", "swift_blocks.mt940"])
def test_nothing_of_persons_is_kept(name: str) -> None:
    told = everything(read(GOLDEN / name, OPTIONS)).lower()
    for canary in ("canary", "finch", "wren", "gb33", "5555", "ie29", "abna"):
        assert canary not in told


def test_windows_line_ends_a_bom_and_no_dashes(tmp_path: Path) -> None:
    path = write(tmp_path, message(line("C10,00"), closing="C260105EUR10,00"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read(path, OPTIONS).lines["amount_minor"].to_list() == [1000]


def test_another_encoding_is_named(tmp_path: Path) -> None:
    text = message(line("C10,00"), ":86:Stripe für Café", closing="C260105EUR10,00")
    path = tmp_path / "statement.sta"
    path.write_bytes(text.encode("iso-8859-1"))
    lines = read(path, StatementOptions(encoding="iso-8859-1")).lines
    assert lines["remittance"].to_list() == ["Stripe für Café"]


@pytest.mark.parametrize(
    ("value", "entry", "booked"),
    [
        ("260102", "1231", date(2025, 12, 31)),
        ("251231", "0102", date(2026, 1, 2)),
        ("240301", "0229", date(2024, 2, 29)),
        ("260105", "", date(2026, 1, 5)),
        ("991230", "1231", date(1999, 12, 31)),
    ],
)
def test_the_year_of_an_entry_date(tmp_path: Path, value: str, entry: str, booked: date) -> None:
    path = write(tmp_path, message(f":61:{value}{entry}C1,00NTRFX", closing="C260105EUR1,00"))
    assert read(path, OPTIONS).lines["booked_on"].to_list() == [booked]


def test_lines_that_say_the_same_are_two(tmp_path: Path) -> None:
    twice = message(line("C5,00"), line("C5,00"), closing="C260105EUR10,00")
    ids = read(write(tmp_path, twice), OPTIONS).lines["entry_id"]
    assert ids.n_unique() == 2
    assert ids[1] == f"{ids[0]}#2"


def test_lines_without_type_are_not_lost_where_a_library_loses_them(tmp_path: Path) -> None:
    """mt-940 5.1 reads two such lines as one; here the file is refused."""
    import mt940

    text = message(":61:2601050105C5,00", ":61:2601050105C7,00", closing="C260105EUR12,00")
    assert len(mt940.parse(text)) == 1
    with pytest.raises(Exception, match="the line is not written like"):
        read(write(tmp_path, text), OPTIONS)


@settings(deadline=None, max_examples=50)
@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from(["C", "D", "RC", "RD"]),
            st.integers(0, 10**10),
            st.sampled_from(["", "R"]),
            st.sampled_from(["NONREF", "po_1//BANK 1", "A B//"]),
        ),
        max_size=8,
    ),
    opening=st.integers(0, 10**10),
)
def test_a_well_kept_library_reads_the_same(
    moves: list[tuple[str, int, str, str]], opening: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import mt940

    net = sum(units if mark in {"C", "RD"} else -units for mark, units, _, _ in moves)
    lines = [
        f":61:2601050105{mark}{funds}{_written(units)}NTRF{reference}"
        for mark, units, funds, reference in moves
    ]
    closing = opening + net
    text = message(
        *lines,
        opening=f"C260104EUR{_written(opening)}",
        closing=f"{'D' if closing < 0 else 'C'}260105EUR{_written(abs(closing))}",
    )
    mine = read(write(tmp_path_factory.mktemp("s"), text), OPTIONS).lines
    theirs = mt940.parse(text, options=mt940.Options.all())
    assert mine["amount_minor"].to_list() == [int(t.data["amount"].amount * 100) for t in theirs]
    assert mine["booked_on"].to_list() == [t.data["entry_date"] for t in theirs]


def _written(units: int) -> str:
    return format_minor(units, "EUR").replace("EUR ", "").replace(",", "").replace(".", ",")


DETAILS = {
    "free": (("first line", "second"), (None, (), "first line second")),
    "numbered": (
        ("166?00TITLE?20SVWZ+PAYOUT?21REF 1?32Ann?33Bee?60more",),
        (None, ("Ann Bee",), "PAYOUT REF 1 more"),
    ),
    "another mark": (("166<20EREF+A-1<21SVWZ+x",), ("A-1", (), "x")),
    "behind": (("166?20EREF+A?21SVWZ+x?22ABWA+Cee",), ("A", ("Cee",), "x")),
    "slashes": (
        ("/TRTP/SEPA/IBAN/NL1/NAME/Dee/REMI/USTD//text 1/EREF/E-1",),
        ("E-1", ("Dee",), "text 1"),
    ),
    "full lines": (("x" * 63 + "po", "_1 y", "z"), (None, (), "x" * 63 + "po_1 y z")),
    "full fields": (("166?20" + "x" * 25 + "po?21_1?22y",), (None, (), "x" * 25 + "po_1 y")),
    "a space at the end of a line": (("166?20a ", "b"), (None, (), "a b")),
    "question": (("what?20 is this",), (None, (), "what?20 is this")),
}


@pytest.mark.parametrize("case", DETAILS)
def test_details(case: str) -> None:
    lines, (reference, names, text) = DETAILS[case]
    found = details_of(lines)
    assert (found.reference, found.names, found.text) == (reference, names, text)
