"""Stripe's itemized payout reconciliation report (`payout_reconciliation.itemized`) as lines.

Columns are taken by name in any order. Amounts are in major units in this report, unlike in
Stripe's API; times come in `created_utc` or, in the report's own time zone, in `created`. Columns
about customers, cards and addresses never leave this module. Reading files of other providers and
giving a line its meaning for an order do not belong here.
"""

from pathlib import Path

import polars as pl

from order_ops.providers import text_columns
from order_ops.providers.csv_file import LINE_NO, TextTable, read_csv
from order_ops.providers.report import LINE_SCHEMA, ProviderReport, ReportError, totals_of
from order_ops.providers.stripe_columns import KEPT, KINDS, is_kept, is_unknown

_REQUIRED = ["balance_transaction_id", "currency", "gross", "fee", "net", "reporting_category"]

# Free text may carry what its column's name does not say: e-mail addresses, card numbers, keys.
_MASKED = (
    r"[^\s\"@]+@[^\s\"@]+|\b[0-9](?:[ -]?[0-9]){12,18}\b"
    r"|\b(?:[sr]k_(?:live|test)_|whsec_|xox[a-z]-)[\w-]+"
)


def read(
    path: Path,
    *,
    order_ref_column: str = "payment_metadata[order_id]",
    decimal_separator: str = ".",
    time_zone: str = "UTC",
) -> ProviderReport:
    """Read one report completely, or refuse it completely.

    Args:
        path: the CSV file.
        order_ref_column: metadata column with our own order reference; may be absent.
        decimal_separator: "." or ",", as the report was run with.
        time_zone: of the columns without `_utc`, as the report was run with.

    Raises:
        ReportError: naming file, line, column and what to do; nothing of the file is returned.
    """
    table = read_csv(path)
    created = "created_utc" if "created_utc" in table.frame.columns else "created"
    table.require([*_REQUIRED, created])
    lines = _lines(table, created, order_ref_column, decimal_separator, time_zone)
    once = _without_repeats(table, lines)
    return ProviderReport(
        provider="stripe",
        name=table.name,
        sha256=table.sha256,
        lines=once,
        totals=totals_of(once),
        repeated_lines=lines.height - once.height,
        unknown_columns=tuple(
            name for name in table.frame.columns if name != LINE_NO and is_unknown(name)
        ),
        time_zone=time_zone,
    )


def _lines(
    table: TextTable, created: str, order_ref_column: str, decimal_separator: str, time_zone: str
) -> pl.DataFrame:
    """Every line, canonical: columns `LINE_SCHEMA`."""
    amounts = _amounts(table, decimal_separator)
    return table.frame.select(
        pl.col("balance_transaction_id").alias("entry_id"),
        LINE_NO,
        _kind().alias("kind"),
        pl.col("reporting_category").alias("category"),
        _provider_ref(table).alias("provider_ref"),
        _optional(table, order_ref_column).alias("order_ref"),
        *amounts,
        text_columns.times(table, created, _zone_of(created, time_zone)).alias("occurred_at"),
        _available_on(table).alias("available_on"),
        _optional(table, "automatic_payout_id").alias("payout_id"),
        _raw(table, order_ref_column).alias("raw"),
    ).select(LINE_SCHEMA.names())


def _amounts(table: TextTable, decimal_separator: str) -> list[pl.Series]:
    for column in ("balance_transaction_id", "reporting_category"):
        text_columns.required_text(table, column)
    currency = text_columns.currencies(table, "currency")
    gross, fee, net = (
        text_columns.minor_units(table, column, currency, decimal_separator)
        for column in ("gross", "fee", "net")
    )
    text_columns.refuse_first(
        table,
        "net",
        net != gross - fee,
        lambda text: f"{text} is not gross - fee",
        "the file was edited or two columns are swapped: export it again",
    )
    return [
        gross.alias("amount_minor"),
        fee.alias("fee_minor"),
        net.alias("net_minor"),
        currency.alias("currency"),
    ]


def _kind() -> pl.Expr:
    return pl.col("reporting_category").replace_strict(
        KINDS, default="unclassified", return_dtype=pl.String
    )


def _provider_ref(table: TextTable) -> pl.Expr:
    """A charge is known by its intent, else by itself; anything else by the object it is about."""
    source = _optional(table, "source_id")
    payment = pl.when(source.str.contains("^(ch|py|pi)_")).then(source)
    charge = pl.coalesce(
        _optional(table, "payment_intent_id"), _optional(table, "charge_id"), payment
    )
    return pl.when(_kind() == "charge").then(charge).otherwise(source)


def _optional(table: TextTable, column: str) -> pl.Expr:
    return pl.col(column) if column in table.frame.columns else pl.lit(None, dtype=pl.String)


def _zone_of(column: str, time_zone: str) -> str:
    return "UTC" if column.endswith("_utc") else time_zone


def _available_on(table: TextTable) -> pl.Series:
    for column in ("available_on", "available_on_utc"):
        if column in table.frame.columns:
            return text_columns.dates(table, column)
    return pl.repeat(None, table.frame.height, dtype=pl.Date, eager=True)


def _raw(table: TextTable, order_ref_column: str) -> pl.Expr:
    apart = {order_ref_column, LINE_NO}
    kept = [name for name in table.frame.columns if is_kept(name) and name not in apart]
    if not kept:
        return pl.lit("{}")
    cells = [
        pl.col(name) if name in KEPT else pl.col(name).str.replace_all(_MASKED, "***")
        for name in kept
    ]
    return pl.struct(cells).struct.json_encode()


def _without_repeats(table: TextTable, lines: pl.DataFrame) -> pl.DataFrame:
    """Keep the first of lines that say the same; the same id saying two things is refused."""
    once = lines.unique(
        [name for name in lines.columns if name != LINE_NO], keep="first", maintain_order=True
    )
    again = once.filter(~pl.col("entry_id").is_first_distinct())
    if again.height:
        row = again.row(0, named=True)
        raise ReportError(
            table.name,
            f"{row['entry_id']} stands on an earlier line with other content",
            "ask the provider which line is right, and export the file again",
            line=row[LINE_NO],
            column="balance_transaction_id",
        )
    return once
