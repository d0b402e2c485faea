"""Breaks as a sheet: written, filled in as a person does, taken as a whole or not at all."""

import csv
from pathlib import Path
from typing import Any

import pytest

from order_ops_tests.integration.breaks import (
    done,
    lines_of,
    listed,
    prepare,
    refused,
    settle,
)
from order_ops_tests.integration.conftest import Shop

Sheet = dict[str, dict[str, str]]


@pytest.fixture
def broken(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Three breaks that stand on the 12th."""
    return prepare(shop, tmp_path, monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "breaks.csv"


def _exported(file: Path, *filters: str) -> Sheet:
    done("export", file, *filters)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return {row["order_ref"]: row for row in csv.DictReader(lines)}


def _filled(file: Path, sheet: Sheet, **answers: dict[str, str]) -> Path:
    rows: list[dict[str, Any]] = [row | answers.get(order, {}) for order, row in sheet.items()]
    with file.open("w", encoding="utf-8-sig", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def _events(shop: Shop) -> list[tuple[str, str, str]]:
    rows = shop.rows("SELECT act, actor, reason FROM recon.break_events ORDER BY id")
    return [(row.act, row.actor, row.reason) for row in rows]


def test_a_sheet_is_filled_in_and_taken(broken: Shop, file: Path) -> None:
    sheet = _exported(file)
    assert list(sheet) == ["o3", "o2", "o1"]
    first = sheet["o1"]
    assert (first["class"], first["at_stake"], first["currency"]) == ("amount_short", "0.10", "BRL")
    assert {first[name] for name in ("decision", "reason", "assign_to", "due_date")} == {""}
    _filled(
        file,
        sheet,
        o1={"decision": "accept", "reason": "cents"},
        o2={"decision": "write-off", "reason": "'=lost", "due_date": "2026-04-01"},
        o3={"assign_to": "olga", "reason": "ask"},
    )
    dry = done("import", file, "--dry-run")
    assert dry.count("would be: ") == 4
    assert _events(broken) == []
    told = done("import", file)
    assert "write-off proposed: BRL 5.00 is above BRL 1.00" in told
    assert _events(broken) == [
        ("assign", "ana", "ask"),
        ("due", "ana", "=lost"),
        ("propose_write_off", "ana", "=lost"),
        ("accept", "ana", "cents"),
    ]
    settle(broken)
    states = {order: one["state"] for order, one in listed().items()}
    assert states == {"o1": "accepted", "o2": "write_off_proposed", "o3": "open"}
    assert list(_exported(file, "--state", "accepted")) == ["o1"]


def test_a_spreadsheet_runs_nothing_of_it(broken: Shop, file: Path) -> None:
    done("note", listed()["o1"]["break_id"], "=HYPERLINK(evil)")
    assert _exported(file)["o1"]["last_note"] == "'=HYPERLINK(evil)"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"decision": "accept"}, "the column reason is empty"),
        ({"decision": "maybe", "reason": "x"}, "decision 'maybe' is none of acknowledge, accept"),
        ({"decision": "reopen", "reason": "x"}, "nothing has been decided about it"),
        ({"decision": "accept", "reason": "x", "break_id": "f" * 32}, "there is no break fff"),
        ({"decision": "accept", "reason": "x", "break_id": "ffff"}, "'ffff' is not whole"),
        ({"decision": "accept", "reason": "x", "facts": ""}, "the column facts is empty"),
        ({"decision": "accept", "reason": "x", "facts": "0" * 16}, "has changed since"),
        ({"due_date": "1/4/2026"}, "due_date '1/4/2026' is not written like"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_done(
    broken: Shop, file: Path, answer: dict[str, str], why: str
) -> None:
    right = {"decision": "accept", "reason": "fine"}
    _filled(file, _exported(file), o3=right, o2=answer, o1=right)
    told = refused("import", file)
    assert why in told
    assert "nothing is done" in told
    assert "line 3: " in told
    assert _events(broken) == []


def test_who_may_not_is_refused_row_by_row(broken: Shop, file: Path) -> None:
    _filled(file, _exported(file), o3={"decision": "accept", "reason": "x"})
    assert "line 2: olga may not accept" in refused("import", file, by="olga")


def test_what_changed_since_the_export_is_refused(broken: Shop, file: Path, tmp_path: Path) -> None:
    _filled(file, _exported(file), o3={"decision": "accept", "reason": "lost"})
    lines_of(broken, tmp_path, "b.csv", [("txn_3", "2026-03-12", "o3", 700)])
    settle(broken)
    told = refused("import", file)
    assert "has changed since it was looked at: it is amount_short with BRL 3.00 at stake" in told


@pytest.mark.parametrize("separator", [";", "\t"], ids=["semicolon", "tab"])
def test_a_sheet_is_taken_as_a_spreadsheet_writes_it(
    broken: Shop, file: Path, separator: str
) -> None:
    sheet = _exported(file)
    rows = [row | {"decision": "", "reason": ""} for row in sheet.values()]
    rows[0] |= {"decision": "Note ", "reason": "estornado: não há o que fazer; é só R$ 3"}
    blank = dict.fromkeys(rows[0], "")
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), delimiter=separator, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows([*reversed(rows), blank, blank])
    done("import", file)
    assert _events(broken) == [("note", "ana", rows[0]["reason"])]


def test_a_sheet_in_the_code_page_of_a_country_is_refused(broken: Shop, file: Path) -> None:
    _filled(file, _exported(file), o3={"decision": "accept", "reason": "não há"})
    file.write_bytes(file.read_text(encoding="utf-8-sig").encode("cp1252"))
    assert "is not in UTF-8: save it again as CSV UTF-8" in refused("import", file)
    assert _events(broken) == []


def test_what_is_no_sheet_is_refused(broken: Shop, file: Path, tmp_path: Path) -> None:
    assert "cannot be read as CSV" in refused("import", tmp_path / "none.csv")
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    assert "has no column break_id, facts" in refused("import", file)
    sheet = _exported(file)
    twice = sheet | {"again": sheet["o1"]}
    assert "stands in two rows" in refused("import", _filled(file, twice))
    assert "sheets are .csv" in refused("export", tmp_path / "breaks.xlsx")
    assert "No row has a decision." in done("import", _filled(file, sheet))
