"""A CSV file as a frame of text columns with line numbers, or the one reason why it is refused.

Structure only: encoding, header, quotes, number of fields. What the text of a column means is read
in `text_columns`; which columns there are is the business of each adapter.
"""

import csv
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Never

import numpy as np
import numpy.typing as npt
import polars as pl

from order_ops.providers.files.csv_bounds import refuse_long_cells
from order_ops.providers.files.report import ReportError

LINE_NO = "line_no"
_BOM = b"\xef\xbb\xbf"
AGAIN = "the file looks cut or edited: export it again and do not save it from a spreadsheet"
OPEN_QUOTE = "a quote is opened and not closed"


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table whose cells are all text, empty cells null, with the line each row stands on.

    Attributes:
        name: file name without its folder, as errors name it.
        sha256: hash of the bytes of the file.
        frame: the columns of the header in file order, then `line_no` (i64).
        header_line: the line that the header stands on.
    """

    name: str
    sha256: str
    frame: pl.DataFrame
    header_line: int = 1

    @property
    def columns(self) -> list[str]:
        """The columns of the header, in file order."""
        return [name for name in self.frame.columns if name != LINE_NO]

    def where(self, mask: pl.Series) -> "TextTable":
        """The same table with the rows alone for which `mask` is true."""
        return replace(self, frame=self.frame.filter(mask))

    def optional(self, column: str) -> pl.Series:
        """The cells of a column that a header may lack: all null then."""
        if column in self.frame.columns:
            return self.frame[column]
        return pl.repeat(None, self.frame.height, dtype=pl.String, eager=True).alias(column)

    def require(self, columns: list[str]) -> None:
        """Raise a `ReportError` naming the first of `columns` that the header lacks."""
        for column in columns:
            if column not in self.frame.columns:
                raise ReportError(
                    self.name,
                    "the required column is missing",
                    "add it to the columns of the export",
                    line=self.header_line,
                    column=column,
                )


@dataclass(frozen=True, slots=True)
class Records:
    """Where the records of a CSV text are; arrays of one number per record.

    Counted on the bytes, because CSV readers silently fill a short line with nulls, and a
    truncated file would pass as one with empty cells.

    Attributes:
        starts, ends: offsets of the first byte, and of the newline behind the last one.
        fields: how many there are.
        line_no: the line that each one starts on.
        closed: whether every quote that is opened is closed.
        stray: the line of the first quote that stands inside an unquoted field, or behind a quoted
            one; readers do not agree on what such a field says.
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    fields: npt.NDArray[np.int64]
    line_no: npt.NDArray[np.int64]
    closed: bool
    stray: int | None


def read_csv(path: Path) -> TextTable:
    """Read a comma-separated UTF-8 file without guessing any type.

    A BOM, and blank lines before the header and after the last line, are tolerated.

    Raises:
        ReportError: empty, not UTF-8, a cell longer than any is, a header with a doubled name, an
            unbalanced quote, a line with another number of fields than the header, or a last line
            that does not end.
        OSError: the file cannot be opened.
    """
    refuse_long_cells(path)
    content = path.read_bytes()
    data, first_line = text_of(path.name, content)
    header = _header(path.name, data, first_line)
    records = find_records(data, first_line)
    check_structure(path.name, records, header)
    line_no = records.line_no[1:]
    if not content.endswith(b"\n"):
        refuse_open_end(path.name, int(records.line_no[-1]), header[-1])
    refuse_stray_quote(path.name, records)
    frame = text_frame(path.name, data, header, len(line_no), has_header=True)
    frame = frame.with_columns(pl.Series(LINE_NO, line_no, dtype=pl.Int64))
    return TextTable(path.name, hashlib.sha256(content).hexdigest(), frame, first_line)


def text_frame(
    name: str,
    data: bytes,
    header: list[str],
    height: int,
    *,
    has_header: bool = False,
    delimiter: str = ",",
) -> pl.DataFrame:
    """Parse CSV bytes to text columns named by `header`, empty cells null.

    Args:
        name: of the file, for errors.
        data: records with as many fields as the header, without a stray quote.
        header: names of the columns.
        height: how many rows there must be.
        has_header: whether the first record is the header.

    Raises:
        ReportError: the reader of CSV has found other rows or columns.
    """
    try:
        frame = pl.read_csv(data, has_header=has_header, infer_schema=False, separator=delimiter)
    except pl.exceptions.PolarsError:
        raise ReportError(name, "the file is no CSV", AGAIN) from None
    if frame.shape != (height, len(header)):
        raise ReportError(name, "the file is no CSV", AGAIN)
    frame.columns = header
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all()))


def refuse_stray_quote(name: str, records: Records) -> None:
    """Refuse a quote on which readers of CSV do not agree.

    Raises:
        ReportError: there is one.
    """
    if records.stray is not None:
        problem = "a quote stands inside an unquoted field, or text behind a quoted one"
        raise ReportError(name, problem, AGAIN, line=records.stray)


def text_of(name: str, content: bytes) -> tuple[bytes, int]:
    """The text of a file without BOM and without blank lines at both ends, and its first line.

    Raises:
        ReportError: empty, not UTF-8, or with a NUL byte in it.
    """
    whole = content.removeprefix(_BOM)
    if not whole.strip():
        raise ReportError(name, "the file is empty", "export it again", line=1)
    data = whole.lstrip(b"\r\n")
    first_line = 1 + whole.count(b"\n", 0, len(whole) - len(data))
    data = data.rstrip(b"\r\n") + b"\n"
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + first_line
        raise ReportError(
            name, "the file is not UTF-8 text", "export it as CSV in UTF-8", line=line
        ) from None
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + first_line
        raise ReportError(name, "a NUL byte stands in the text", AGAIN, line=line)
    return data, first_line


def _header(name: str, data: bytes, line: int) -> list[str]:
    first = data.split(b"\n", 1)[0].decode().rstrip("\r")
    if "\r" in first:
        raise ReportError(name, "lines end with CR alone", "export it with LF or CRLF", line=line)
    return checked_header(name, next(csv.reader([first])), line)


def checked_header(name: str, header: list[str], line: int) -> list[str]:
    """The names of the columns, each of which may be there once.

    Raises:
        ReportError: a name stands there twice, or is one that is needed here.
    """
    for column in header:
        if header.count(column) > 1 or column == LINE_NO:
            raise ReportError(
                name, "the column name is taken", "rename the column", line=line, column=column
            )
    return header


def find_records(data: bytes, first_line: int = 1, delimiter: str = ",") -> Records:
    """Find the records of a CSV text that ends with a newline; a quoted newline ends none."""
    text = np.frombuffer(data, dtype=np.uint8)
    # Wrapping at 256 keeps what is asked of it, whether the count so far is even.
    outside = np.cumsum(text == ord('"'), dtype=np.uint8) & 1 == 0
    ends = np.flatnonzero((text == ord("\n")) & outside)
    if not outside[-1]:
        ends = np.append(ends, len(data))
    commas = np.flatnonzero((text == ord(delimiter)) & outside)
    fields = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
    starts = np.concatenate(([0], ends[:-1] + 1))
    line_no = np.searchsorted(np.flatnonzero(text == ord("\n")), starts) + first_line
    stray = _stray_quote(text, delimiter)
    line = None if stray is None else data.count(b"\n", 0, stray) + first_line
    return Records(starts, ends, fields, line_no, bool(outside[-1]), line)


def _stray_quote(text: npt.NDArray[np.uint8], delimiter: str) -> int | None:
    near = delimiter.encode()
    quotes = np.flatnonzero(text == ord('"'))
    opened, closed = quotes[0::2], quotes[1::2]
    before, after = text[opened[opened > 0] - 1], text[closed + 1]
    bad = [
        opened[opened > 0][~np.isin(before, np.frombuffer(near + b'\n"', dtype=np.uint8))],
        closed[~np.isin(after, np.frombuffer(near + b'\r\n"', dtype=np.uint8))],
    ]
    found = np.concatenate(bad)
    return int(found.min()) if len(found) else None


def check_structure(name: str, records: Records, header: list[str]) -> None:
    """Every record must have one field per column, and every quote be closed."""
    fields, line_no = records.fields, records.line_no
    bad = np.flatnonzero(fields != len(header))
    if len(bad) and (records.closed or bad[0] != len(fields) - 1):
        found = int(fields[bad[0]])
        problem = f"the line has {found} fields where the header has {len(header)}"
        column = header[min(found, len(header)) - 1]
        raise ReportError(name, problem, AGAIN, line=int(line_no[bad[0]]), column=column)
    if not records.closed:
        column = header[min(int(fields[-1]), len(header)) - 1]
        raise ReportError(name, OPEN_QUOTE, AGAIN, line=int(line_no[-1]), column=column)


def refuse_open_end(name: str, line: int, column: str | None = None) -> Never:
    """Refuse a last line without its newline: "100.0" may be what is left of "100.00".

    A cut inside the last cell leaves the right number of fields, and nothing else shows it.
    """
    problem = "the last line does not end with a newline, so its last cell may be cut"
    hint = "export it again; if the file is complete, add the newline"
    raise ReportError(name, problem, hint, line=line, column=column)
