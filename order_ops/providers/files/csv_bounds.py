"""How long a cell of a CSV file may be, looked at before anything of the file is kept.

A quote that is never closed, or a file made to harm, is one cell of a hundred megabytes. It is
found in pieces of a megabyte, whatever the size of the file.
"""

from pathlib import Path

import numpy as np

from order_ops.providers.files.report import ReportError

MAX_CELL = 1 << 17
"""Bytes; Python's own CSV reader has the same limit."""
_PIECE = 1 << 20


def refuse_long_cells(path: Path, delimiter: str = ",") -> None:
    """Refuse a file with a cell longer than `MAX_CELL`.

    Args:
        path: a file in an encoding of which ASCII is a part.
        delimiter: one ASCII character.

    Raises:
        ReportError: naming the line that the cell starts on.
        OSError: the file cannot be opened.
    """
    quotes, line, read, cell_start, cell_line = 0, 1, 0, 0, 1
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            text = np.frombuffer(piece, dtype=np.uint8)
            counted = np.cumsum(text == ord('"'), dtype=np.uint32) + quotes
            newline = text == ord("\n")
            ends = np.flatnonzero(((text == ord(delimiter)) | newline) & (counted % 2 == 0))
            starts = np.concatenate(([cell_start], ends + read + 1))
            lengths = np.concatenate((ends + read, [read + len(piece)])) - starts
            long = np.flatnonzero(lengths > MAX_CELL)
            if len(long):
                start = int(starts[long[0]])
                if start >= read:
                    cell_line = line + int(np.count_nonzero(newline[: start - read]))
                raise ReportError(
                    path.name,
                    f"a cell is longer than {MAX_CELL} bytes, perhaps behind a quote not closed",
                    "export the file again, without columns of that length",
                    line=cell_line,
                )
            if len(ends):
                cell_start = int(starts[-1])
                cell_line = line + int(np.count_nonzero(newline[: cell_start - read]))
            line += int(np.count_nonzero(newline))
            quotes = int(counted[-1]) % 2
            read += len(piece)
