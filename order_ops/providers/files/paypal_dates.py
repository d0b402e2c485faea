"""Dates of an activity download, which are written as the country of the account writes them."""

import polars as pl

from order_ops.providers.files.csv_file import TextTable
from order_ops.providers.files.report import ReportError
from order_ops.providers.files.text_columns import refuse_first, required_text

_PART = r"(\d{1,2})"
_PATTERNS = {
    "mdy": (rf"^{_PART}[./-]{_PART}[./-](\d{{4}})$", (3, 1, 2)),
    "dmy": (rf"^{_PART}[./-]{_PART}[./-](\d{{4}})$", (3, 2, 1)),
    "ymd": (rf"^(\d{{4}})[./-]{_PART}[./-]{_PART}$", (1, 2, 3)),
}
"""Where year, month and day are."""


def local_times(table: TextTable, order: str | None) -> pl.Series:
    """`Date` and `Time` of each row without a zone (us).

    Without an order it is the only one in which all dates of the file exist: one day behind the
    twelfth shows which of two numbers is the month.

    Raises:
        ReportError: the dates exist in two orders, or in none; or a time of day that is none.
    """
    dates = _dates(table, order)
    cells = required_text(table, "Time")
    plain = cells.str.contains(r"^\d{1,2}:\d\d:\d\d$")
    times = cells.str.zfill(8).str.to_time("%H:%M:%S", strict=False)
    refuse_first(
        table,
        "Time",
        ~plain | times.is_null(),
        lambda text: f"{text!r} is not a time of day",
        "write times like 23:59:59",
    )
    parts = pl.DataFrame({"date": dates, "time": times})
    return parts.select(pl.col("date").dt.combine(pl.col("time"), "us")).to_series()


def _dates(table: TextTable, order: str | None) -> pl.Series:
    if order is not None and order not in _PATTERNS:
        known = ", ".join(_PATTERNS)
        raise ReportError(
            table.name, f"{order!r} is no order of a date", f"write date_order as one of: {known}"
        )
    cells = required_text(table, "Date")
    read = {name: _read(cells, name) for name in ([order] if order else _PATTERNS)}
    whole = [name for name, dates in read.items() if not dates.null_count()]
    if len(whole) > 1 and not read[whole[0]].equals(read[whole[1]]):
        told = " or ".join(whole)
        refuse_first(
            table,
            "Date",
            read[whole[0]] != read[whole[1]],
            lambda text: f"{text} is a date in two orders, {told}, as is every other of the file",
            "say which one is meant, as date_order",
        )
    best = whole[0] if whole else min(read, key=lambda name: read[name].null_count())
    refuse_first(
        table,
        "Date",
        read[best].is_null(),
        lambda text: f"{text!r} is not a date that goes with the others",
        "export the file again, or say the order that is meant as date_order",
    )
    return read[best]


def _read(cells: pl.Series, order: str) -> pl.Series:
    """Dates of one order, null where the text is none."""
    pattern, places = _PATTERNS[order]
    year, month, day = (pl.col("d").str.extract(pattern, place) for place in places)
    text = pl.concat_str(year, month.str.zfill(2), day.str.zfill(2), separator="-")
    frame = pl.DataFrame({"d": cells})
    return frame.select(text.str.to_date("%Y-%m-%d", strict=False)).to_series()
