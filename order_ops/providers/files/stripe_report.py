"""Stripe's itemized reports of balance transactions, as its reporting categories call them.

The payout reconciliation report (`payout_reconciliation.itemized`), where a line knows its payment
and its payout, and the balance report (`balance_change_from_activity.itemized`), which with the
default columns knows neither. They are one format, and one line has one id in both. Times come in
`created_utc` or, in the report's own time zone, in `created`. Columns about customers, cards and
addresses never leave this module.
"""

from pathlib import Path

import polars as pl

from order_ops.providers.files.csv_file import TextTable, read_csv
from order_ops.providers.files.report import ProviderReport
from order_ops.providers.files.stripe_columns import COLUMNS, KINDS
from order_ops.providers.files.stripe_lines import Layout, Settings, report_of


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
    settings = Settings(order_ref_column, decimal_separator, time_zone)
    return report_of(read_csv(path), _LAYOUT, settings)


def kinds(table: TextTable) -> pl.Series:
    """Kind of each line by its reporting category."""
    return table.frame["reporting_category"].replace_strict(
        KINDS, default="unclassified", return_dtype=pl.String
    )


def _payouts(table: TextTable, _kinds: pl.Series) -> pl.Series:
    return table.optional("automatic_payout_id")


_LAYOUT = Layout(
    columns=COLUMNS,
    kinds=kinds,
    payouts=_payouts,
    created=("created_utc", "created"),
    available_on=("available_on", "available_on_utc"),
)
