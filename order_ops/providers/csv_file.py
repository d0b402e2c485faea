"""A CSV file as a frame of text columns with line numbers, or the one reason why it is refused.

Structure only: encoding, header, quotes, number of fields. What the text of a column means is read
in `text_columns`; which columns there are is the business of each adapter.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from order_ops.providers.report import ReportError

LINE_NO = "line_no"
_BOM = b"\xef\xbb\xbf"
_AGAIN = "the file looks cut or edited: export it again and do not save it from a spreadsheet"


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table whose cells are all text, empty cells null, with the line each row stands on.

    Attributes:
        name: file name without its folder, as errors name it.
        sha256: hash of the bytes of the file.
        frame: the columns of the header in file order, then `line_no` (i64).
    """

    name: str
    sha256: str
    frame: pl.DataFrame

    def require(self, columns: list[str]) -> None:
        """Raise a `ReportError` naming the first of `columns` that the header lacks."""
        for column in columns:
            if column not in self.frame.columns:
                raise ReportError(
                    self.name,
                    "the required column is missing",
                    "add it to the columns of the export",
                    line=1,
                    column=column,
                )


def read_csv(path: Path) -> TextTable:
    """Read a comma-separated UTF-8 file (a BOM is tolerated) without guessing any type.

    Raises:
        ReportError: empty, not UTF-8, a header with a doubled name, an unbalanced quote, a line
            with another number of fields than the header, or a last line that does not end.
        OSError: the file cannot be opened.
    """
    content = path.read_bytes()
    data = content.removeprefix(_BOM).rstrip(b"\r\n") + b"\n"
    _check_text(path.name, data)
    header = _header(path.name, data)
    line_no = _check_structure(path.name, data, header)
    _check_end(path.name, content, header, line_no)
    frame = pl.read_csv(data, infer_schema=False).with_columns(
        pl.when(pl.all() != "").then(pl.all())
    )
    if frame.height != len(line_no):
        raise ReportError(path.name, "a quote stands inside an unquoted field", _AGAIN)
    frame = frame.with_columns(pl.Series(LINE_NO, line_no, dtype=pl.Int64))
    return TextTable(path.name, hashlib.sha256(content).hexdigest(), frame)


def _check_text(name: str, data: bytes) -> None:
    if not data.strip():
        raise ReportError(name, "the file is empty", "export it again", line=1)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ReportError(
            name, "the file is not UTF-8 text", "export it as CSV in UTF-8", line=line
        ) from None
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise ReportError(name, "a NUL byte stands in the text", _AGAIN, line=line)


def _header(name: str, data: bytes) -> list[str]:
    first = data.split(b"\n", 1)[0].decode().rstrip("\r")
    if "\r" in first:
        raise ReportError(name, "lines end with CR alone", "export it with LF or CRLF", line=1)
    header = next(csv.reader([first]))
    for column in header:
        if header.count(column) > 1 or column == LINE_NO:
            raise ReportError(
                name, "the column name is taken", "rename the column", line=1, column=column
            )
    return header


def _check_structure(name: str, data: bytes, header: list[str]) -> npt.NDArray[np.int64]:
    """Return the line each record starts on; every record must have one field per column.

    Counted on the bytes, because CSV readers silently fill a short line with nulls, and a
    truncated file would pass as one with empty cells.
    """
    text = np.frombuffer(data, dtype=np.uint8)
    # Wrapping at 256 keeps what is asked of it, whether the count so far is even.
    outside = np.cumsum(text == ord('"'), dtype=np.uint8) & 1 == 0
    ends = np.flatnonzero((text == ord("\n")) & outside)
    if not outside[-1]:
        ends = np.append(ends, len(data))
    commas = np.flatnonzero((text == ord(",")) & outside)
    fields = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
    starts = np.concatenate(([0], ends[:-1] + 1))
    line_no = np.searchsorted(np.flatnonzero(text == ord("\n")), starts) + 1
    bad = np.flatnonzero(fields != len(header))
    if len(bad) and (outside[-1] or bad[0] != len(fields) - 1):
        found = int(fields[bad[0]])
        problem = f"the line has {found} fields where the header has {len(header)}"
        column = header[min(found, len(header)) - 1]
        raise ReportError(name, problem, _AGAIN, line=int(line_no[bad[0]]), column=column)
    if not outside[-1]:
        column = header[min(int(fields[-1]), len(header)) - 1]
        problem = "a quote is opened and not closed"
        raise ReportError(name, problem, _AGAIN, line=int(line_no[-1]), column=column)
    return line_no[1:]


def _check_end(
    name: str, content: bytes, header: list[str], line_no: npt.NDArray[np.int64]
) -> None:
    """Refuse a last line without its newline: "100.0" may be what is left of "100.00".

    A cut inside the last cell leaves the right number of fields, and nothing else shows it.
    """
    if content.endswith(b"\n"):
        return
    line = int(line_no[-1]) if len(line_no) else 1
    problem = "the last line does not end with a newline, so its last cell may be cut"
    hint = "export it again; if the file is complete, add the newline"
    raise ReportError(name, problem, hint, line=line, column=header[-1])
