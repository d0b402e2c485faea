"""A line has the same id in every file that holds it, and no two lines of a day have one."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.providers.banks.camt053 import read
from order_ops.providers.banks.statement import BankFile, StatementOptions
from order_ops_tests.unit.providers.banks.camt_files import (
    balance,
    entry,
    reference,
    statement,
    write,
)

OPTIONS = StatementOptions()


def _day(entries: list[str], opening: int, closing: int, id_: str) -> str:
    balances = balance("OPBD", f"{opening}.00") + balance("CLBD", f"{closing}.00")
    return statement(*entries, balances=balances, id=id_)


def _ids(file: BankFile) -> list[str]:
    return file.lines["entry_id"].to_list()


ONE = [entry("1.00", more=reference("A")), entry("2.00"), entry("2.00")]
TWO = [entry("3.00", day="2026-01-06"), entry("1.00", day="2026-01-06", more=reference("A"))]


def test_a_statement_issued_again_brings_no_line(tmp_path: Path) -> None:
    first = read(write(tmp_path, _day(ONE, 0, 5, "a")), OPTIONS)
    again = read(write(tmp_path, _day(ONE, 0, 5, "issued again")), OPTIONS)
    assert _ids(first) == _ids(again)
    assert len(set(_ids(first))) == 3


def test_a_longer_statement_brings_what_is_new(tmp_path: Path) -> None:
    days = read(write(tmp_path, _day(ONE, 0, 5, "a"), _day(TWO, 5, 9, "b")), OPTIONS)
    month = read(write(tmp_path, _day(ONE + TWO, 0, 9, "m")), OPTIONS)
    assert _ids(days) == _ids(month)


def test_statements_that_overlap_in_one_file(tmp_path: Path) -> None:
    parts = (_day(ONE, 0, 5, "a"), _day(TWO, 5, 9, "b"), _day(ONE + TWO, 0, 9, "m"))
    assert len(_ids(read(write(tmp_path, *parts), OPTIONS))) == 5


def test_a_statement_twice_in_one_file_is_there_once(tmp_path: Path) -> None:
    file = read(write(tmp_path, _day(ONE, 0, 5, "a"), _day(ONE, 0, 5, "a")), OPTIONS)
    assert (len(file.statements), file.repeated_statements) == (1, 1)


def test_equal_lines_of_one_day_in_statements_that_follow_are_two(tmp_path: Path) -> None:
    """A day in two statements, each with a line that says the same: two payments."""
    morning, evening = _day([entry("2.00")], 0, 2, "a"), _day([entry("2.00")], 2, 4, "b")
    assert len(_ids(read(write(tmp_path, morning, evening), OPTIONS))) == 2


def test_an_account_that_is_swept_every_evening(tmp_path: Path) -> None:
    """Its balances are always zero, and say nothing of the order of statements."""
    one = [entry("5.00"), entry("5.00", "DBIT")]
    two = [entry("5.00", day="2026-01-06"), entry("5.00", "DBIT", day="2026-01-06")]
    parts = (_day(one, 0, 0, "a"), _day(two, 0, 0, "b"), _day(one + two, 0, 0, "m"))
    assert len(_ids(read(write(tmp_path, *parts), OPTIONS))) == 4


def test_currencies_of_one_account_in_statements_of_their_own(tmp_path: Path) -> None:
    """Each follows the last of its currency, however they alternate."""
    dollars = balance("OPBD", "0.00", "USD") + balance("CLBD", "2.00", "USD")
    parts = (
        _day([entry("2.00")], 0, 2, "e1"),
        statement(entry("2.00", currency="USD"), balances=dollars, id="u1"),
        _day([entry("2.00")], 2, 4, "e2"),
    )
    assert len(_ids(read(write(tmp_path, *parts), OPTIONS))) == 3


def test_one_reference_for_payment_charge_and_return(tmp_path: Path) -> None:
    same = [
        entry("9.00", more=reference("R")),
        entry("1.00", "DBIT", more=reference("R")),
        entry("8.00", "DBIT", reversal="<RvslInd>true</RvslInd>", more=reference("R")),
        entry("9.00", more=reference("R")),
    ]
    assert _ids(read(write(tmp_path, _day(same, 0, 9, "a")), OPTIONS)) == [
        "R|2026-01-05|credit",
        "R|2026-01-05|debit",
        "R|2026-01-05|reversed_credit",
        "R|2026-01-05|credit#2",
    ]


def test_an_account_number_as_reference_is_in_no_id(tmp_path: Path) -> None:
    line = entry("5.00", more=reference("GB33BUKB20201555555555"))
    (entry_id,) = _ids(read(write(tmp_path, _day([line], 0, 5, "a")), OPTIONS))
    assert entry_id.startswith("derived-")


@settings(deadline=None, max_examples=40)
@given(
    lines=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["", "A", "B"]), st.integers(5, 7)), max_size=9
    ),
    cut=st.integers(0, 9),
)
def test_however_days_are_parted_into_statements(
    lines: list[tuple[int, str, int]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = sorted(lines, key=lambda line: line[2])
    entries = [
        entry(f"{units}.00", more=reference(name) if name else "", day=f"2026-01-0{day}")
        for units, name, day in lines
    ]
    total, until = sum(line[0] for line in lines), sum(line[0] for line in lines[:cut])
    folder = tmp_path_factory.mktemp("s")
    whole = read(write(folder, _day(entries, 0, total, "m")), OPTIONS)
    parts = (_day(entries[:cut], 0, until, "a"), _day(entries[cut:], until, total, "b"))
    parted = read(write(folder, *parts), OPTIONS)
    assert _ids(whole) == _ids(parted)
    assert len(set(_ids(whole))) == len(lines)
