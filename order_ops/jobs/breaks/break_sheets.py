"""Breaks as a sheet for finance people: written with empty columns of decisions, read back filled.

A sheet carries the facts of each break by a short name, so that a decision about a break that has
changed meanwhile is refused. It is taken as a whole or not at all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Engine

from order_ops.domain.break_acts import Act
from order_ops.domain.failures import MendableError
from order_ops.domain.money import format_minor
from order_ops.jobs.breaks.break_acts import act_in
from order_ops.jobs.breaks.desk import Acted, Deed, Desk, trying
from order_ops.jobs.breaks.standing import MOST, BreakError, Selection, facts_key, facts_of, find
from order_ops.reporting.exports import neutralised, restored
from order_ops.store.engine import Connection, transaction

_TOLD = (
    "break_id", "facts", "account", "day", "class", "state", "currency", "difference", "at_stake",
    "order_ref", "provider_ref", "first_seen", "age_days", "explanation", "last_note", "assigned",
    "due",
)  # fmt: skip
_ASKED = ("decision", "reason", "assign_to", "due_date")
_NEEDED = ("break_id", "facts", *_ASKED)
_DECISIONS: Mapping[str, Act] = {
    "acknowledge": "acknowledge",
    "accept": "accept",
    "write-off": "write_off",
    "approve": "approve_write_off",
    "reject": "reject",
    "reopen": "reopen",
    "note": "note",
}
_LINES = 10_000


class SheetError(MendableError):
    """A sheet that is not taken; names each row that is wrong, and why."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: Mapping[str, str]

    @property
    def deeds(self) -> Iterator[Deed]:
        """What the row asks for.

        Raises:
            SheetError: it cannot be told.
        """
        said, reason = self.cells["decision"].lower(), self.cells["reason"]
        facts = self.cells["facts"]
        if not facts and any(self.cells[name] for name in _ASKED):
            raise SheetError("the column facts is empty: export the breaks again")
        # before the decision, which may change what may be done
        if self.cells["assign_to"]:
            yield Deed("assign", reason, assignee=self.cells["assign_to"], known_facts=facts)
        if self.cells["due_date"]:
            yield Deed("due", reason, due_on=_date(self.cells["due_date"]), known_facts=facts)
        if said:
            if said not in _DECISIONS:
                known = ", ".join(_DECISIONS)
                raise SheetError(f"decision {said!r} is none of {known}")
            if not reason:
                raise SheetError("the column reason is empty: say why")
            yield Deed(_DECISIONS[said], reason, known_facts=facts)


def export(pool: Engine, selection: Selection, file: Path) -> int:
    """Write the breaks of a selection as CSV, safe for spreadsheets; how many there are.

    Raises:
        SheetError: there are more than one sheet takes, or the file cannot be written.
    """
    rows = find(pool, selection, MOST + 1)
    if len(rows) > MOST:
        raise SheetError(
            f"{file}: there are more than {MOST} breaks: narrow them down, by --account"
        )
    with transaction(pool) as conn:
        facts = facts_of(conn, rows)
    told = [
        [str(value) for value in _cells(row, facts_key(facts[row.account, row.break_id]))]
        for row in rows
    ]
    frame = pl.DataFrame(told, dict.fromkeys((*_TOLD, *_ASKED), pl.String()), orient="row")
    try:
        neutralised(frame).write_csv(file, include_bom=True)
    except OSError as error:
        raise SheetError(f"{file}: cannot be written: {error.strerror or error}") from None
    return len(rows)


def _cells(row: Any, facts: str) -> Iterator[Any]:
    yield from (row.break_id, facts, row.account, row.day, row.break_class, row.state)
    yield row.currency
    yield from (format_minor(row.difference_minor, row.currency).replace(f"{row.currency} ", ""),)
    yield from (format_minor(row.at_stake_minor, row.currency).replace(f"{row.currency} ", ""),)
    yield from (row.order_ref or "", row.provider_ref or "", row.first_seen, row.age_days)
    yield from (row.explanation, row.last_note or "", row.assignee or "", row.due_on or "")
    yield from ("" for _ in _ASKED)


def take(desk: Desk, file: Path, *, dry_run: bool = False) -> list[Acted]:
    """Do what the rows of a sheet ask for: all of it, or nothing.

    Raises:
        SheetError: the file cannot be read, or rows are wrong; each is named with its line.
    """
    rows = list(_read(file))
    done: list[Acted] = []
    wrong: list[str] = []
    with trying(desk.pool, dry_run=dry_run) as conn:
        for row in rows:
            try:
                done += _take(conn, desk, row)
            except MendableError as error:
                wrong.append(f"line {row.line}: {error}")
        if wrong:
            told = "\n".join(wrong[:20])
            more = f"\nand {len(wrong) - 20} more" if len(wrong) > 20 else ""
            raise SheetError(f"{file}: nothing is done, since rows are wrong:\n{told}{more}")
    return done


def _take(conn: Connection, desk: Desk, row: _Row) -> list[Acted]:
    deeds = list(row.deeds)
    if deeds and len(row.cells["break_id"]) != 32:
        raise BreakError(f"break_id {row.cells['break_id']!r} is not whole: export again")
    return [act_in(conn, desk, row.cells["break_id"], deed) for deed in deeds]


def _read(file: Path) -> Iterator[_Row]:
    """Rows with what a spreadsheet was kept from running given back."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
        frame = pl.read_csv(text.encode(), separator=_separator(text), infer_schema=False)
    except UnicodeDecodeError:
        raise SheetError(f"{file}: is not in UTF-8: save it again as CSV UTF-8") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SheetError(f"{file}: cannot be read as CSV: {error}") from None
    frame = frame.with_columns(pl.all().fill_null(""))
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        raise SheetError(f"{file}: has no column {', '.join(missing)}: export the breaks again")
    if frame.height > _LINES:
        raise SheetError(f"{file}: has more than {_LINES} rows: split it")
    twice = frame.filter(pl.col("break_id").is_duplicated() & (pl.col("break_id") != ""))
    if twice.height:
        raise SheetError(f"{file}: break {twice['break_id'][0][:12]} stands in two rows")
    for line, row in enumerate(restored(frame).iter_rows(named=True), start=2):
        yield _Row(line, {name: row[name].strip() for name in _NEEDED})


def _separator(text: str) -> str:
    """What the heading is separated by: spreadsheets write that of their country."""
    heading = text.partition("\n")[0]
    return max(",;\t", key=heading.count)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SheetError(
            f"due_date {text!r} is not written like 2026-01-31: a spreadsheet leaves it so in a "
            "column of text"
        ) from None
