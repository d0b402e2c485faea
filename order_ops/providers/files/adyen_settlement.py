"""Adyen's settlement detail report as lines: the base file, and those with the columns of 2024/25.

Columns are taken by name in any order. A row is a booking in a batch, and a batch is what is paid
out together. Giving a line its meaning for an order does not belong here.

A file that is cut after any line but the last is seen by its batch, unless the payout is what was
cut off: the rows then read like those of a batch that is still open.
"""

from pathlib import Path

import polars as pl

from order_ops.providers.files import row_zones, text_columns
from order_ops.providers.files.adyen_amounts import amounts
from order_ops.providers.files.adyen_batches import batch_of, closed_batches, numbers_of
from order_ops.providers.files.adyen_columns import COLUMNS, KINDS, REQUIRED
from order_ops.providers.files.adyen_entries import entry_ids
from order_ops.providers.files.csv_file import LINE_NO, TextTable, read_csv
from order_ops.providers.files.report import LINE_SCHEMA, ProviderReport, totals_of

_OWN = "Merchant Reference"
_OF_MODIFICATION = "Modification Merchant Reference"


def read(path: Path, *, order_ref_column: str = _OWN) -> ProviderReport:
    """Read one report completely, or refuse it completely.

    Args:
        path: the CSV file.
        order_ref_column: the column with our own order reference, such as `Merchant Order
            Reference`. A refund or dispute is told by its `Modification Merchant Reference` where
            that is filled and no other column is named.

    Raises:
        ReportError: naming file, line, column and what to do; nothing of the file is returned.
    """
    table = read_csv(path)
    table.require([*REQUIRED, order_ref_column])
    batch = batch_of(table)
    lines = _lines(table, order_ref_column)
    closed = closed_batches(table, batch, lines["net_minor"], lines["settlement_currency"])
    lines = lines.with_columns(entry_ids(table, lines, batch).alias("entry_id"), closed)
    lines = lines.select(LINE_SCHEMA.names()).cast(LINE_SCHEMA)
    return ProviderReport(
        provider="adyen",
        name=table.name,
        sha256=table.sha256,
        lines=lines,
        totals=totals_of(lines),
        repeated_lines=0,
        unknown_columns=COLUMNS.unknown(table),
        time_zone="TimeZone of each row",
        numbers=numbers_of(batch),
    )


def _lines(table: TextTable, order_ref_column: str) -> pl.DataFrame:
    """Every row, canonical, without `entry_id` and `payout_id`."""
    text_columns.required_text(table, "Type")
    local = text_columns.local_times(table, "Creation Date")
    return table.frame.select(
        LINE_NO,
        _kind().alias("kind"),
        pl.col("Type").alias("category"),
        pl.lit("succeeded").alias("status"),
        _provider_ref().alias("provider_ref"),
        _order_ref(order_ref_column).alias("order_ref"),
        *amounts(table),
        row_zones.times(table, local, "Creation Date", "TimeZone").alias("occurred_at"),
        pl.lit(None, dtype=pl.Date).alias("available_on"),
        pl.col("Payment Method").alias("method"),
        COLUMNS.raw(table, {order_ref_column}).alias("raw"),
    )


def _kind() -> pl.Expr:
    return pl.col("Type").replace_strict(KINDS, default="unclassified", return_dtype=pl.String)


def _provider_ref() -> pl.Expr:
    """A charge and its costs are known by the payment, anything else by its own reference."""
    payment, own = pl.col("Psp Reference"), pl.col("Modification Reference")
    return (
        pl.when(_kind() == "charge")
        .then(payment)
        .when(_kind() == "fee")
        .then(pl.coalesce(payment, own))
        .otherwise(pl.coalesce(own, payment))
    )


def _order_ref(column: str) -> pl.Expr:
    if column != _OWN:
        return pl.col(column)
    modified = _kind().is_in(["refund", "dispute"])
    return pl.when(modified).then(pl.coalesce(_OF_MODIFICATION, _OWN)).otherwise(pl.col(_OWN))
