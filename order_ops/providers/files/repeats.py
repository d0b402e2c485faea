"""Lines that a file says again: counted once if they say the same, else the file is refused."""

import polars as pl

from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.report import ReportError


def without_repeats(table: TextTable, lines: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """Keep the first of canonical lines that say the same.

    Args:
        id_column: the column of the file that ids are from, as errors name it.

    Raises:
        ReportError: the same id says two things.
    """
    says = [name for name in lines.columns if name != LINE_NO]
    once = lines.unique(says, keep="first", maintain_order=True)
    again = once.filter(~pl.col("entry_id").is_first_distinct())
    if again.height:
        row = again.row(0, named=True)
        raise ReportError(
            table.name,
            f"{row['entry_id']} stands on an earlier line with other content",
            "ask who made the file which line is right, or name further columns of the id",
            line=row[LINE_NO],
            column=id_column,
        )
    return once
