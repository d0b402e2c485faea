"""The body of PayPal's settlement and transaction detail reports as canonical lines.

A gross has the sign of its side; a fee is positive where it costs us. Both are in the currency of
one balance: an exchange is a pair of rows of its own, linked by PayPal's reference.
"""

import polars as pl

from order_ops.providers.files import paypal_amounts, text_columns
from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.paypal_amounts import FEE, GROSS
from order_ops.providers.files.paypal_columns import COLUMNS, KINDS, PAYMENTS, STATUS, STATUSES
from order_ops.providers.files.raw_columns import EMAIL
from order_ops.providers.files.report import LINE_SCHEMA, ReportError

_CODE = "Transaction Event Code"
_ID = "Transaction ID"


def money_of(table: TextTable) -> pl.DataFrame:
    """Currency, gross and fee of each row, in signed hundredths: what its footers add up."""
    return pl.DataFrame(
        {
            "currency": paypal_amounts.balances(table),
            "gross": paypal_amounts.hundredths(table, *GROSS),
            "fee": paypal_amounts.hundredths(table, *FEE),
        }
    )


def statuses(table: TextTable) -> pl.Series:
    """Status of each row; those of the settlement report have all moved money."""
    if STATUS not in table.columns:
        return pl.repeat("succeeded", table.frame.height, dtype=pl.String, eager=True)
    cells = text_columns.required_text(table, STATUS)
    text_columns.refuse_first(
        table,
        STATUS,
        ~cells.is_in(list(STATUSES)),
        lambda text: f"{text!r} is not a status that is known",
        f"ask PayPal whether it moved money; known: {', '.join(STATUSES)}",
    )
    return cells.replace_strict(STATUSES, return_dtype=pl.String)


def lines_of(table: TextTable, money: pl.DataFrame) -> pl.DataFrame:
    """Every row, canonical: columns `LINE_SCHEMA`.

    A transaction id alone is not unique: PayPal lists one that holds money and one that moves it
    under the same. `entry_id` is the id and the event code.

    Args:
        table: the rows as text.
        money: see `money_of`.
    """
    text_columns.required_text(table, _ID)
    text_columns.required_text(table, _CODE)
    gross, fee = (
        paypal_amounts.minor_units(table, column, money[name], money["currency"])
        for column, name in ((GROSS[0], "gross"), (FEE[0], "fee"))
    )
    lines = table.frame.select(
        pl.concat_str(_ID, _CODE, separator="/").alias("entry_id"),
        LINE_NO,
        _kind().alias("kind"),
        pl.col(_CODE).alias("category"),
        statuses(table).alias("status"),
        _provider_ref().alias("provider_ref"),
        _order_ref().alias("order_ref"),
        gross.alias("amount_minor"),
        money["currency"],
        gross.alias("settled_minor"),
        (-fee).alias("fee_minor"),
        (gross + fee).alias("net_minor"),
        money["currency"].alias("settlement_currency"),
        _occurred_at(table).alias("occurred_at"),
        pl.lit(None, dtype=pl.Date).alias("available_on"),
        pl.when(_kind() == "payout").then(_ID).alias("payout_id"),
        table.optional("Payment Source").alias("method"),
        COLUMNS.raw(table).alias("raw"),
    )
    _refuse_twice(table, lines["entry_id"])
    return lines.select(LINE_SCHEMA.names()).cast(LINE_SCHEMA)


def _kind() -> pl.Expr:
    """By event code; a payment that the shop made to somebody is nothing of an order."""
    known = pl.col(_CODE).replace_strict(KINDS, default="unclassified", return_dtype=pl.String)
    paid = pl.col(_CODE).is_in(PAYMENTS) & (pl.col(GROSS[1]) == "DR")
    return pl.when(paid).then(pl.lit("other")).otherwise(known)


def _provider_ref() -> pl.Expr:
    """Both legs of an exchange are known by what it was for, fees and voids by what they are of."""
    reference = pl.col("PayPal Reference ID")
    transaction = pl.when(pl.col("PayPal Reference ID Type") == "TXN").then(reference)
    return (
        pl.when(_kind() == "conversion")
        .then(reference)
        .when(_kind().is_in(["fee", "reversal"]))
        .then(pl.coalesce(transaction, _ID))
        .otherwise(pl.col(_ID))
    )


def _order_ref() -> pl.Expr:
    """The invoice, else the shop's own field; an e-mail address in one is no order."""
    own = (pl.col("Invoice ID"), pl.col("Custom Field"))
    return pl.coalesce(pl.when(~cell.str.contains(EMAIL)).then(cell) for cell in own)


def _occurred_at(table: TextTable) -> pl.Series:
    """When it was completed, or begun where it is not complete; each time has its own offset."""
    done, begun = "Transaction Completion Date", "Transaction Initiation Date"
    cells = table.frame.select(pl.coalesce(done, begun)).to_series()
    times = cells.str.to_datetime("%Y/%m/%d %H:%M:%S %z", time_unit="us", strict=False)
    text_columns.refuse_first(
        table,
        done,
        times.is_null() | ~cells.str.contains(r"^\d{4}(?:/\d\d){2} \d\d(?::\d\d){2} [+-]\d{4}$"),
        lambda text: f"{text!r} is not a time like 2026/01/31 23:59:59 -0800",
        "export the file again and do not save it from a spreadsheet",
    )
    return times


def _refuse_twice(table: TextTable, ids: pl.Series) -> None:
    """The totals count both, so that one row less is a loss and one more may be a double."""
    again = ~ids.is_first_distinct()
    if again.any():
        row = table.frame.filter(again).row(0, named=True)
        raise ReportError(
            table.name,
            f"{row[_ID]} stands on an earlier line with the same event code",
            "ask PayPal whether it happened once or twice",
            line=row[LINE_NO],
            column=_ID,
        )
