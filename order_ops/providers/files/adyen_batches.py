"""Batches of an Adyen settlement report: what was paid out together, and that it adds up.

Adyen closes a batch with a `MerchantPayout`, or carries what is left to the next one with a
`Balancetransfer`; with those rows the net of a closed batch is zero in each currency. Reading
single rows does not belong here.
"""

import polars as pl

from order_ops.domain.money import format_minor
from order_ops.providers.files.adyen_columns import PAYOUT, TRANSFER
from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.report import ReportError
from order_ops.providers.files.text_columns import integers, required_text


def batch_of(table: TextTable) -> pl.Series:
    """`company/merchant/batch` of each row: batch numbers count per account."""
    numbers = integers(table, "Batch Number").cast(pl.String)
    accounts = [required_text(table, name) for name in ("Company Account", "Merchant Account")]
    parts = dict(zip("cmb", (*accounts, numbers), strict=True))
    return pl.DataFrame(parts).select(pl.concat_str("c", "m", "b", separator="/")).to_series()


def closed_batches(
    table: TextTable, batch: pl.Series, net: pl.Series, currency: pl.Series
) -> pl.Series:
    """The batch of each row, null while the batch is open.

    A batch with a payout is closed. One without is closed when it has carried all that it had to
    the next one, as Adyen does with a negative batch; else it adds up to what is still owed.

    Args:
        table: the rows.
        batch: see `batch_of`.
        net: what each row moved the balance by, in minor units.
        currency: of `net`.

    Raises:
        ReportError: the net of a batch with a payout is not zero in each of its currencies.
    """
    kind = table.frame["Type"].fill_null("")
    rows = pl.DataFrame(
        {
            "batch": batch,
            "net": net,
            "currency": currency,
            LINE_NO: table.frame[LINE_NO],
            "paid": kind == PAYOUT,
            "carried": kind == TRANSFER,
        }
    )
    sums = _sums(rows)
    for row in sums.filter(pl.col("paid") & (pl.col("left") != 0)).iter_rows(named=True):
        _refuse(table, row)
    settled = (pl.col("left") == 0).all().over("batch") & pl.col("carried")
    closed = sums.filter(pl.col("paid") | settled)["batch"].unique()
    told = pl.when(pl.col("batch").is_in(closed.implode())).then("batch")
    return rows.select(told.alias("payout_id")).to_series()


def _sums(rows: pl.DataFrame) -> pl.DataFrame:
    """Per batch and currency what came in, went out and is left, by the line of the payout.

    `paid` and `carried`: whether the batch has a payout, or a transfer, in any currency.
    """
    sums = rows.group_by("batch", "currency").agg(
        pl.col("net").clip(lower_bound=0).sum().alias("credits"),
        pl.col("net").clip(upper_bound=0).sum().alias("debits"),
        pl.col("net").sum().alias("left"),
        pl.col(LINE_NO).filter("paid").max().fill_null(pl.col(LINE_NO).max()),
        pl.col("paid", "carried").any(),
    )
    return sums.with_columns(pl.col("paid", "carried").any().over("batch")).sort(LINE_NO)


def _refuse(table: TextTable, row: dict[str, str | int]) -> None:
    code = str(row["currency"])
    figures = (int(row["credits"]), -int(row["debits"]), int(row["left"]))
    made, taken, left = (format_minor(figure, code) for figure in figures)
    raise ReportError(
        table.name,
        f"batch {row['batch']} does not close: credits of {made} less debits of {taken}, its "
        f"payout and transfers among them, leave {left}",
        "a row is missing or was changed: download the report of the batch again",
        line=int(row[LINE_NO]),
        column="Net Credit (NC)",
    )


def numbers_of(batch: pl.Series) -> dict[str, tuple[int, ...]]:
    """The numbers of the file's batches, by the merchant account that they count in."""
    found: dict[str, list[int]] = {}
    for one in batch.unique().sort():
        account, _, number = one.rpartition("/")
        found.setdefault(account, []).append(int(number))
    return {account: tuple(sorted(numbers)) for account, numbers in found.items()}
