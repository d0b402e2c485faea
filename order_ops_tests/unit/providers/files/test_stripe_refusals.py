"""A Stripe report that is cut off, torn or wrong is refused with the place and the remedy."""

from pathlib import Path

import pytest

from order_ops.providers.files.stripe_report import read
from order_ops_tests.unit.providers.files.stripe_files import GOOD, HEADER, refused, write


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n\n"])
def test_a_finished_last_line_is_read(tmp_path: Path, end: str) -> None:
    assert read(write(tmp_path, GOOD, end=end)).lines.height == 1


@pytest.mark.parametrize("order", ["o1234", "o12", "o", ""])
def test_a_cut_inside_the_last_cell_is_refused(tmp_path: Path, order: str) -> None:
    """Its line has the right number of fields, so nothing but the newline tells."""
    second = GOOD.replace("txn_1", "txn_2").replace("o1", order)
    error = refused(write(tmp_path, GOOD, second, end=""))
    assert (error.line, error.column) == (3, "payment_metadata[order_id]")
    assert "newline" in error.problem


def test_a_cut_inside_the_last_number_is_refused(tmp_path: Path) -> None:
    """Cut to a number that is as good as the whole one, even to gross - fee."""
    path = tmp_path / "report.csv"
    names = HEADER.split(",")
    cells = dict(zip(names, GOOD.split(","), strict=True)) | {"net": "96.50"}
    names = [name for name in names if name != "net"] + ["net"]
    path.write_text(f"{','.join(names)}\n{','.join(cells[name] for name in names)[:-1]}", "utf-8")
    error = refused(path)
    assert (error.line, error.column) == (2, "net")


@pytest.mark.parametrize("cut", [*range(1, 400, 7)])
def test_no_prefix_of_a_file_passes_for_a_file(tmp_path: Path, cut: int) -> None:
    """Wherever an export is cut, it is refused, or ends with the last whole line."""
    whole = write(tmp_path, *(GOOD.replace("txn_1", f"txn_{number}") for number in range(9)))
    content = whole.read_bytes()
    part = tmp_path / "part.csv"
    part.write_bytes(content[:-cut])
    if content[:-cut].endswith(b"\n"):
        assert read(part).lines.height < 9
    else:
        assert refused(part).line == content[:-cut].count(b"\n") + 1


def test_an_unfinished_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text(HEADER, encoding="utf-8")
    assert refused(path).line == 1


def test_lines_that_end_with_cr_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(f"{HEADER}\r{GOOD}\r".encode())
    assert "CR alone" in refused(path).problem


BAD = {
    "broken number": ("100.00,3.50", "1oo.00,3.50", "gross"),
    "other number format": ("100.00,3.50", '"1.000,00",3.50', "gross"),
    "too many decimals": ("100.00,3.50", "100.000,3.50", "gross"),
    "not a number": ("3.50", "NaN", "fee"),
    "empty amount": ("96.50", "", "net"),
    "unknown currency": ("brl", "xyz", "currency"),
    "net is not gross - fee": ("96.50", "96.51", "net"),
    "impossible day": ("2024-01-05", "2024-02-30", "created_utc"),
    "american date": ("2024-01-05 10:00:00", "01/05/2024", "created_utc"),
    "net is another column's": ("100.00,3.50,96.50", "96.50,3.50,100.00", "net"),
    "no id": ("txn_2", "", "balance_transaction_id"),
    "no category": ("charge", "", "reporting_category"),
    "id with other content": ("txn_2", "txn_1", "balance_transaction_id"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_cell_is_named(tmp_path: Path, case: str) -> None:
    old, new, column = BAD[case]
    second = GOOD.replace("txn_1", "txn_2").replace("o1", "o2")
    error = refused(write(tmp_path, GOOD, second.replace(old, new)))
    assert (error.file, error.line, error.column) == ("report.csv", 3, column)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("balance_transaction_id,currency\nx,brl\n", encoding="utf-8")
    error = refused(path)
    assert (error.line, error.column) == (1, "gross")


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("txn_2,2024-01-05 10:00:00,brl,10", "gross"),
        ("txn_2", "balance_transaction_id"),
        ('txn_2,2024-01-05 10:00:00,brl,5,0,5,charge,ch_2,pi_2,"o2', "payment_metadata[order_id]"),
        (GOOD + ",extra", "payment_metadata[order_id]"),
        (GOOD.replace("charge", 'cha"rge'), "reporting_category"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_truncated_or_torn_line_is_named(
    tmp_path: Path, line: str, column: str, end: str
) -> None:
    error = refused(write(tmp_path, GOOD, line, end=end))
    assert (error.line, error.column) == (3, column)


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"", 1), (b"\n\n", 1), (HEADER.encode() + b"\n\xff\xfe\n", 2), (b"a,b\nc\0,d\n", 2)],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, line: int) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(content)
    assert refused(path).line == line


@pytest.mark.parametrize("cell", ['o"1"', '"o"1', '"o" 1', 'o"1,2"', '"o"x"1"'])
def test_a_quote_where_readers_differ_is_refused(tmp_path: Path, cell: str) -> None:
    """One reader takes `o"1,2"` for a cell, another one for two."""
    second = GOOD.replace("txn_1", "txn_2").replace("o1", cell)
    assert refused(write(tmp_path, GOOD, second)).line == 3


def test_quotes_in_quotes_are_text(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("o1", '"o ""1"", x"'))
    assert read(path).lines["order_ref"].to_list() == ['o "1", x']


def test_a_doubled_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("net,net\n1,2\n", encoding="utf-8")
    assert refused(path).column == "net"


def test_a_time_that_the_clock_skipped_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("2024-01-05 10:00:00", "2024-03-31 02:30:00"))
    path.write_text(path.read_text(encoding="utf-8").replace("created_utc", "created"), "utf-8")
    assert refused(path, time_zone="Europe/Berlin").column == "created"
