"""Amounts of an Adyen settlement row: unsigned debits and credits become one signed figure.

The gross is in the shopper's currency, net and fees in that of the account's balance. All figures
are in major units with a point. What a batch adds up to belongs in `adyen_batches`.
"""

import polars as pl

from order_ops.domain.money import format_minor
from order_ops.providers.files import text_columns
from order_ops.providers.files.adyen_columns import ALL_FEES, DCC_FEE, FEES
from order_ops.providers.files.csv_file import TextTable

_EDITED = "the file was edited or two columns are swapped: export it again"


def amounts(table: TextTable) -> list[pl.Series]:
    """The six columns of money of the canonical lines, in their order.

    Net is what the balance moved by, and settled is net + fee. A row without a gross of its own,
    such as a payout or a fee, has its settled amount as amount. A net debit is legal for any type:
    the fees of a small payment may exceed it.

    Raises:
        ReportError: a negative debit or credit, both filled, or figures that contradict each other.
    """
    balance = text_columns.currencies(table, "Net Currency")
    net = _signed(table, "Net Debit (NC)", "Net Credit (NC)", balance)
    fee = _fee(table, balance)
    settled = net + fee
    shopper = text_columns.currencies(table, "Gross Currency", balance)
    gross = _signed(table, "Gross Debit (GC)", "Gross Credit (GC)", shopper)
    _refuse_no_currency(table, gross)
    stated = gross != 0
    _refuse_contradiction(table, gross, settled, balance, stated & (shopper == balance))
    figures = {"gross": gross, "settled": settled, "stated": stated}
    money = pl.DataFrame(figures | {"shopper": shopper, "balance": balance})
    own = money.select(
        pl.when("stated").then("gross").otherwise("settled").alias("amount_minor"),
        pl.when("stated").then("shopper").otherwise("balance").alias("currency"),
    )
    return [
        *own,
        settled.alias("settled_minor"),
        fee.alias("fee_minor"),
        net.alias("net_minor"),
        balance.alias("settlement_currency"),
    ]


def _signed(table: TextTable, debit: str, credit: str, currency: pl.Series) -> pl.Series:
    """Credit less debit; a zero beside the other column is as good as an empty cell."""
    sides = {
        column: text_columns.minor_units(table, column, currency, empty_is_zero=True)
        for column in (debit, credit)
    }
    for column, values in sides.items():
        text_columns.refuse_first(
            table,
            column,
            values < 0,
            lambda text: f"{text} is negative where the column itself says the direction",
            "export the file again: debits and credits are unsigned",
        )
    text_columns.refuse_first(
        table,
        credit,
        (sides[debit] != 0) & (sides[credit] != 0),
        lambda text: f"{text} stands beside a figure in {debit}",
        "a row is a debit or a credit: export the file again",
    )
    return sides[credit] - sides[debit]


def _fee(table: TextTable, currency: pl.Series) -> pl.Series:
    """What the row costs us; `Payment Fees (NC)` is the sum of the others and counts once."""
    parts = _sum(table, FEES, currency)
    fee = parts + _sum(table, [DCC_FEE], currency)
    if ALL_FEES not in table.columns:
        return fee
    told = _sum(table, [ALL_FEES], currency)
    filled = [table.optional(column).is_not_null() for column in (*FEES, DCC_FEE)]
    itemised = pl.select(pl.any_horizontal(filled)).to_series()
    text_columns.refuse_first(
        table,
        ALL_FEES,
        itemised & table.frame[ALL_FEES].is_not_null() & (told != parts) & (told != fee),
        lambda text: f"{text} is not the sum of the fee columns",
        _EDITED,
    )
    return pl.select(pl.when(itemised).then(fee).otherwise(told)).to_series()


def _sum(table: TextTable, columns: list[str], currency: pl.Series) -> pl.Series:
    total = pl.repeat(0, table.frame.height, dtype=pl.Int64, eager=True)
    for column in columns:
        if column in table.columns:
            total += text_columns.minor_units(table, column, currency, empty_is_zero=True)
    return total


def _refuse_no_currency(table: TextTable, gross: pl.Series) -> None:
    text_columns.refuse_first(
        table,
        "Gross Currency",
        (gross != 0) & table.frame["Gross Currency"].is_null(),
        lambda _: "the cell is empty beside a gross amount",
        "fill it or export again",
    )


def _refuse_contradiction(
    table: TextTable, gross: pl.Series, settled: pl.Series, currency: pl.Series, same: pl.Series
) -> None:
    """Without an exchange the gross is the net and the fees, to the unit."""
    bad = same & (gross != settled)
    if not bad.any():
        return
    row = bad.arg_true()[0]
    told, made = (format_minor(figure[row], currency[row]) for figure in (gross, settled))
    text_columns.refuse_first(
        table,
        "Net Credit (NC)",
        bad,
        lambda _: f"net and fees make {made}, gross is {told}",
        _EDITED,
    )
