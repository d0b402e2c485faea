"""Columns of a mapped file as values: amounts with their sign, times, dates, words.

Each function takes the table and a part of the mapping and returns a series with one value per
row, or raises a `ReportError` that names file, line and column. Nothing is guessed: a cell that
can be read in two ways is refused like one that can be read in none.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from order_ops.providers.files import row_zones, text_columns
from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.mapped_grammar import Amount, Currency, Day, Moment, Numbers

_SHAPES = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{1,2}", "d": r"\d{1,2}", "H": r"\d{1,2}",
    "I": r"\d{1,2}", "p": "[AaPp][Mm]", "M": r"\d{2}", "S": r"\d{2}", "f": r"\d{1,6}",
    "z": r"[+-]\d{2}:?\d{2}",
}  # fmt: skip
"""Readers of dates take 2/1/26 for the year 26 unless the shape is looked at first."""


def currencies(table: TextTable, said: Currency) -> pl.Series:
    """ISO 4217 codes."""
    if said.column is not None:
        return text_columns.currencies(table, said.column)
    return pl.repeat(said.constant, table.frame.height, dtype=pl.String, eager=True)


def amounts(
    table: TextTable,
    numbers: Numbers,
    rule: Amount,
    currency: pl.Series,
    sign: pl.Series | None = None,
) -> pl.Series:
    """Signed minor units.

    Args:
        sign: 1 or -1 per row by the type of the line, null where it is not known.
    """
    if rule.column is None:
        return _of_two(table, numbers, rule, currency)
    read = units(table, numbers, rule.column, currency)
    if rule.sign == "negated":
        return -read
    if rule.sign != "by_type" or sign is None:
        return read
    _refuse_signs(table, rule.column, read < 0)
    text_columns.refuse_first(
        table,
        rule.column,
        sign.is_null() & (read != 0),
        lambda text: f"{text!r} is of a line whose type has no sign in the mapping",
        "add the type to types.map, with its sign",
    )
    return read * sign.fill_null(1)


def units(
    table: TextTable, numbers: Numbers, column: str, currency: pl.Series, *, empty: bool = False
) -> pl.Series:
    """Minor units as they are written; `empty` cells are zero, or refused."""
    cells = table.frame[column].fill_null("0") if empty else table.frame[column]
    if numbers.thousands_separator is not None:
        cells = _ungrouped(table, column, cells, numbers)
    plain = replace(table, frame=table.frame.with_columns(cells.alias(column)))
    if numbers.unit == "minor":
        return text_columns.integers(plain, column)
    separator = numbers.decimal_separator or "."
    return text_columns.minor_units(plain, column, currency, separator)


def moments(table: TextTable, rule: Moment) -> pl.Series:
    """UTC times (us)."""
    for column in rule.columns:
        text_columns.required_text(table, column)
    column = rule.columns[0]
    cells = table.frame.select(pl.concat_str(rule.columns, separator=" ")).to_series()
    read = _read_times(table, column, cells, rule.formats)
    if any("%z" in text for text in rule.formats):
        return read
    if rule.time_zone_column is not None:
        return row_zones.times(table, read, column, rule.time_zone_column)
    zone = rule.time_zone or "UTC"
    placed = read.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    text_columns.refuse_first(
        table,
        column,
        placed.is_null(),
        lambda text: f"{text!r} is a time that the clock skipped in {zone}",
        "ask what time was meant, or correct time_zone in the mapping",
    )
    return placed.dt.convert_time_zone("UTC")


def days(table: TextTable, rule: Day, *, required: bool = False) -> pl.Series:
    """Dates, null where the cell is empty."""
    if required:
        text_columns.required_text(table, rule.column)
    return _read_times(table, rule.column, table.frame[rule.column], rule.formats).dt.date()


def words(
    table: TextTable, column: str, meanings: Mapping[str, str], default: str | None
) -> pl.Series:
    """What each cell means; `default` for a word that the mapping has not, None: it is refused."""
    cells = text_columns.required_text(table, column)
    read = cells.replace_strict(meanings, default=default, return_dtype=pl.String)
    text_columns.refuse_first(
        table,
        column,
        read.is_null(),
        lambda text: f"{text!r} is not in the mapping",
        "add it to the map of this column",
    )
    return read


def joined(table: TextTable, columns: list[str]) -> pl.Series:
    """An id made of several columns; two rows that differ have different ones."""
    for column in columns:
        text_columns.required_text(table, column)
    if len(columns) == 1:
        return table.frame[columns[0]]
    cells = [pl.col(column).str.replace_all(r"([\\/])", r"\$1") for column in columns]
    return table.frame.select(pl.concat_str(cells, separator="/")).to_series()


def optional(table: TextTable, column: str | None) -> pl.Series:
    """The cells of a column, all null where the mapping names none."""
    if column is None:
        return pl.repeat(None, table.frame.height, dtype=pl.String, eager=True)
    return table.frame[column]


def _of_two(table: TextTable, numbers: Numbers, rule: Amount, currency: pl.Series) -> pl.Series:
    credit, debit = str(rule.credit), str(rule.debit)
    given = table.frame[credit].is_not_null() | table.frame[debit].is_not_null()
    text_columns.refuse_first(
        table,
        credit,
        ~given,
        lambda _: f"both {credit} and {debit} are empty",
        "export the file again",
    )
    credits_ = units(table, numbers, credit, currency, empty=True)
    debits = units(table, numbers, debit, currency, empty=True)
    _refuse_signs(table, credit, credits_ < 0)
    if rule.debits == "negative":
        text_columns.refuse_first(
            table,
            debit,
            debits > 0,
            lambda text: f"{text!r} has no minus, and the mapping says that debits have one",
            "correct debits in the mapping",
        )
    else:
        _refuse_signs(table, debit, debits < 0)
        debits = -debits
    text_columns.refuse_first(
        table,
        debit,
        (credits_ != 0) & (debits != 0),
        lambda _: f"both {credit} and {debit} have an amount",
        "ask which one is right",
    )
    return credits_ + debits


def _refuse_signs(table: TextTable, column: str, negative: pl.Series) -> None:
    text_columns.refuse_first(
        table,
        column,
        negative,
        lambda text: f"{text!r} has a sign, and the mapping says that the column has none",
        "correct the mapping, or the file",
    )


def _ungrouped(table: TextTable, column: str, cells: pl.Series, numbers: Numbers) -> pl.Series:
    """Amounts without thousands separators, each of which must stand before three digits."""
    mark, decimal = (
        re.escape(text or "") for text in (numbers.thousands_separator, numbers.decimal_separator)
    )
    grouped = rf"^-?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+(?:{decimal}[0-9]+)?$"
    has_mark = cells.str.contains(mark).fill_null(value=False)
    text_columns.refuse_first(
        table,
        column,
        has_mark & ~cells.str.contains(grouped).fill_null(value=False),
        lambda text: f"{text!r} has a thousands separator where none can be",
        "correct the separators in the mapping",
    )
    return cells.str.replace_all(numbers.thousands_separator or "", "", literal=True)


def _read_times(table: TextTable, column: str, cells: pl.Series, formats: list[str]) -> pl.Series:
    """Times by the one format that fits; a cell that two formats read differently is refused."""
    reads = [_read_time(cells, text) for text in formats]
    found = pl.DataFrame({str(number): read for number, read in enumerate(reads)})
    low, high = found.select(
        pl.min_horizontal("*").alias("low"), pl.max_horizontal("*").alias("high")
    )
    known = ", ".join(repr(text) for text in formats)
    text_columns.refuse_first(
        table,
        column,
        low.is_null() & cells.is_not_null(),
        lambda text: f"{text!r} is not written like {known}",
        "correct formats in the mapping",
    )
    text_columns.refuse_first(
        table,
        column,
        (low != high).fill_null(value=False),
        lambda text: f"{text!r} can be read in two ways by {known}",
        "keep one of the formats in the mapping",
    )
    return low


def _read_time(cells: pl.Series, text: str) -> pl.Series:
    pieces = re.split(r"(%.)", text)
    shape = "".join(
        _SHAPES[piece[1]] if piece.startswith("%") else re.escape(piece) for piece in pieces
    )
    fits = cells.str.contains(rf"^{shape}$").fill_null(value=False)
    shaped = pl.DataFrame({"t": cells}).select(pl.when(fits).then(pl.col("t"))).to_series()
    form = text.replace(".%f", "%.f")
    if not set(re.findall(r"%(.)", text)) - {"Y", "y", "m", "d"}:
        return shaped.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    if not re.search("%[HI]", text):
        form, shaped = f"{form} %H", shaped + " 00"
    if "%M" not in text:
        form, shaped = f"{form} %M", shaped + " 00"
    return shaped.str.to_datetime(form, time_unit="us", strict=False)


def unknown_columns(table: TextTable, known: set[str]) -> tuple[str, ...]:
    """Columns of which the mapping says nothing, in file order."""
    return tuple(name for name in table.columns if name != LINE_NO and name not in known)
