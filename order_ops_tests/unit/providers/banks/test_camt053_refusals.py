"""A CAMT.053 file that is cut, edited, hostile or contradicts itself is refused with the place."""

import tracemalloc
from pathlib import Path

import pytest

from order_ops.providers.banks.camt053 import read
from order_ops.providers.banks.statement import StatementOptions
from order_ops.providers.files.report import ReportError
from order_ops_tests.unit.providers.banks.camt_files import (
    amount,
    balance,
    details,
    document,
    entry,
    statement,
    write,
)
from order_ops_tests.unit.providers.banks.readers import GOLDEN, refused

OPTIONS = StatementOptions()
SUMMARY = "<TxsSummry><TtlNtries><NbOfNtries>{}</NbOfNtries><Sum>{}</Sum></TtlNtries></TxsSummry>"


def test_balances_that_do_not_close_are_refused_with_figures(tmp_path: Path) -> None:
    path = write(tmp_path, statement(entry("10.00"), opening="1.00", closing="12.00"))
    error = refused(read, path)
    assert error.problem == (
        "opening balance EUR 1.00 and EUR 10.00 of lines make EUR 11.00, "
        "but the closing balance says EUR 12.00"
    )
    assert error.line == 7


BAD_STATEMENTS = {
    "no closing balance": (
        statement(entry(), balances=balance("OPBD", "0.00")),
        "no closing balance in EUR",
    ),
    "no opening balance": (
        statement(entry(), balances=balance("CLBD", "10.00")),
        "no opening balance in EUR",
    ),
    "no booked balances": (
        statement(entry(), balances=balance("CLAV", "10.00")),
        "no booked balances",
    ),
    "two closing balances": (
        statement(entry(), balances=balance("OPBD", "0.00") + balance("CLBD", "10.00")
                  + balance("CLBD", "11.00")),
        "two closing balances",
    ),
    "previous closing is not opening": (
        statement(entry(), balances=balance("OPBD", "0.00") + balance("PRCD", "1.00")
                  + balance("CLBD", "10.00")),
        "two opening balances",
    ),
    "a currency without balances": (
        statement(entry("10.00"), entry("5.00", currency="USD")),
        "in USD, of which the statement has no balances",
    ),
    "no account": (
        statement(entry()).replace("IBAN", "Nm"),
        "names no account",
    ),
    "one entry less than told": (
        statement(entry(), summary=SUMMARY.format(2, "10.00")),
        "there are 1 entries, and the bank says 2",
    ),
    "another sum than told": (
        statement(entry(), summary=SUMMARY.format(1, "10.01")),
        "Sum is EUR 10.00, and the bank says EUR 10.01",
    ),
    "a sum that is none": (
        statement(entry(), summary=SUMMARY.format(1, "ten")),
        "'ten' is not an amount in EUR",
    ),
    "details that do not add up": (
        statement(entry("10.00", more=details(amount("4.00"), amount("5.99")))),
        "the sum of the details is EUR 9.99, and the entry is EUR 10.00",
    ),
    "one detail of another amount": (
        statement(entry("10.00", more=details(amount("9.00")))),
        "the sum of the details is EUR 9.00",
    ),
    "a batch of another number": (
        statement(entry("10.00", more=details(amount("10.00")).replace(
            "<NtryDtls>", "<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>"))),
        "the batch has 1 details, and says that it has 2",
    ),
    "a batch of another sum": (
        statement(entry("10.00", more='<NtryDtls><Btch><TtlAmt Ccy="EUR">9.00</TtlAmt></Btch>'
                        "</NtryDtls>")),
        "the sum of the batch is EUR 9.00",
    ),
    "a status nobody knows": (statement(entry(status="<Cd>MAYB</Cd>")), "'MAYB'"),
    "no status": (statement(entry(status="")), "'' does not say"),
    "a sign nobody knows": (statement(entry("10.00", "CREDIT")), "'CREDIT'"),
    "a reversal nobody knows": (statement(entry(reversal="<RvslInd>ja</RvslInd>")), "'ja'"),
    "no booking date": (
        statement(entry().replace("BookgDt", "X")),
        "BookgDt is missing",
    ),
    "an impossible day": (statement(entry(day="2026-02-30")), "'2026-02-30' is not a date"),
    "a date that is none": (statement(entry(day="05.01.2026")), "is not a date"),
    "more decimals than the currency has": (statement(entry("10.001")), "not an amount in EUR"),
    "decimals of a yen": (statement(entry("10.00", currency="JPY")), "not an amount in JPY"),
    "a decimal comma": (statement(entry("10,00")), "not an amount in EUR"),
    "a signed amount": (statement(entry("-10.00")), "has a sign"),
    "a currency nobody knows": (statement(entry(currency="EUX")), "not an ISO 4217"),
    "no currency": (statement(entry().replace(' Ccy="EUR"', "")), "names no currency"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_STATEMENTS)
def test_a_statement_that_contradicts_itself_is_refused(tmp_path: Path, case: str) -> None:
    content, problem = BAD_STATEMENTS[case]
    error = refused(read, write(tmp_path, content))
    assert problem in error.problem
    assert error.line is not None


def test_one_id_that_says_two_things_is_refused(tmp_path: Path) -> None:
    reference = "<AcctSvcrRef>R-1</AcctSvcrRef>"
    one = statement(entry("10.00", more=reference))
    other = statement(entry("11.00", more=reference), closing="11.00", id="S-2")
    error = refused(read, write(tmp_path, one, other))
    assert "R-1|2026-01-05|credit stands there before" in error.problem


@pytest.mark.parametrize(
    ("namespace", "problem"),
    [
        ("urn:iso:std:iso:20022:tech:xsd:camt.052.001.08", "not CAMT.053 but camt.052.001.08"),
        ("urn:iso:std:iso:20022:tech:xsd:pain.001.001.03", "not CAMT.053 but urn:iso"),
        ("urn:iso:std:iso:20022:tech:xsd:camt.053.001.15", "version 15"),
        ("urn:iso:std:iso:20022:tech:xsd:camt.053.001.01", "version 01"),
        ("", "not CAMT.053 but no namespace"),
    ],
)
def test_another_document_is_refused(tmp_path: Path, namespace: str, problem: str) -> None:
    error = refused(read, write(tmp_path, statement(entry()), namespace=namespace))
    assert problem in error.problem
    assert error.line == 2


@pytest.mark.parametrize(
    ("content", "line"),
    [("", 1), ("x", 1), ("<a/>", 1), ("<a>\n<b></a>", 2), (document(), None)],
)
def test_what_is_no_statement_is_refused(tmp_path: Path, content: str, line: int | None) -> None:
    path = tmp_path / "statement.xml"
    path.write_text(content, "utf-8")
    assert refused(read, path).line == line


@pytest.mark.parametrize("name", ["UCF-8", "gbk", "utf-7", "rot13"])
def test_an_encoding_nobody_knows_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, statement(entry()))
    text = path.read_text("utf-8").replace('version="1.0"', f'version="1.0" encoding="{name}"')
    path.write_text(text, "utf-8")
    assert "encoding" in refused(read, path).problem


def test_two_bytes_to_a_character(tmp_path: Path) -> None:
    path = write(tmp_path, statement(entry()))
    path.write_bytes(path.read_text("utf-8").encode("utf-16"))
    assert read(path, OPTIONS).lines.height == 1


LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [
  <!ENTITY lol "lol">
  <!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">&lol1;</Document>
"""
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE Document SYSTEM "file:///etc/passwd">
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"/>
"""


@pytest.mark.parametrize("content", [LAUGHS, OUTSIDE])
def test_a_document_type_is_refused_where_it_starts(tmp_path: Path, content: str) -> None:
    path = tmp_path / "statement.xml"
    path.write_text(content, "utf-8")
    error = refused(read, path)
    assert "document type" in error.problem
    assert error.line == 2


@pytest.mark.parametrize(
    "hole",
    ["<Id>%s</Id>", "<!--%s-->", '<Id x="%s"/>', "<Ntry><AddtlNtryInf>%s</AddtlNtryInf></Ntry>"],
)
def test_a_hundred_megabytes_in_one_place_are_refused_in_small_memory(
    tmp_path: Path, hole: str
) -> None:
    path = tmp_path / "statement.xml"
    start, end = document(f"<Stmt>{hole}</Stmt>").split("%s")
    with path.open("w", encoding="utf-8") as file:
        file.write(start)
        for _ in range(100):
            file.write("x" * (1 << 20))
        file.write(end)
    tracemalloc.start()
    error = refused(read, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "longer than" in error.problem
    assert peak < 20 << 20


def test_an_entry_of_endless_elements_is_refused(tmp_path: Path) -> None:
    endless = entry(more="<NtryDtls>" + "<TxDtls/>" * 600_000 + "</NtryDtls>")
    assert "elements" in refused(read, write(tmp_path, statement(endless))).problem


@pytest.mark.parametrize("name", ["two_days.camt053.xml", "old_version.camt053.xml"])
def test_no_prefix_of_a_file_passes_for_a_file(tmp_path: Path, name: str) -> None:
    """Wherever it is cut, before the last of its tags is closed."""
    content = (GOLDEN / name).read_bytes().rstrip()
    part = tmp_path / "part.xml"
    for cut in range(len(content)):
        part.write_bytes(content[:cut])
        assert refused(read, part).hint, f"cut at byte {cut}"


@pytest.mark.parametrize("name", ["two_days.camt053.xml", "old_version.camt053.xml"])
def test_no_line_of_a_file_can_be_left_out_unseen(tmp_path: Path, name: str) -> None:
    """Without any one line it is refused, or its money is the same to the cent."""
    lines = (GOLDEN / name).read_bytes().splitlines()
    whole = [statement.totals for statement in read(GOLDEN / name, OPTIONS).statements]
    part = tmp_path / "part.xml"
    for number in range(len(lines)):
        part.write_bytes(b"\n".join(lines[:number] + lines[number + 1 :]))
        try:
            statements = read(part, OPTIONS).statements
        except ReportError:
            continue
        nets = [[(t.currency, t.net_minor) for t in statement.totals] for statement in statements]
        assert nets == [[(t.currency, t.net_minor) for t in totals] for totals in whole]
