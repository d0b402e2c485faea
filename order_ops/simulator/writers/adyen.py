"""Adyen's settlement detail report, the base file, as CSV: a batch a day, closed ones paid out.

What the file has and canonical lines have not, PSP and modification reference, is in their ids.
Times are in CET, which is one hour ahead of UTC in summer too.
"""

from datetime import timedelta
from pathlib import Path

import polars as pl

from order_ops.simulator.writers.text import empty, major, write_rows

_RESERVED = [f"Reserved{number}" for number in range(4, 11)]


def write(lines: pl.DataFrame, path: Path) -> None:
    """Write lines, columns `report.LINE_SCHEMA`, whose ids are those of the reader."""
    with path.open("wb") as file:
        write_rows(lines, file, _rows)


def _rows(lines: pl.DataFrame) -> pl.DataFrame:
    part = pl.col("entry_id").str.split("/").list
    payment = ~pl.col("kind").is_in(["payout", "fee", "other"])
    balance, local = pl.col("settlement_currency"), pl.col("occurred_at") + timedelta(hours=1)
    fee = pl.col("fee_minor")
    itemised = (pl.col("kind") == "charge") & (pl.col("settled_minor") % 2 == 0)
    interchange = pl.when(itemised).then(fee * 6 // 10).otherwise(0)
    scheme = pl.when(itemised).then(fee // 10).otherwise(0)
    markup = pl.when(itemised).then(fee - interchange - scheme).otherwise(0)
    columns = {
        "Company Account": part.get(0),
        "Merchant Account": part.get(1),
        "Psp Reference": pl.when(payment).then(part.get(4)),
        "Merchant Reference": pl.col("order_ref"),
        "Payment Method": pl.col("method"),
        "Creation Date": local.dt.strftime("%Y-%m-%d %H:%M:%S"),
        "TimeZone": pl.lit("CET"),
        "Type": pl.col("category"),
        "Modification Reference": part.get(-1),
        "Gross Currency": pl.when(payment).then(pl.col("currency")),
        "Gross Debit (GC)": _side(payment, "amount_minor", "currency", -1),
        "Gross Credit (GC)": _side(payment, "amount_minor", "currency", 1),
        **empty("Exchange Rate"),
        "Net Currency": balance,
        "Net Debit (NC)": _side(pl.lit(value=True), "net_minor", "settlement_currency", -1),
        "Net Credit (NC)": _side(pl.lit(value=True), "net_minor", "settlement_currency", 1),
        "Commission (NC)": _fee(pl.when(itemised).then(0).otherwise(fee)),
        "Markup (NC)": _fee(markup),
        "Scheme Fees (NC)": _fee(scheme),
        "Interchange (NC)": _fee(interchange),
        **empty("Payment Method Variant", "Modification Merchant Reference"),
        "Batch Number": part.get(2),
        **empty(*_RESERVED),
    }
    return lines.select(**columns)


def _side(told: pl.Expr, amount: str, currency: str, sign: int) -> pl.Expr:
    """The unsigned amount of the rows whose amount has a sign."""
    signed = pl.col(amount) * sign
    return pl.when(told & (signed > 0)).then(major(signed, pl.col(currency)))


def _fee(amount: pl.Expr) -> pl.Expr:
    return pl.when(amount != 0).then(major(amount, pl.col("settlement_currency")))
