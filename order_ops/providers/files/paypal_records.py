"""The frame of a PayPal report: rows that each say first what they are, in sections per account.

RH FH (SH CH SB* SF* SC)+ RF* RC FF: headers of report, file and section, the names of the columns,
the body, and footers with totals per currency and with counts. Here a file is taken apart and
refused when a part of the frame is missing; whether its totals are right belongs in
`paypal_footers`, and what a body row means in `paypal_lines`.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from order_ops.providers.files.csv_bounds import refuse_long_cells
from order_ops.providers.files.csv_file import (
    AGAIN,
    LINE_NO,
    OPEN_QUOTE,
    Records,
    TextTable,
    checked_header,
    find_records,
    refuse_open_end,
    refuse_stray_quote,
    text_frame,
    text_of,
)
from order_ops.providers.files.report import ReportError

_NEXT = {
    "": "RH",
    "RH": "FH",
    "FH": "SH",
    "SH": "CH SF SC",
    "CH": "SB SF SC",
    "SB": "SB SF SC",
    "SF": "SF SC",
    "SC": "SH RF RC",
    "RF": "RF RC",
    "RC": "FF",
    "FF": "",
}
"""What may follow what. A section without a transaction may lack the names of its columns."""

_BODY = "SB"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the frame: its cells, the first of which says what it is, and its line."""

    cells: tuple[str, ...]
    line: int

    @property
    def kind(self) -> str:
        """RH, FH, SH, CH, SF, SC, RF, RC or FF."""
        return self.cells[0]

    def cell(self, place: int) -> str:
        """The cell at a place, empty where the row is shorter."""
        return self.cells[place] if place < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report taken apart.

    Attributes:
        table: the body rows of all sections, columns as the section names them.
        section: of each body row, counted from 0 (i64).
        rows: the rows of the frame, in file order.
    """

    table: TextTable
    section: pl.Series
    rows: tuple[Row, ...]

    def of(self, kind: str) -> list[Row]:
        """The rows of the frame of one kind."""
        return [row for row in self.rows if row.kind == kind]

    def refuse(self, row: Row, problem: str, hint: str = AGAIN) -> ReportError:
        """The error that names a row of the frame."""
        return ReportError(self.table.name, problem, hint, line=row.line, column=row.kind)


def read_report(path: Path) -> Report:
    """Take a report apart.

    Raises:
        ReportError: no UTF-8 text, a quote that is not closed, a part of the frame missing or out
            of place, a section with other columns, or a body row with another number of fields.
        OSError: the file cannot be opened.
    """
    refuse_long_cells(path)
    content = path.read_bytes()
    data, first_line = text_of(path.name, content)
    records = find_records(data, first_line)
    if not records.closed:
        raise ReportError(path.name, OPEN_QUOTE, AGAIN, line=int(records.line_no[-1]))
    refuse_stray_quote(path.name, records)
    kinds = _kinds(data, records)
    _check_frame(path.name, kinds, records)
    if not content.endswith(b"\n"):
        refuse_open_end(path.name, int(records.line_no[-1]))
    body = kinds == _BODY
    frame_rows = np.flatnonzero(~body)
    rows = tuple(_row(path.name, data, records, int(at), str(kinds[at])) for at in frame_rows)
    header = _header(path.name, [row for row in rows if row.kind == "CH"])
    frame = _body(path.name, data, records, body, header)
    section = np.cumsum(kinds == "SH")[body] - 1
    line = next((row.line for row in rows if row.kind == "CH"), first_line)
    table = TextTable(path.name, hashlib.sha256(content).hexdigest(), frame, line)
    return Report(table, pl.Series("section", section, dtype=pl.Int64), rows)


def _kinds(data: bytes, records: Records) -> npt.NDArray[np.str_]:
    """The first two letters of each record, whether in quotes or not."""
    text = np.frombuffer(data, dtype=np.uint8)
    start = records.starts + (text[records.starts] == ord('"'))
    pairs = np.stack([text[np.minimum(start + at, len(text) - 1)] for at in (0, 1)], axis=1)
    letters = np.where((pairs >= ord("A")) & (pairs <= ord("Z")), pairs, ord("?"))
    return np.ascontiguousarray(letters).view("S2").ravel().astype("U2")


def _check_frame(name: str, kinds: npt.NDArray[np.str_], records: Records) -> None:
    before = np.concatenate(([""], kinds[:-1]))
    allowed = [f"{first} {then}" for first, nexts in _NEXT.items() for then in nexts.split()]
    steps = np.char.add(np.char.add(before, " "), kinds)
    bad = np.flatnonzero(~np.isin(steps, allowed))
    if len(bad):
        place = bad[0]
        wanted = _NEXT[str(before[place])].replace(" ", " or ") or "nothing"
        problem = f"the row is {kinds[place]} where {wanted} has to come"
        raise ReportError(name, problem, AGAIN, line=int(records.line_no[place]))
    if kinds[-1] != "FF":
        problem = f"the file ends with {kinds[-1]}: its footers are missing"
        hint = "download the file again; of a report in several files, ask PayPal for one"
        raise ReportError(name, problem, hint, line=int(records.line_no[-1]))


def _row(name: str, data: bytes, records: Records, place: int, kind: str) -> Row:
    """A row of the frame, without the empty cells that spreadsheets and RH have at the end."""
    line = int(records.line_no[place])
    text = data[records.starts[place] : records.ends[place]].decode().rstrip("\r")
    cells = next(csv.reader([text.replace("\r", " ")]))
    if cells[0] != kind:
        raise ReportError(name, f"the row starts with {cells[0]!r}, not {kind}", AGAIN, line=line)
    while not cells[-1]:
        cells.pop()
    return Row(tuple(cells), line)


def _header(name: str, rows: list[Row]) -> list[str]:
    """The names of the columns, the same in each section; runs of spaces in them are one."""
    headers = [[" ".join(cell.split()) for cell in row.cells[1:]] for row in rows]
    for row, header in zip(rows, headers, strict=True):
        if header != headers[0]:
            problem = "the section has other columns than the first one"
            raise ReportError(name, problem, AGAIN, line=row.line, column="CH")
    return checked_header(name, headers[0], rows[0].line) if rows else []


def _body(
    name: str, data: bytes, records: Records, body: npt.NDArray[np.bool_], header: list[str]
) -> pl.DataFrame:
    fields, line_no = records.fields[body], records.line_no[body]
    bad = np.flatnonzero(fields != len(header) + 1)
    if len(bad):
        problem = f"the line has {fields[bad[0]]} fields where its section has {len(header) + 1}"
        raise ReportError(name, problem, AGAIN, line=int(line_no[bad[0]]))
    if not len(fields):
        return pl.DataFrame(schema=dict.fromkeys(header, pl.String) | {LINE_NO: pl.Int64})
    inside = np.repeat(body, records.ends - records.starts + 1)
    text = np.frombuffer(data, dtype=np.uint8)[: len(inside)][inside].tobytes()
    frame = text_frame(name, text, [_BODY, *header], len(fields))
    other = (frame[_BODY] != _BODY).fill_null(value=True).arg_true()
    if len(other):
        problem = f"the row starts with {frame[_BODY][other[0]]!r}, not {_BODY}"
        raise ReportError(name, problem, AGAIN, line=int(line_no[other[0]]))
    return frame.drop(_BODY).with_columns(pl.Series(LINE_NO, line_no, dtype=pl.Int64))
