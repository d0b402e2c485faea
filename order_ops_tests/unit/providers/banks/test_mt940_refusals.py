"""An MT940 file that is cut, edited or contradicts itself is refused with the place."""

import tracemalloc
from pathlib import Path

import pytest

from order_ops.providers.banks.mt940 import read
from order_ops.providers.banks.statement import StatementOptions
from order_ops.providers.files.report import ReportError
from order_ops_tests.unit.providers.banks.mt940_files import line, message, write
from order_ops_tests.unit.providers.banks.readers import GOLDEN, refused

OPTIONS = StatementOptions()
GOOD = message(line("C10,00"), ":86:text", closing="C260105EUR10,00")

BAD = {
    "balances": (GOOD.replace(":62F:C260105EUR10,00", ":62F:C260105EUR10,01"), 7, "make EUR 10.00"),
    "type": (GOOD.replace("NTRFNONREF", ""), 5, "the line is not written like"),
    "mark": (GOOD.replace("C10,00", "X10,00"), 5, "the line is not written like"),
    "small mark": (GOOD.replace("0105C10,00", "0105c10,00"), 5, "the line is not written like"),
    "no comma": (GOOD.replace("C10,00N", "C1000N"), 5, "the line is not written like"),
    "point": (GOOD.replace("C10,00N", "C10.00N"), 5, "the line is not written like"),
    "two commas": (GOOD.replace("C10,00N", "C1,0,00N"), 5, "the line is not written like"),
    "decimals": (GOOD.replace("C10,00N", "C10,000N"), 5, "not an amount in EUR"),
    "currency": (GOOD.replace("EUR", "EUX"), 4, "not an ISO 4217"),
    "two currencies": (GOOD.replace("C260105EUR", "C260105USD"), 7, "closes in USD"),
    "value date": (GOOD.replace(":61:260105", ":61:260230"), 5, "'260230' is not a day"),
    "entry date": (GOOD.replace("2601050105", "2601051305"), 5, "'1305' is not a day"),
    "balance": (GOOD.replace(":60F:C", ":60F:X"), 4, "the balance is not written like"),
    "no account": (GOOD.replace(":25:ACC-1\n", ""), 6, "no :25:"),
    "no number": (GOOD.replace(":28C:5/1\n", ""), 6, "no :28C:"),
    "strange number": (GOOD.replace("5/1", "five"), 3, "cannot be read"),
    "no opening": (GOOD.replace(":60F:C260104EUR0,00\n", ""), 6, "no :60F:"),
    "no closing": (GOOD.replace(":62F:C260105EUR10,00\n", ""), 6, "no :62F:"),
    "two openings": (GOOD.replace(":61:", ":60M:C260104EUR0,00\n:61:"), 5, "two :60F:"),
    "line after closing": (GOOD + line("C1,00") + "\n", 8, "outside of the balances"),
    "text of no line": (GOOD.replace(":61:", ":86:what\n:61:"), 5, "a text belongs to no line"),
    "unknown field": (GOOD.replace(":62F:", ":99:what\n:62F:"), 7, ":99: is not known"),
    "total": (GOOD.replace(":62F:", ":90C:2EUR10,00\n:62F:"), 7, "there are 1 lines"),
    "total's sum": (GOOD.replace(":62F:", ":90C:1EUR10,01\n:62F:"), 7, "there are 1 lines"),
    "no newline": (GOOD[:-1], 7, "may be cut"),
    "one dash of two": (GOOD + "-\n" + GOOD, 15, "the last message has no end"),
    "text outside": ("hello\n" + GOOD, 1, "text outside of messages"),
    "no :20:": (GOOD.replace(":20:REF\n", ""), 1, "begins with :25:"),
    "NUL": (GOOD.replace("text", "te\0xt"), 6, "NUL"),
    "end of nothing": ("-\n" + GOOD, 1, "did not begin"),
    "empty": ("", 1, "no message"),
    "a page alone": (GOOD.replace(":62F:", ":62M:"), 7, "not the last page"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_field_is_named(tmp_path: Path, case: str) -> None:
    text, place, problem = BAD[case]
    error = refused(read, write(tmp_path, text))
    assert problem in error.problem
    assert error.line == place


def test_a_text_that_is_not_utf8_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "statement.sta"
    path.write_bytes(GOOD.replace("text", "für").encode("iso-8859-1"))
    assert refused(read, path).line == 6
    assert "no encoding" in refused(read, path, StatementOptions(encoding="klingon")).problem


def test_no_error_repeats_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A line that cannot be read may name a person."""
    error = refused(read, write(tmp_path, GOOD.replace("C10,00NTRFNONREF", "Canary Finch")))
    assert "Canary" not in str(error) + caplog.text


@pytest.mark.parametrize("name", ["german.mt940", "swift_blocks.mt940"])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_no_prefix_of_a_file_passes_for_a_file(tmp_path: Path, name: str, ends: bytes) -> None:
    """Wherever it is cut, up to the dash that ends the last message."""
    content = (GOLDEN / name).read_bytes().replace(b"\n", ends).rstrip()
    end = content.rindex(b"-")
    part = tmp_path / "part.sta"
    for cut in range(end + 1):
        part.write_bytes(content[:cut])
        assert refused(read, part).hint, f"cut at byte {cut}"


def test_without_dashes_a_cut_is_seen_up_to_the_closing_balance(tmp_path: Path) -> None:
    content = GOOD.encode()
    part = tmp_path / "part.sta"
    for cut in range(len(content)):
        part.write_bytes(content[:cut])
        assert refused(read, part).hint, f"cut at byte {cut}"


def test_no_line_of_a_file_can_be_left_out_unseen(tmp_path: Path) -> None:
    lines = (GOLDEN / "german.mt940").read_text("utf-8").splitlines()
    whole = read(GOLDEN / "german.mt940", OPTIONS)
    part = tmp_path / "part.sta"
    for number in range(len(lines)):
        part.write_text("\n".join([*lines[:number], *lines[number + 1 :], ""]), "utf-8")
        try:
            found = read(part, OPTIONS)
        except ReportError:
            continue
        assert found.lines["amount_minor"].equals(whole.lines["amount_minor"])


def test_a_hundred_megabytes_in_one_line_are_refused_in_small_memory(tmp_path: Path) -> None:
    path = tmp_path / "statement.sta"
    with path.open("wb") as file:
        file.write(b":20:")
        for _ in range(100):
            file.write(b"x" * (1 << 20))
    tracemalloc.start()
    assert "longer than" in refused(read, path).problem
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 << 20
