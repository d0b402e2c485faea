"""PayPal's activity download as lines: what a person exports from the account's own page.

Unlike PayPal's reports it is written for the country of the account: 01/02/2026 is a day in January
or in February, 1,234 a thousand or a bit more than one. What cannot be told from the file has to be
said. It has no footer either: that its last lines are missing cannot be seen, and only a cut inside
of a line is.
"""

from pathlib import Path

import polars as pl

from order_ops.providers.files import row_zones, text_columns
from order_ops.providers.files.csv_file import LINE_NO, TextTable, read_csv
from order_ops.providers.files.paypal_activity_columns import CODES, COLUMNS, REQUIRED, STATUSES
from order_ops.providers.files.paypal_columns import KINDS, PAYMENTS
from order_ops.providers.files.paypal_dates import local_times
from order_ops.providers.files.raw_columns import EMAIL
from order_ops.providers.files.report import LINE_SCHEMA, ProviderReport, totals_of

_ID = "Transaction ID"


def read(
    path: Path, *, decimal_separator: str = ".", date_order: str | None = None
) -> ProviderReport:
    """Read one download completely, or refuse it completely.

    Args:
        path: the CSV file, in English.
        decimal_separator: "." or ",".
        date_order: "mdy", "dmy" or "ymd"; needed where each date of the file could be either.

    Raises:
        ReportError: naming file, line, column and what to do; nothing of the file is returned.
    """
    table = read_csv(path)
    table.require(REQUIRED)
    lines = _lines(table, decimal_separator, date_order)
    return ProviderReport(
        provider="paypal",
        name=table.name,
        sha256=table.sha256,
        lines=lines,
        totals=totals_of(lines),
        repeated_lines=0,
        unknown_columns=COLUMNS.unknown(table),
        time_zone="TimeZone of each row",
    )


def _lines(table: TextTable, decimal_separator: str, date_order: str | None) -> pl.DataFrame:
    """Every row, canonical. `entry_id` has the type in it, as one id may stand in two rows."""
    for column in (_ID, "Type"):
        text_columns.required_text(table, column)
    currency = text_columns.currencies(table, "Currency")
    gross, fee, net = _amounts(table, currency, decimal_separator)
    status = _statuses(table)
    kind = _kinds(table, gross, status)
    local = local_times(table, date_order)
    lines = table.frame.select(
        pl.concat_str(_ID, "Type", separator="/").alias("entry_id"),
        LINE_NO,
        kind,
        pl.col("Type").alias("category"),
        status.alias("status"),
        _provider_ref(table, kind).alias("provider_ref"),
        _order_ref(table).alias("order_ref"),
        gross.alias("amount_minor"),
        currency.alias("currency"),
        gross.alias("settled_minor"),
        (-fee).alias("fee_minor"),
        net.alias("net_minor"),
        currency.alias("settlement_currency"),
        row_zones.times(table, local, "Time", "TimeZone").alias("occurred_at"),
        pl.lit(None, dtype=pl.Date).alias("available_on"),
        pl.when(kind == "payout").then(_ID).alias("payout_id"),
        table.optional("Payment Source").alias("method"),
        COLUMNS.raw(table).alias("raw"),
    )
    text_columns.refuse_first(
        table,
        _ID,
        ~lines["entry_id"].is_first_distinct(),
        lambda text: f"{text} stands on an earlier line with the same type",
        "export the file again: a transaction is one line of its type",
    )
    return lines.select(LINE_SCHEMA.names()).cast(LINE_SCHEMA)


def _amounts(
    table: TextTable, currency: pl.Series, decimal_separator: str
) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Gross, fee and net; here a fee that costs us is negative, and added."""
    plain = text_columns.without_groups(table, ["Gross", "Fee", "Net"], decimal_separator)
    gross, fee, net = (
        text_columns.minor_units(
            plain, column, currency, decimal_separator, empty_is_zero=column == "Fee"
        )
        for column in ("Gross", "Fee", "Net")
    )
    text_columns.refuse_first(
        table,
        "Net",
        net != gross + fee,
        lambda text: f"{text} is not gross + fee",
        "the file was edited, or has another decimal separator: say which one",
    )
    return gross, fee, net


def _statuses(table: TextTable) -> pl.Series:
    cells = text_columns.required_text(table, "Status").str.to_lowercase()
    text_columns.refuse_first(
        table,
        "Status",
        ~cells.is_in(list(STATUSES)),
        lambda text: f"{text!r} is not a status of a payment that is known",
        "export balance affecting transactions, without invoices and drafts, in English",
    )
    return cells.replace_strict(STATUSES, return_dtype=pl.String)


def _kinds(table: TextTable, gross: pl.Series, status: pl.Series) -> pl.Series:
    """By event code, else by type.

    A payment that the shop made to somebody is nothing of an order, nor is a memo: a row that
    tells of something without moving money.
    """
    code = pl.coalesce(
        table.optional("Transaction Event Code"),
        table.frame["Type"].replace_strict(CODES, default=None, return_dtype=pl.String),
    )
    memo = (table.optional("Balance Impact") == "Memo").fill_null(value=False)
    known = code.replace_strict(KINDS, default="unclassified", return_dtype=pl.String)
    other = (code.is_in(PAYMENTS) & (gross < 0)) | (memo & (status == "succeeded"))
    kinds = pl.when(other).then(pl.lit("other")).otherwise(known)
    return table.frame.select(kinds.alias("kind")).to_series()


def _provider_ref(table: TextTable, kind: pl.Series) -> pl.Expr:
    """Both legs of an exchange are known by what it was for, fees and voids by what they are of."""
    of = table.optional("Reference Txn ID")
    return (
        pl.when(kind == "conversion")
        .then(of)
        .when(kind.is_in(["fee", "reversal"]))
        .then(pl.coalesce(of, _ID))
        .otherwise(pl.col(_ID))
    )


def _order_ref(table: TextTable) -> pl.Expr:
    """The invoice, else the shop's own field; an e-mail address in one is no order."""
    own = (table.optional("Invoice Number"), table.optional("Custom Number"))
    return pl.coalesce(pl.when(~cell.str.contains(EMAIL)).then(cell) for cell in own)
