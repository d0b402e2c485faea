"""Stripe's itemized payouts report (`payouts.itemized`): payouts and what took some of them back.

Every line is a balance transaction that has been made, whatever became of it at the bank: a payout
that failed stays one, and its `payout_reversal` is another. `payout_status` is kept as Stripe's
word for it. `available_on` is when the money is expected in the bank.
"""

from pathlib import Path

import polars as pl

from order_ops.providers.files.csv_file import TextTable, read_csv
from order_ops.providers.files.raw_columns import Columns
from order_ops.providers.files.report import ProviderReport
from order_ops.providers.files.stripe_lines import Layout, Settings, report_of
from order_ops.providers.files.stripe_report import kinds


def read(path: Path, *, decimal_separator: str = ".", time_zone: str = "UTC") -> ProviderReport:
    """Read one report completely, or refuse it completely.

    Args:
        path: the CSV file.
        decimal_separator: "." or ",", as the report was run with.
        time_zone: of `effective_at`, as the report was run with.

    Raises:
        ReportError: naming file, line, column and what to do; nothing of the file is returned.
    """
    table = read_csv(path)
    table.require(["payout_id"])
    return report_of(table, _LAYOUT, Settings("", decimal_separator, time_zone))


def _payouts(table: TextTable, _kinds: pl.Series) -> pl.Series:
    return table.frame["payout_id"]


_LAYOUT = Layout(
    columns=Columns(
        read=frozenset(
            {
                "balance_transaction_id",
                "currency",
                "effective_at",
                "effective_at_utc",
                "fee",
                "gross",
                "net",
                "payout_expected_arrival_date",
                "reporting_category",
            }
        ),
        kept=frozenset(
            {
                "payout_destination_id",
                "payout_id",
                "payout_reversed_at",
                "payout_reversed_at_utc",
                "payout_status",
                "payout_type",
                "trace_id",
                "trace_id_status",
            }
        ),
        dropped=frozenset({"description", "payout_description"}),
    ),
    kinds=kinds,
    payouts=_payouts,
    created=("effective_at_utc", "effective_at"),
    available_on=("payout_expected_arrival_date",),
    source="payout_id",
)
