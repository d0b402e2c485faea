"""Balance transactions as they are fetched become the lines of the itemized reports."""

import json
from pathlib import Path
from typing import Any

import pytest

from order_ops.providers.files.registry import open_report
from order_ops.providers.files.stripe_objects import kept
from order_ops_tests.unit.providers.files.golden_files import FOLDER, expected, prefixes, told
from order_ops_tests.unit.providers.files.golden_files import refused as refused_by_name

NAME = "stripe_balance_transactions"
GOLDEN = FOLDER / f"{NAME}.jsonl"


def refused(path: Path) -> tuple[int | None, str]:
    error = refused_by_name(NAME, path)
    return error.line, error.problem


def edited(folder: Path, line: int, **values: Any) -> Path:
    """The golden file with values of a line changed; None takes one away."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    changed = json.loads(lines[line - 1]) | values
    lines[line - 1] = json.dumps({name: one for name, one in changed.items() if one is not None})
    path = folder / "edited.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_golden_file_becomes_its_lines() -> None:
    report = open_report(f"{NAME}:{GOLDEN}")
    assert told(report) == expected(NAME)
    assert (report.provider, report.unknown_columns, report.repeated_lines) == (NAME, (), 0)


def test_another_reference_of_the_order_is_found_by_its_column() -> None:
    lines = open_report(f"{NAME}:{GOLDEN}", order_ref_column="payment_metadata[cart]").lines
    assert lines["order_ref"].null_count() == lines.height


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    for content in prefixes(GOLDEN.read_bytes()):
        path.write_bytes(content)
        refused(path)


def test_a_file_with_a_line_taken_out_is_refused(tmp_path: Path) -> None:
    lines = GOLDEN.read_bytes().splitlines(keepends=True)
    path = tmp_path / "less.jsonl"
    path.write_bytes(b"".join(lines[:3] + lines[4:]))
    assert refused(path) == (16, "the file has 14 lines where it says 15")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"amount": "12"}, "is not an amount"),
        ({"amount": None}, "KeyError('amount')"),
        ({"created": "yesterday"}, "the line is no balance transaction"),
        ({"created": 10**18}, "the line is no balance transaction"),
        ({"fee": 1}, "is not gross - fee"),
        ({"currency": "xx"}, "currency"),
        ({"source": [1]}, "the line is no balance transaction"),
    ],
)
def test_a_line_that_is_no_transaction_is_refused(
    tmp_path: Path, values: dict[str, Any], words: str
) -> None:
    line, problem = refused(edited(tmp_path, 3, **values))
    assert line == 3
    assert words in problem


def test_a_line_longer_than_any_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(GOLDEN.read_bytes().splitlines(keepends=True)[0])
        file.truncate(100 << 20)
    assert refused(path) == (2, "the line is cut, or longer than any is")


def test_of_a_transaction_only_what_is_listed_is_kept() -> None:
    source = {
        "id": "ch_1",
        "object": "charge",
        "billing_details": {"email": "a@b.c"},
        "metadata": {"order_id": "o1", "phone": "1"},
        "payment_intent": {"id": "pi_1", "customer": "cus_1"},
    }
    found = kept({"id": "txn_1", "description": "of Ana", "source": source}, "order_id")
    assert "description" not in found
    assert found["source"]["metadata"] == {"order_id": "o1"}
    assert found["source"]["payment_intent"] == "pi_1"
    assert not {"billing_details", "customer"} & found["source"].keys()
    assert kept({"source": "ch_1"}, None)["source"] == {"id": "ch_1"}


def test_of_a_charge_that_was_captured_in_part_the_captured_amount_is_told(tmp_path: Path) -> None:
    told = json.loads(GOLDEN.read_text(encoding="utf-8").splitlines()[2])
    source = told["source"] | {"amount": 9_000, "amount_captured": 5_000}
    lines = open_report(f"{NAME}:{edited(tmp_path, 3, source=source)}").lines
    assert lines.row(1, named=True)["amount_minor"] == 5_000
    assert lines.row(1, named=True)["currency"] == "EUR"


def test_what_is_no_payment_says_nothing_of_a_customer(tmp_path: Path) -> None:
    path = edited(tmp_path, 3, reporting_category="partial_capture_reversal")
    line = open_report(f"{NAME}:{path}").lines.row(1, named=True)
    assert (line["amount_minor"], line["currency"]) == (line["settled_minor"], "USD")
