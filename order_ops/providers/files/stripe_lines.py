"""What Stripe's files have in common: balance transactions in major units, one per line.

Columns are taken by name in any order. Amounts are in major units, unlike in Stripe's API, and net
is gross less fee. How the columns of one of the files are called is its `Layout`; the files
themselves belong in modules of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from order_ops.providers.files import text_columns
from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.raw_columns import Columns
from order_ops.providers.files.repeats import without_repeats
from order_ops.providers.files.report import LINE_SCHEMA, ProviderReport, totals_of


@dataclass(frozen=True, slots=True)
class Layout:
    """How one of Stripe's files calls its columns; of several names the first that is there.

    Attributes:
        columns: what may be kept of them.
        kinds: the kind of each line.
        payouts: what paid each line out, from the table and the kinds.
        created: when it happened, in UTC where the name says so. One of them is required.
        available_on: when the money is available, or expected in the bank.
        source: the object that the line is about.
        entry_id, category, currency, gross, fee, net: required.
        customer_amount, customer_currency: what the customer paid, where Stripe exchanged it.
    """

    columns: Columns
    kinds: Callable[[TextTable], pl.Series]
    payouts: Callable[[TextTable, pl.Series], pl.Series]
    created: tuple[str, ...]
    available_on: tuple[str, ...]
    source: str = "source_id"
    entry_id: str = "balance_transaction_id"
    category: str = "reporting_category"
    currency: str = "currency"
    gross: str = "gross"
    fee: str = "fee"
    net: str = "net"
    customer_amount: str = "customer_facing_amount"
    customer_currency: str = "customer_facing_currency"

    @property
    def required(self) -> list[str]:
        """The columns that a file cannot lack, beside one of `created`."""
        return [self.entry_id, self.currency, self.gross, self.fee, self.net, self.category]


@dataclass(frozen=True, slots=True)
class Settings:
    """What cannot be told from a file: its order reference (or none), separator and time zone."""

    order_ref_column: str
    decimal_separator: str
    time_zone: str


def report_of(table: TextTable, layout: Layout, settings: Settings) -> ProviderReport:
    """The lines of a file, in file order; what is said again is one line.

    Raises:
        ReportError: naming file, line, column and what to do; nothing of the file is returned.
    """
    table.require([*layout.required, _first(table, layout.created) or layout.created[-1]])
    lines = _lines(table, layout, settings)
    once = without_repeats(table, lines, layout.entry_id)
    return ProviderReport(
        provider="stripe",
        name=table.name,
        sha256=table.sha256,
        lines=once,
        totals=totals_of(once),
        repeated_lines=lines.height - once.height,
        unknown_columns=layout.columns.unknown(table),
        time_zone=settings.time_zone,
    )


def _first(table: TextTable, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _lines(table: TextTable, layout: Layout, settings: Settings) -> pl.DataFrame:
    """Every line, canonical: columns `LINE_SCHEMA`."""
    for column in (layout.entry_id, layout.category):
        text_columns.required_text(table, column)
    kind = layout.kinds(table).alias("kind")
    return table.frame.select(
        pl.col(layout.entry_id).alias("entry_id"),
        LINE_NO,
        kind,
        pl.col(layout.category).alias("category"),
        pl.lit("succeeded").alias("status"),
        _provider_ref(table, layout, kind).alias("provider_ref"),
        table.optional(settings.order_ref_column).alias("order_ref"),
        *_amounts(table, layout, settings.decimal_separator),
        _created(table, layout, settings.time_zone).alias("occurred_at"),
        _available_on(table, layout).alias("available_on"),
        layout.payouts(table, kind).alias("payout_id"),
        table.optional("payment_method_type").alias("method"),
        layout.columns.raw(table, {settings.order_ref_column}).alias("raw"),
    ).select(LINE_SCHEMA.names())


def _amounts(table: TextTable, layout: Layout, decimal_separator: str) -> list[pl.Series]:
    balance = text_columns.currencies(table, layout.currency)
    gross, fee, net = (
        text_columns.minor_units(table, column, balance, decimal_separator)
        for column in (layout.gross, layout.fee, layout.net)
    )
    text_columns.refuse_first(
        table,
        layout.net,
        net != gross - fee,
        lambda text: f"{text} is not {layout.gross} - {layout.fee}",
        "the file was edited or two columns are swapped: export it again",
    )
    amount, currency = _of_customer(table, layout, gross, balance, decimal_separator)
    return [
        amount.alias("amount_minor"),
        currency.alias("currency"),
        gross.alias("settled_minor"),
        fee.alias("fee_minor"),
        net.alias("net_minor"),
        balance.alias("settlement_currency"),
    ]


def _of_customer(
    table: TextTable, layout: Layout, gross: pl.Series, balance: pl.Series, decimal_separator: str
) -> tuple[pl.Series, pl.Series]:
    """What the customer paid and in which currency: another one where Stripe exchanged it."""
    amount, currency = layout.customer_amount, layout.customer_currency
    if not {amount, currency} <= set(table.columns):
        return gross, balance
    exchanged = table.frame[currency].str.to_uppercase().ne_missing(balance)
    exchanged &= table.frame[currency].is_not_null()
    kept = table.where(exchanged)
    codes = text_columns.currencies(kept, currency)
    amounts = text_columns.minor_units(kept, amount, codes, decimal_separator).abs()
    signed = amounts * gross.filter(exchanged).sign()
    places = exchanged.arg_true()
    return gross.clone().scatter(places, signed), balance.clone().scatter(places, codes)


def _provider_ref(table: TextTable, layout: Layout, kind: pl.Series) -> pl.Expr:
    """A charge is known by its intent, else by itself; anything else by the object it is about."""
    source = table.optional(layout.source)
    payment = pl.when(source.str.contains("^(ch|py|pi)_")).then(source)
    charge = pl.coalesce(table.optional("payment_intent_id"), table.optional("charge_id"), payment)
    return pl.when(kind.is_in(["charge", "reversal"])).then(charge).otherwise(source)


def _created(table: TextTable, layout: Layout, time_zone: str) -> pl.Series:
    column = _first(table, layout.created) or layout.created[-1]
    return text_columns.times(table, column, "UTC" if "utc" in column.lower() else time_zone)


def _available_on(table: TextTable, layout: Layout) -> pl.Series:
    column = _first(table, layout.available_on)
    if column is not None:
        return text_columns.dates(table, column)
    return pl.repeat(None, table.frame.height, dtype=pl.Date, eager=True)
