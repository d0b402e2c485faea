"""Text columns to currencies, exact minor units, UTC times and dates, whole columns at a time.

Each function takes a `TextTable` and a column name and returns a series, or raises a `ReportError`
that names file, line and column of the first cell that cannot be read. Nothing is rounded and
nothing is guessed. Rules about several columns at once belong in the adapters.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import polars as pl

from order_ops.domain.money import (
    INT64_DIGITS,
    MoneyError,
    major_pattern,
    minor_exponent,
    parse_major,
)
from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.report import ReportError

_ZONE = r"(?:Z|[+-]\d\d:?\d\d)$"
# Seconds are required: without them a cut file could end in a time that is still one.
_TIME = r"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)"


def refuse_first(
    table: TextTable, column: str, bad: pl.Series, problem: Callable[[str], str], hint: str
) -> None:
    """Raise a `ReportError` for the first row where `bad` is true, else do nothing."""
    if not bad.any():
        return
    row = table.frame.filter(bad).row(0, named=True)
    text = problem(row[column] or "")
    raise ReportError(table.name, text, hint, line=row[LINE_NO], column=column)


def required_text(table: TextTable, column: str) -> pl.Series:
    """Return the column, of which no cell may be empty."""
    cells = table.frame[column]
    refuse_first(
        table, column, cells.is_null(), lambda _: "the cell is empty", "fill it or export again"
    )
    return cells


def currencies(table: TextTable, column: str, otherwise: pl.Series | None = None) -> pl.Series:
    """Return ISO 4217 codes in upper case; those of `otherwise` where cells may be empty."""
    if otherwise is None:
        codes = required_text(table, column).str.to_uppercase()
    else:
        codes = table.frame[column].str.to_uppercase().fill_null(otherwise)
    for code in codes.unique().sort():
        try:
            minor_exponent(code)
        except MoneyError as error:
            _refuse_currency(table, column, codes == code, str(error))
    return codes


def minor_units(
    table: TextTable,
    column: str,
    currency: pl.Series,
    decimal_separator: str = ".",
    *,
    empty_is_zero: bool = False,
) -> pl.Series:
    """Return amounts written in major units as integers in minor units of each row's currency."""
    cells = table.frame[column].fill_null("0") if empty_is_zero else required_text(table, column)
    exponents = currency.replace_strict(
        {code: minor_exponent(code) for code in currency.unique()}, return_dtype=pl.Int64
    )
    frame = pl.DataFrame({"text": cells, "exponent": exponents})
    value = pl.lit(None, dtype=pl.Int64)
    for exponent in exponents.unique().sort():
        parsed = _parsed(pl.col("text"), exponent, decimal_separator)
        value = pl.when(pl.col("exponent") == exponent).then(parsed).otherwise(value)
    amounts = frame.with_columns(value.alias(column))[column]
    if amounts.null_count():
        _explain_amount(table, column, currency, amounts, decimal_separator)
    return amounts


def without_groups(table: TextTable, columns: list[str], decimal_separator: str) -> TextTable:
    """The same table with 1,234.00 as 1234.00 in some columns, and anything else as it was.

    Groups are of three digits, so that no decimal separator is taken for one of groups: as long as
    a currency has not three decimals, 1,234 cannot be anything but a thousand.
    """
    group = "," if decimal_separator == "." else r"[. \x{00A0}\x{202F}]"
    point = re.escape(decimal_separator)
    grouped = rf"^-?[0-9]{{1,3}}(?:{group}[0-9]{{3}})+(?:{point}[0-9]+)?$"
    plain = [
        pl.when(pl.col(name).str.contains(grouped))
        .then(pl.col(name).str.replace_all(group, ""))
        .otherwise(pl.col(name))
        for name in columns
    ]
    return replace(table, frame=table.frame.with_columns(plain))


def integers(table: TextTable, column: str) -> pl.Series:
    """Return whole numbers, such as amounts that are in minor units already."""
    cells = required_text(table, column)
    plain = cells.str.contains(rf"^-?[0-9]{{1,{INT64_DIGITS}}}$")
    refuse_first(
        table, column, ~plain, lambda text: f"{text!r} is not a whole number", "correct the number"
    )
    return cells.cast(pl.Int64)


def times(table: TextTable, column: str, time_zone: str = "UTC") -> pl.Series:
    """Return UTC times (us); `time_zone` is meant where the text names no zone itself."""
    cells = required_text(table, column)
    text = pl.col("t")
    plain = text.str.extract(_TIME, 1) + "T" + text.str.extract(_TIME, 2)
    zone = text.str.extract(rf"({_ZONE})", 1).str.replace("Z", "+00:00", literal=True)
    local = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    utc = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    zoned = (plain + zone).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", strict=False)
    whole = text.str.contains(rf"{_TIME}(?:{_ZONE})?$")
    value = pl.when(zone.is_null()).then(utc.dt.convert_time_zone("UTC")).otherwise(zoned)
    read = pl.DataFrame({"t": cells}).select(pl.when(whole).then(value).alias(column)).to_series()
    refuse_first(
        table,
        column,
        read.is_null(),
        lambda cell: f"{cell!r} is not a time that exists in {time_zone}",
        "write times like 2024-01-31 23:59:59",
    )
    return read


def local_times(table: TextTable, column: str) -> pl.Series:
    """Return times (us) as they are written, without any zone: the row has that elsewhere."""
    cells = required_text(table, column)
    text = pl.col("t")
    plain = text.str.extract(_TIME, 1) + "T" + text.str.extract(_TIME, 2)
    local = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    whole = text.str.contains(rf"{_TIME}$")
    read = pl.DataFrame({"t": cells}).select(pl.when(whole).then(local).alias(column)).to_series()
    refuse_first(
        table,
        column,
        read.is_null(),
        lambda cell: f"{cell!r} is not a time without a zone",
        "write times like 2024-01-31 23:59:59",
    )
    return read


def dates(table: TextTable, column: str) -> pl.Series:
    """Return dates, null where the cell is empty; a time of day after the date is dropped."""
    cells = table.frame[column]
    read = cells.str.extract(r"^(\d{4}-\d\d-\d\d)(?:[ T].*)?$", 1).str.to_date(
        "%Y-%m-%d", strict=False
    )
    refuse_first(
        table,
        column,
        read.is_null() & cells.is_not_null(),
        lambda cell: f"{cell!r} is not a date",
        "write dates like 2024-01-31",
    )
    return read


def _refuse_currency(table: TextTable, column: str, bad: pl.Series, problem: str) -> None:
    refuse_first(table, column, bad, lambda _: problem, "correct the currency")


def _parsed(text: pl.Expr, exponent: int, decimal_separator: str) -> pl.Expr:
    parts = text.str.splitn(decimal_separator, 2).struct
    decimals = parts.field("field_1").fill_null("").str.pad_end(exponent, "0")
    digits = (parts.field("field_0") + decimals).cast(pl.Int64, strict=False)
    exact = text.str.contains(major_pattern(exponent, decimal_separator))
    return pl.when(exact & (digits.abs() < 10**INT64_DIGITS)).then(digits)


def _explain_amount(
    table: TextTable, column: str, currency: pl.Series, amounts: pl.Series, separator: str
) -> None:
    """Let the exact reader of single amounts say what is wrong with the first bad cell."""
    codes = currency.filter(amounts.is_null())

    def problem(text: str) -> str:
        try:
            parse_major(text, codes[0], separator)
        except MoneyError as error:
            return str(error)
        return f"{text!r} cannot be read as an amount"

    hint = f"export with {separator!r} as decimal separator, or name the one the file uses"
    refuse_first(table, column, amounts.is_null(), problem, hint)
