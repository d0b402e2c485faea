"""The table in a mapped CSV file, and the lines before and after it.

Belongs here: encoding, delimiter, title lines, footer, a header or none. Each ends in a `TextTable`
that errors can point into by the lines of the file. What the columns mean is in `mapped_columns`.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from order_ops.mapping.checked_yaml import Model, YamlError, read_yaml
from order_ops.providers.files.csv_bounds import refuse_long_cells
from order_ops.providers.files.csv_file import (
    AGAIN,
    LINE_NO,
    TextTable,
    check_structure,
    checked_header,
    find_records,
    refuse_open_end,
    refuse_stray_quote,
    text_frame,
    text_of,
)
from order_ops.providers.files.mapped_grammar import Shape
from order_ops.providers.files.report import ReportError

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class MappedTable:
    """A table with the lines around it.

    Attributes:
        table: the rows.
        around: cells of the lines before the header by 1, 2, ..., and of those after the last row
            by -1, -2, ... backwards.
        lines: how many lines the file has.
    """

    table: TextTable
    around: dict[int, list[str]]
    lines: int

    def line_of(self, place: int) -> int:
        """The line of the file that a place of `around` is."""
        return place if place > 0 else self.lines + 1 + place


def read_mapping(path: Path | None, model: type[Model]) -> Model:
    """Read a mapping.

    Raises:
        ReportError: naming the file, the line and the key (as column).
    """
    if path is None:
        raise ReportError("mapped", "no mapping is named", "name the YAML file of the mapping")
    try:
        return read_yaml(path, model)
    except YamlError as error:
        hint = "correct the mapping; docs/mapped-files.md says what may stand in it"
        raise ReportError(
            error.name, error.problem, hint, line=error.line, column=error.key
        ) from error


def read_table(path: Path, shape: Shape) -> MappedTable:
    """Read the rows of a file as text, every cell and every line accounted for.

    Raises:
        ReportError: as `csv_file.read_csv`, and where lines that the mapping says are missing.
        OSError: the file cannot be opened.
    """
    refuse_long_cells(path, shape.delimiter)
    content = path.read_bytes()
    lines = _decoded(path.name, content, shape).rstrip(b"\r\n").split(b"\n")
    skip, footer = shape.skip_lines, shape.footer_lines
    if len(lines) < skip + footer + (shape.columns is None):
        problem = f"the file has {len(lines)} lines, fewer than the mapping says are no rows"
        raise ReportError(path.name, problem, AGAIN, line=len(lines))
    if not content.endswith(b"\n"):
        refuse_open_end(path.name, len(lines))
    end = len(lines) - footer
    around = {
        place: _cells(path.name, line, shape, place) for place, line in enumerate(lines[:skip], 1)
    }
    around |= {
        place - footer: _cells(path.name, line, shape, end + 1 + place)
        for place, line in enumerate(lines[end:])
    }
    table = _table(path.name, b"\n".join(lines[skip:end]) + b"\n", shape)
    named = TextTable(path.name, hashlib.sha256(content).hexdigest(), table, skip + 1)
    return MappedTable(named, around, len(lines))


def _decoded(name: str, content: bytes, shape: Shape) -> bytes:
    """The file in UTF-8, which errors point into by line."""
    content = content.removeprefix(_BOM)
    try:
        return content.decode(shape.encoding).encode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        hint = "name the encoding that the file has in the mapping"
        raise ReportError(name, f"the text is not {shape.encoding}", hint, line=line) from None


def _cells(name: str, row: bytes, shape: Shape, line: int) -> list[str]:
    try:
        return next(csv.reader([row.decode().rstrip("\r")], delimiter=shape.delimiter), [])
    except csv.Error:
        raise ReportError(name, "the line is no CSV", AGAIN, line=line) from None


def _table(name: str, rows: bytes, shape: Shape) -> pl.DataFrame:
    if shape.columns is not None and not rows.strip():
        header = checked_header(name, shape.columns, shape.skip_lines + 1)
        return pl.DataFrame(schema=dict.fromkeys(header, pl.String) | {LINE_NO: pl.Int64})
    data, first = text_of(name, rows)
    line = shape.skip_lines + first
    records = find_records(data, line, shape.delimiter)
    if shape.columns is None:
        first_line = data.split(b"\n", 1)[0]
        header = checked_header(name, _cells(name, first_line, shape, line), line)
    else:
        header = checked_header(name, shape.columns, line)
    check_structure(name, records, header)
    has_header = shape.columns is None
    line_no = records.line_no[int(has_header) :]
    refuse_stray_quote(name, records)
    frame = text_frame(
        name, data, header, len(line_no), has_header=has_header, delimiter=shape.delimiter
    )
    return frame.with_columns(pl.Series(LINE_NO, line_no, dtype=pl.Int64))
