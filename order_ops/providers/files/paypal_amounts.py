"""PayPal's amounts: unsigned hundredths with CR or DR beside them, whatever the currency is.

15000 is 150.00 dollars, and 150 yen. A currency with three decimals does not fit into hundredths,
so that an amount in one would have lost something: it is refused, and PayPal holds no such balance.
"""

import polars as pl

from order_ops.domain.money import INT64_DIGITS, minor_exponent
from order_ops.providers.files import text_columns
from order_ops.providers.files.csv_file import TextTable

GROSS = ("Gross Transaction Amount", "Transaction Debit or Credit")
FEE = ("Fee Amount", "Fee Debit or Credit")


def hundredths(table: TextTable, amount: str, side: str) -> pl.Series:
    """Hundredths of the currency's unit, negative for DR; an empty cell is zero.

    Raises:
        ReportError: no unsigned whole number, or an amount that is neither CR nor DR.
    """
    cells = table.frame[amount].fill_null("0")
    text_columns.refuse_first(
        table,
        amount,
        ~cells.str.contains(rf"^[0-9]{{1,{INT64_DIGITS}}}$"),
        lambda text: f"{text!r} is not an unsigned whole number of hundredths",
        "export the file again: amounts have no sign, point or comma",
    )
    values = cells.cast(pl.Int64)
    sides = table.frame[side]
    known = sides.is_in(["CR", "DR"]).fill_null(value=False)
    text_columns.refuse_first(
        table,
        side,
        ~known & (sides.is_not_null() | (values != 0)),
        lambda text: f"{text!r} is neither CR nor DR",
        "export the file again: without it an amount has no direction",
    )
    signs = pl.select(pl.when(sides == "DR").then(-1).otherwise(1).cast(pl.Int64)).to_series()
    return (values * signs).alias(amount)


def balances(table: TextTable) -> pl.Series:
    """The currency of each row, of which there is one: a fee has that of its payment.

    Raises:
        ReportError: no currency, one whose unit has not 0 or 2 decimals, or a fee in another one.
    """
    codes = text_columns.currencies(table, "Gross Transaction Currency")
    for code in codes.unique().sort():
        if minor_exponent(code) not in {0, 2}:
            text_columns.refuse_first(
                table,
                "Gross Transaction Currency",
                codes == code,
                lambda text: f"{text} does not fit into PayPal's hundredths",
                "ask PayPal how amounts in this currency are written",
            )
    other = table.frame["Fee Currency"].str.to_uppercase().ne_missing(codes)
    text_columns.refuse_first(
        table,
        "Fee Currency",
        other & (table.frame["Fee Amount"].fill_null("0") != "0"),
        lambda text: f"the fee is in {text or 'no currency'}, the amount in another one",
        "ask PayPal what was taken: there is no net of two currencies",
    )
    return codes


def minor_units(table: TextTable, column: str, values: pl.Series, currency: pl.Series) -> pl.Series:
    """Hundredths as minor units of each row's currency, exactly."""
    whole = currency.is_in([code for code in currency.unique() if not minor_exponent(code)])
    text_columns.refuse_first(
        table,
        column,
        whole & (values % 100 != 0),
        lambda text: f"{text} hundredths are not a whole amount of a currency without decimals",
        "ask PayPal what amount was meant: it writes 15000 for 150 yen",
    )
    return pl.select(pl.when(whole).then(values // 100).otherwise(values)).to_series()
