"""Ids for the rows of Adyen's settlement report, which has none of its own.

An id must be the same whenever the same booking is read: in a file whose rows or columns were
reordered, or in one that repeats an earlier file. And it must not change with a figure, because a
row that comes again with another amount is a contradiction and not a second booking.
"""

import polars as pl

from order_ops.providers.files.csv_file import TextTable

_CONTENT = [
    "occurred_at", "amount_minor", "currency", "settled_minor", "fee_minor", "net_minor",
    "settlement_currency", "order_ref",
]  # fmt: skip


def entry_ids(table: TextTable, lines: pl.DataFrame, batch: pl.Series) -> pl.Series:
    """One id per row, unique in the file.

    A row of a payment is `batch/type/psp reference/modification reference`: a payment is captured,
    refunded and disputed under references of its own, and may be in several batches. A row of none,
    such as a payout or a monthly fee, has no PSP reference, and often no reference at all:
    `batch/type/currency/time/modification reference`.

    Rows that share all of this are counted `#2`, `#3` in the order of their content, not of the
    file. They are two bookings: Adyen's batch only adds up with both. If they are one payment
    booked twice, that is a finding of the reconciliation, and dropping one here would hide it.

    Args:
        table: the rows as text.
        lines: the same rows with the canonical columns of money and time.
        batch: of each row, with the accounts that its number counts in.
    """
    payment = ["Psp Reference", "Modification Reference"]
    other = ["settlement_currency", "time", "Modification Reference"]
    rows = table.frame.with_columns(
        *lines.select(_CONTENT),
        batch.alias("batch"),
        lines["occurred_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("time"),
    )
    common = ["batch", "Type"]
    base = pl.when(pl.col("Psp Reference").is_not_null()).then(_joined(common + payment))
    keyed = rows.with_columns(base.otherwise(_joined(common + other)).alias("entry_id"))
    return _counted(keyed)


def _joined(columns: list[str]) -> pl.Expr:
    return pl.concat_str(pl.col(columns).fill_null(""), separator="/")


def _counted(rows: pl.DataFrame) -> pl.Series:
    ids = rows["entry_id"]
    again = ~ids.is_unique()
    if not again.any():
        return ids
    places = again.arg_true()
    numbered = (
        rows.filter(again)
        .select("entry_id", *_CONTENT, places.alias("place"))
        .sort("entry_id", *_CONTENT, nulls_last=True)
        .with_columns(pl.int_range(1, pl.len() + 1).over("entry_id").alias("number"))
        .sort("place")
    )
    suffix = pl.when(pl.col("number") > 1).then("#" + pl.col("number").cast(pl.String))
    told = numbered.select(pl.col("entry_id") + suffix.otherwise(pl.lit("")))
    return ids.clone().scatter(places, told.to_series())
