"""Canonical columns as the text of files, and rows to a file part by part."""

from collections.abc import Callable
from typing import BinaryIO

import polars as pl

from order_ops.domain.money import minor_exponent
from order_ops.simulator.contract import CURRENCIES

_ROWS = 500_000
"""So many rows are text at once."""


def major(amount: pl.Expr, currency: pl.Expr, separator: str = ".") -> pl.Expr:
    """Minor units as an exact amount in major units, with as many decimals as the currency has."""
    sign = pl.when(amount < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    text = pl.lit(None, dtype=pl.String)
    for exponent in sorted({minor_exponent(one.code) for one in CURRENCIES}):
        codes = [one.code for one in CURRENCIES if minor_exponent(one.code) == exponent]
        whole = (amount.abs() // 10**exponent).cast(pl.String)
        rest = (amount.abs() % 10**exponent).cast(pl.String).str.zfill(exponent)
        told = whole + pl.lit(separator) + rest if exponent else whole
        text = pl.when(currency.is_in(codes)).then(sign + told).otherwise(text)
    return text


def write_rows(
    frame: pl.DataFrame,
    file: BinaryIO,
    row: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    header: bool = True,
    separator: str = ",",
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write the rows of a frame as CSV.

    Args:
        frame: canonical rows, in the order of the file.
        file: open for writing bytes.
        row: makes text columns of a part of the frame.
        header: whether the names of the columns come first.
        separator: between cells.
        progress: told how many more rows are written.
    """
    if header:
        row(frame.head(0)).write_csv(file, separator=separator)
    for part in frame.iter_slices(_ROWS):
        row(part).write_csv(file, include_header=False, separator=separator)
        progress(part.height)


def empty(*names: str) -> dict[str, pl.Expr]:
    """Columns that a real file has, and that nothing is known for."""
    return {name: pl.lit(None, dtype=pl.String) for name in names}
