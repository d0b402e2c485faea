"""A mapping that contradicts itself, and a file that contradicts its mapping, are refused."""

from itertools import pairwise
from pathlib import Path

import pytest

from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import ReportError
from order_ops_tests.unit.providers.files.mapped_files import (
    BACK,
    HEADER,
    MAPPING,
    SALE,
    changed,
    mapped,
    refused,
    write,
)

ZONE = ", time_zone: Europe/Berlin"
AMOUNT = "{column: amount}"
FEE = "fee: {columns: [fee], costs: positive}"
BAD_MAPPINGS = {
    "both ways of signing": ([(AMOUNT, "{column: amount, credit: a, debit: b}")],
                             7, "amount", "not both"),
    "half of two columns": ([(AMOUNT, "{credit: a}")], 7, "amount", "both the credit and"),
    "sign of two columns": ([(AMOUNT, "{credit: a, debit: b, sign: negated}")],
                            7, "amount", "leave sign out"),
    "one column for both": ([(AMOUNT, "{credit: a, debit: a}")], 7, "amount", "same column"),
    "no amount": ([(AMOUNT, "{}")], 7, "amount", "name the column"),
    "a sign nobody knows": ([(AMOUNT, "{column: a, sign: up}")], 7, "amount.sign", "Input should"),
    "sign by a type without": ([(AMOUNT, "{column: amount, sign: by_type}")],
                               2, "file", "give every type a sign"),
    "signs that nothing reads": ([("{kind: charge}", "{kind: charge, sign: credit}")],
                                 2, "file", "no amount takes its sign"),
    "an unknown key": ([("version: 1", "version: 1\ncolour: red")], 3, "colour", "Extra inputs"),
    "an unknown key deep down": ([("order_ref: order", "order_reff: order")],
                                 5, "columns.order_reff", "Extra inputs"),
    "a key twice": ([("version: 1", "version: 1\nprovider: a")], 4, "provider", "a value already"),
    "another version": ([("version: 1", "version: 2")], 2, "version", "Input should be 1"),
    "major without separator": ([(', decimal_separator: "."', "")], 4, "numbers", "say which"),
    "minor with separator": ([("major", "minor")], 4, "numbers", "leave the separators out"),
    "the same separator": ([('separator: "."', 'separator: ".", thousands_separator: "."')],
                           4, "numbers", "are the same"),
    "no kind": ([("types:\n", "xtypes:\n")], 9, "xtypes", "Extra inputs"),
    "kind and types": ([("types:\n", "kind: fee\ntypes:\n")], 2, "file", "either types, or"),
    "a kind nobody knows": ([("{kind: charge}", "{kind: purchase}")],
                            12, "types.map.sale.kind", "Input should be"),
    "unclassified on purpose": ([("{kind: charge}", "{kind: unclassified}")],
                                12, "types.map.sale.kind", "Input should be"),
    "two zones": ([(ZONE, f"{ZONE}, time_zone_column: z")], 14, "occurred_at", "once"),
    "no zone": ([(ZONE, "")], 14, "occurred_at", "once"),
    "a zone nobody knows": ([("Europe/Berlin", "Europe/Atlantis")],
                            14, "occurred_at.time_zone", "not an IANA"),
    "a zone and an offset": ([("%S", "%S%z")], 14, "occurred_at", "once"),
    "a format nobody knows": ([("%Y-%m-%d", "%Q")], 14, "occurred_at.formats.0", "made of"),
    "a format without a day": ([("%Y-%m-%d", "%Y-%m")], 14, "occurred_at.formats.0", "day (%d)"),
    "a format with two years": ([("%Y-", "%Y-%y-")], 14, "occurred_at.formats.0", "once"),
    "half of a twelve-hour clock": ([("%H", "%I")], 14, "occurred_at.formats.0", "%I with %p"),
    "fractions alone": ([("%S", "%f")], 14, "occurred_at.formats.0", "%S.%f"),
    "a date with a time": ([("keep:", "available_on: {column: d, formats: ['%d%m%Y %H']}\nkeep:")],
                           15, "available_on.formats", "has no time"),
    "column and constant": ([("{column: currency}", "{column: c, constant: EUR}")],
                            6, "currency", "either the column"),
    "a currency nobody knows": ([("{column: currency}", "{constant: EUX}")],
                                6, "currency", "not an ISO 4217"),
    "settled in nothing": ([(FEE, "settled: {column: fee}")], 2, "file", "in which settlement"),
    "settlement of nothing": ([(FEE, "settlement_currency: {constant: BRL}")],
                              2, "file", "name settled"),
    "kept and ignored": ([("keep: [note]", "keep: [note]\nignore: [note]")],
                         2, "file", "both kept and ignored"),
    "read and ignored": ([("keep: [note]", "ignore: [fee]")], 2, "file", "'fee' is read"),
    "a person kept": ([("keep: [note]", "keep: [customer_name]")], 2, "file", "speaks of a person"),
    "no id": ([("entry_id: [id]", "entry_id: []")], 5, "columns.entry_id", "at least 1"),
    "a provider with spaces": ([("provider: acme", "provider: Acme Inc")],
                               3, "provider", "should match"),
    "a control outside": ([("keep:", "controls: [{line: -1, field: 1, text: x}]\nkeep:")],
                          2, "file", "neither one of 0 skipped"),
    "a control of nothing": ([("keep:", "controls: [{line: 1, field: 1}]\nkeep:")],
                             15, "controls.0", "either the text"),
    "a figure nobody knows": ([("keep:", "file: {skip_lines: 1}\n"
                                "controls: [{line: 1, field: 1, figure: opening}]\nkeep:")],
                              2, "file", "one of count"),
    "a codepage nobody knows": ([("keep:", "file: {encoding: utf-16}\nkeep:")],
                                15, "file.encoding", "Input should be"),
    "a word that YAML takes for no": ([("    back:", "    no:")], 11, "types.map", "valid string"),
    "a number without quotes": ([("    back:", "    0113:")], 11, "types.map", "valid string"),
    "not YAML": ([("version: 1", "version: [")], None, None, "not YAML"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MAPPINGS)
def test_a_mapping_that_cannot_be_meant_is_refused(tmp_path: Path, case: str) -> None:
    changes, line, key, problem = BAD_MAPPINGS[case]
    mapping = mapped(tmp_path, changed(*changes))
    error = refused(write(tmp_path, SALE), mapping)
    assert problem in error.problem
    assert error.file == mapping
    assert error.line == line
    assert (error.column or "").startswith(key or "")


def test_a_mapping_of_a_thousand_laughs_is_refused(tmp_path: Path) -> None:
    names = [f"a{number}" for number in range(30)]
    laughs = "a0: &a0 {x: 1}\n" + "".join(
        f"{name}: &{name} [*{before}, *{before}]\n" for before, name in pairwise(names)
    )
    error = refused(write(tmp_path, SALE), mapped(tmp_path, laughs))
    assert error.problem == "Field required"


@pytest.mark.parametrize(
    ("name", "problem"), [("", "no mapping is named"), ("none.yaml", "No such")]
)
def test_no_mapping(tmp_path: Path, name: str, problem: str) -> None:
    path = write(tmp_path, SALE)
    error = refused(path, str(tmp_path / name) if name else "")
    assert problem in error.problem


BAD_CELLS = {
    "broken number": ("100.00", "1oo.00", "amount"),
    "a decimal comma": ("100.00", '"100,00"', "amount"),
    "an empty amount": ("100.00", "", "amount"),
    "an empty fee": ("3.50", "", "fee"),
    "too many decimals": ("100.00", "100.001", "amount"),
    "a currency nobody knows": ("eur", "eux", "currency"),
    "no currency": ("eur", "", "currency"),
    "another way to write times": ("2026-02-01", "01.02.2026", "time"),
    "an impossible day": ("2026-02-01", "2026-02-30", "time"),
    "a year of two digits": ("2026-02-01", "26-02-01", "time"),
    "a time that the clock skipped": ("2026-02-01 10:00:00", "2026-03-29 02:30:00", "time"),
    "no time": ("2026-02-01 10:00:00", "", "time"),
    "no type": ("sale", "", "type"),
    "no id": ("t1", "", "id"),
    "the id of another line": ("t1", "t0", "id"),
}


@pytest.mark.parametrize("case", BAD_CELLS)
def test_a_bad_cell_is_named(tmp_path: Path, case: str) -> None:
    old, new, column = BAD_CELLS[case]
    first = SALE.replace("t1", "t0").replace("hello", "first")
    path = write(tmp_path, first, SALE.replace(old, new))
    error = refused(path, mapped(tmp_path))
    assert (error.file, error.line, error.column) == ("acme.csv", 3, column)


BY_TYPE = [
    (AMOUNT, "{column: amount, sign: by_type}"),
    ("{kind: charge}", "{kind: charge, sign: credit}"),
    ("{kind: refund}", "{kind: refund, sign: debit}"),
]
TWO = [(AMOUNT, "{credit: amount, debit: out}")]
GROUPED = [('separator: "."', 'separator: ".", thousands_separator: ","')]
CONTRADICTED = {
    "a type without a sign": (BY_TYPE, SALE.replace("sale", "gift"), "amount", "type has no sign"),
    "a sign where none is": (BY_TYPE, BACK, "amount", "has a sign"),
    "both a credit and a debit": (TWO, f"{SALE},5", "out", "both amount and out"),
    "neither": (TWO, f"{SALE},".replace("100.00", ""), "amount", "both amount and out are empty"),
    "a negative debit": (TWO, f"{SALE},-5".replace("100.00", ""), "out", "has a sign"),
    "a negative credit": (TWO, f"{SALE},".replace("100.00", "-5"), "amount", "has a sign"),
    "a debit without minus": ([(AMOUNT, "{credit: amount, debit: out, debits: negative}")],
                              f"{SALE},5".replace("100.00", ""), "out", "has no minus"),
    "net of something else": ([(FEE, FEE + "\nnet: {column: out}")], f"{SALE},96.51", "out",
                              "is not amount - fee"),
    "thousands in the wrong place": (GROUPED, f"{SALE},".replace("100.00", '"1,00.00"'), "amount",
                                     "where none can be"),
    "a decimal comma as thousands": (GROUPED, f"{SALE},".replace("100.00", '"100,00"'), "amount",
                                     "where none can be"),
    "a state nobody mapped": ([(FEE, FEE + "\nstatus: {column: out, map: {ok: succeeded}}")],
                              f"{SALE},perhaps", "out", "not in the mapping"),
    "a day in two ways": ([('"%Y-%m-%d %H:%M:%S"', '"%d/%m/%Y", "%m/%d/%Y"')],
                          f"{SALE},".replace("2026-02-01 10:00:00", "01/02/2026"), "time",
                          "read in two ways"),
    "a place nobody knows": ([("time_zone: Europe/Berlin", "time_zone_column: out")],
                             f"{SALE},Atlantis", "out", "not a time zone"),
    "a place of several": ([("time_zone: Europe/Berlin", "time_zone_column: out")],
                           f"{SALE},CST", "out", "several places"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRADICTED)
def test_a_file_that_is_not_what_its_mapping_says(tmp_path: Path, case: str) -> None:
    changes, line, column, problem = CONTRADICTED[case]
    path = write(tmp_path, line if line.count(",") >= 8 else f"{line},", header=f"{HEADER},out")
    error = refused(path, mapped(tmp_path, changed(*changes)))
    assert problem in error.problem
    assert (error.line, error.column) == (2, column)


FOOTER = MAPPING + (
    "file: {footer_lines: 1}\ncontrols:\n  - {line: -1, field: 1, text: END}\n"
    "  - {line: -1, field: 2, figure: count}\n  - {line: -1, field: 3, figure: gross}\n"
    "  - {line: -1, field: 4, figure: fee}\n"
)


@pytest.mark.parametrize(
    ("footer", "problem"),
    [
        ("END,3,80.00,3.50", "there are 2 rows, and the file says 3"),
        ("END,2,80.01,3.50", "gross of the rows is EUR 80.00, and the file says EUR 80.01"),
        ("END,2,-80.00,3.50", "gross of the rows is EUR 80.00"),
        ("END,2,80.00,3.5x", "not an amount"),
        ("END,2,,3.50", "the cell is empty"),
        ("END,2.0,80.00,3.50", "not a whole number"),
        ("END,2,80.00", "the line has 3 fields"),
        (BACK.replace("t2", "t3"), "'END' is expected in field 1"),
        ("", "fields where the header has"),
    ],
)
def test_a_footer_that_says_something_else(tmp_path: Path, footer: str, problem: str) -> None:
    path = write(tmp_path, SALE, BACK, *([footer] if footer else ["END,2", "80.00,3.50"]))
    error = refused(path, mapped(tmp_path, FOOTER))
    assert problem in error.problem
    assert error.line == 4


def test_a_footer_that_says_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, SALE, BACK, "END,2,80.00,-3.50", end="\r\n\r\n")
    assert open_report(f"mapped:{path}", mapping=mapped(tmp_path, FOOTER)).lines.height == 2


def test_sums_of_several_currencies_are_no_figures(tmp_path: Path) -> None:
    path = write(tmp_path, SALE, BACK.replace("eur", "usd"), "END,2,80.00,3.50")
    assert "in EUR, USD" in refused(path, mapped(tmp_path, FOOTER)).problem


SHAPES = {
    "cut": (SALE[:-1], "", "newline", 2),
    "a field less": ("t1,sale", "\n", "2 fields where the header has 8", 2),
    "a quote left open": (SALE.replace("hello", '"hello'), "\n", "opened and not closed", 2),
    "a stray quote": (SALE.replace("hello", '"hel"lo'), "\n", "quote", 2),
    "NUL": (SALE.replace("hello", "\0"), "\n", "NUL", 2),
}


@pytest.mark.parametrize("case", SHAPES)
def test_a_file_that_is_torn(tmp_path: Path, case: str) -> None:
    line, end, problem, place = SHAPES[case]
    error = refused(write(tmp_path, line, end=end), mapped(tmp_path))
    assert problem in error.problem
    assert error.line == place


def test_a_column_that_is_missing_or_doubled(tmp_path: Path) -> None:
    error = refused(write(tmp_path, SALE, header=HEADER.replace("fee", "fees")), mapped(tmp_path))
    assert (error.line, error.column) == (1, "fee")
    error = refused(write(tmp_path, SALE, header=HEADER.replace("fee", "id")), mapped(tmp_path))
    assert (error.line, error.column) == (1, "id")


def test_a_file_in_another_encoding_is_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path, SALE)
    path.write_bytes(path.read_bytes().replace(b"hello", "ölé".encode("cp1252")))
    assert refused(path, mapped(tmp_path)).line == 2


def test_a_file_shorter_than_its_title(tmp_path: Path) -> None:
    error = refused(
        write(tmp_path, header="x"), mapped(tmp_path, MAPPING + "file: {skip_lines: 3}\n")
    )
    assert "fewer than the mapping says" in error.problem


def test_every_byte_of_a_small_file_counts(tmp_path: Path) -> None:
    """A cut is refused, or leaves the lines before it as they were."""
    content = write(tmp_path, SALE, BACK).read_bytes()
    rules, part = mapped(tmp_path), tmp_path / "part.csv"
    for cut in range(len(content) - 1):
        part.write_bytes(content[:cut])
        if content[:cut].endswith(b"\n"):
            lines = open_report(f"mapped:{part}", mapping=rules).lines
            assert lines.height == content[:cut].count(b"\n") - 1
        else:
            with pytest.raises(ReportError):
                open_report(f"mapped:{part}", mapping=rules)
