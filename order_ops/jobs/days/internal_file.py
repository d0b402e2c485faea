"""Our own side as a file: payments and refunds from CSV or Parquet, as entries to reconcile.

Columns, in any order: entry_id, order_id, currency, occurred_at (ISO 8601; UTC where it names no
zone), and amount (major units) or amount_minor; a refund is negative. Optional: provider_ref, kind
(charge, refund, dispute; charge when absent), status (succeeded, pending, failed; succeeded when
absent), order_state, method, and ceiling_minor (what was authorised, or is left to refund). Other
columns are ignored. The provider's files are read in `providers`.
"""

import hashlib
from pathlib import Path

import polars as pl
import polars.selectors as cs

from order_ops.providers.files import text_columns
from order_ops.providers.files.csv_file import LINE_NO, TextTable, read_csv
from order_ops.providers.files.report import ReportError

_REQUIRED = ["entry_id", "order_id", "currency", "occurred_at"]
_KINDS = ("charge", "refund", "dispute")
_STATUSES = ("succeeded", "pending", "failed")
_ORDER_STATES = (
    "PENDING",
    "RESERVED",
    "CONFIRMED",
    "COMPLETED",
    "CANCELLED",
    "EXPIRED",
    "REFUNDED",
)


def read_internal(path: Path, *, time_zone: str = "UTC") -> pl.DataFrame:
    """Read our entries with the columns of `reconciliation.frames.INTERNAL`.

    Args:
        path: .parquet, or a CSV file by any other name.
        time_zone: of the accounting day that each entry falls on.

    Raises:
        ReportError: naming file, line (row + 1 in Parquet), column and what to do.
    """
    table = _opened(path)
    table.require(_REQUIRED)
    currency = text_columns.currencies(table, "currency")
    occurred_at = text_columns.times(table, "occurred_at")
    kind = _one_of(table, "kind", _KINDS, "charge")
    entries = pl.DataFrame(
        {
            "entry_id": _unique(table, "entry_id"),
            "kind": kind,
            "provider_ref": _optional(table, "provider_ref"),
            "order_ref": table.frame["order_id"],
            "amount_minor": _signed(table, kind, currency),
            "currency": currency,
            "status": _one_of(table, "status", _STATUSES, "succeeded"),
            "order_state": _one_of(table, "order_state", _ORDER_STATES, None),
            "method": _optional(table, "method"),
            "ceiling_minor": _ceiling(table),
            "occurred_at": occurred_at,
        }
    )
    return entries.with_columns(
        pl.col("occurred_at").dt.convert_time_zone(time_zone).dt.date().alias("day")
    )


def _opened(path: Path) -> TextTable:
    try:
        return _parquet(path) if path.suffix == ".parquet" else read_csv(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(str(path), reason, "check the path and its rights") from error


def _parquet(path: Path) -> TextTable:
    """Return typed columns as the text a CSV would have, so that there is one way to read them.

    The text of a float is the shortest that reads back as the same float, so "99.33" is exact.
    """
    content = path.read_bytes()
    try:
        frame = pl.read_parquet(content)
    except pl.exceptions.PolarsError as error:
        hint = "write it again as Parquet, or name a CSV file"
        raise ReportError(path.name, "the file is not Parquet", hint) from error
    utc = frame.with_columns(cs.datetime(time_zone="*").dt.convert_time_zone("UTC"))
    text = utc.with_columns(cs.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).select(
        pl.all().cast(pl.String), pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(LINE_NO)
    )
    return TextTable(path.name, hashlib.sha256(content).hexdigest(), text)


def _optional(table: TextTable, column: str) -> pl.Series:
    if column in table.frame.columns:
        return table.frame[column]
    return pl.repeat(None, table.frame.height, dtype=pl.String, eager=True)


def _ceiling(table: TextTable) -> pl.Series:
    """Return the whole numbers of a column that may be absent, and empty."""
    cells = _optional(table, "ceiling_minor")
    given = TextTable(table.name, table.sha256, table.frame.filter(cells.is_not_null()))
    if not given.frame.height:
        return cells.cast(pl.Int64)
    read = text_columns.integers(given, "ceiling_minor")
    return cells.cast(pl.Int64, strict=False).scatter(cells.is_not_null().arg_true(), read)


def _one_of(
    table: TextTable, column: str, known: tuple[str, ...], default: str | None
) -> pl.Series:
    if column not in table.frame.columns:
        return pl.repeat(default, table.frame.height, dtype=pl.String, eager=True)
    cells = table.frame[column]
    text_columns.refuse_first(
        table,
        column,
        ~cells.is_in(known) & cells.is_not_null(),
        lambda text: f"{text!r} is not known",
        f"write one of {', '.join(known)}",
    )
    return cells if default is None else cells.fill_null(default)


def _unique(table: TextTable, column: str) -> pl.Series:
    cells = text_columns.required_text(table, column)
    text_columns.refuse_first(
        table,
        column,
        ~cells.is_first_distinct(),
        lambda text: f"{text!r} stands on an earlier line",
        "give each entry an id of its own",
    )
    return cells


def _signed(table: TextTable, kind: pl.Series, currency: pl.Series) -> pl.Series:
    """Return minor units from whichever amount column there is, with the sign that the kind has."""
    column = "amount_minor" if "amount_minor" in table.frame.columns else "amount"
    table.require([column])
    if column == "amount_minor":
        amounts = text_columns.integers(table, column)
    else:
        amounts = text_columns.minor_units(table, column, currency)
    text_columns.refuse_first(
        table,
        column,
        ((kind == "charge") & (amounts < 0)) | ((kind == "refund") & (amounts > 0)),
        lambda text: f"{text} has the wrong sign for its kind",
        "a charge is positive, a refund negative",
    )
    return amounts
