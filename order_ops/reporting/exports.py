"""Result tables as files: Parquet for programs, CSV for spreadsheets.

A spreadsheet runs a cell that starts with = + - @ as a formula, and order references come from
outside, so text cells of the CSV that start like one get a leading apostrophe. Parquet keeps the
exact values.
"""

from pathlib import Path

import polars as pl
import polars.selectors as cs

# full-width signs are signs to a spreadsheet too, and it passes over blanks and breaks before them
_FORMULA = r"^(\s*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|[\t\r\n])"


def neutralised(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with text cells that no spreadsheet takes for a formula."""
    return frame.with_columns(cs.string().str.replace(_FORMULA, "'${1}"))


def restored(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with the text cells that `neutralised` changed as they were."""
    return frame.with_columns(cs.string().str.replace(r"^'([=+\-@\t\r])", "${1}"))


def write_table(frame: pl.DataFrame, folder: Path, name: str) -> None:
    """Write `name.csv` and `name.parquet` into the folder."""
    neutralised(frame).write_csv(folder / f"{name}.csv")
    frame.write_parquet(folder / f"{name}.parquet")
