"""The balance history that Stripe's dashboard used to export, by the types of its API.

A line has the same id as in the reports, but other words: `stripe_fee` for `fee`. Two of them mean
several things. An `adjustment` is a dispute when it is about one, and anything otherwise. A
`transfer` is a payout to the bank in files of before 2017, which then names itself as what paid it
out, and one between accounts since. Times are in UTC, and some have no seconds.
"""

import re
from dataclasses import replace
from pathlib import Path

import polars as pl

from order_ops.providers.files.csv_file import TextTable, read_csv
from order_ops.providers.files.raw_columns import Columns
from order_ops.providers.files.report import ProviderReport
from order_ops.providers.files.stripe_lines import Layout, Settings, report_of

_CREATED = "Created (UTC)"

KINDS = {
    **dict.fromkeys(("charge", "payment"), "charge"),
    **dict.fromkeys(("payment_failure_refund", "payment_reversal"), "reversal"),
    **dict.fromkeys(("payment_refund", "refund", "refund_failure"), "refund"),
    **dict.fromkeys(("network_cost", "stripe_fee", "stripe_fx_fee"), "fee"),
    **dict.fromkeys(("payout", "payout_cancel", "payout_failure"), "payout"),
    **dict.fromkeys(
        (
            "advance",
            "advance_funding",
            "anticipation_repayment",
            "application_fee",
            "application_fee_refund",
            "climate_order_purchase",
            "climate_order_refund",
            "connect_collection_transfer",
            "contribution",
            "issuing_authorization_hold",
            "issuing_authorization_release",
            "issuing_dispute",
            "issuing_transaction",
            "obligation_outbound",
            "obligation_reversal_inbound",
            "payment_network_reserve_hold",
            "payment_network_reserve_release",
            "payout_minimum_balance_hold",
            "payout_minimum_balance_release",
            "reserve_hold",
            "reserve_release",
            "reserve_transaction",
            "reserved_funds",
            "tax_fee",
            "topup",
            "topup_reversal",
            "transfer",
            "transfer_cancel",
            "transfer_failure",
            "transfer_refund",
        ),
        "other",
    ),
}
"""Kind by Type, where a type has one; any other type is `unclassified`, and never dropped."""


def read(
    path: Path,
    *,
    order_ref_column: str = "order_id (metadata)",
    decimal_separator: str = ".",
) -> ProviderReport:
    """Read one export completely, or refuse it completely.

    Args:
        path: the CSV file.
        order_ref_column: metadata column with our own order reference; may be absent.
        decimal_separator: "." or ",", as the account's language writes it.

    Raises:
        ReportError: naming file, line, column and what to do; nothing of the file is returned.
    """
    table = read_csv(path)
    table.require(["Source", _CREATED])
    settings = Settings(order_ref_column, decimal_separator, "UTC")
    return report_of(_with_seconds(table), _LAYOUT, settings)


def _with_seconds(table: TextTable) -> TextTable:
    time = pl.col(_CREATED).str.replace(r"^(\d{4}-\d\d-\d\d \d\d:\d\d)$", "$1:00")
    return replace(table, frame=table.frame.with_columns(time))


def _kinds(table: TextTable) -> pl.Series:
    kind, source = pl.col("Type"), pl.col("Source")
    itself = (source == table.optional("Transfer")) | source.str.starts_with("po_")
    kinds = (
        pl.when((kind == "adjustment") & source.str.contains("^(dp|du)_"))
        .then(pl.lit("dispute"))
        .when((kind == "transfer") & itself)
        .then(pl.lit("payout"))
        .otherwise(kind.replace_strict(KINDS, default="unclassified", return_dtype=pl.String))
    )
    return table.frame.select(kinds).to_series()


def _payouts(table: TextTable, kinds: pl.Series) -> pl.Series:
    """What paid a line out; a payout names itself."""
    payout = pl.when(kinds == "payout").then(table.frame["Source"])
    return table.frame.select(pl.coalesce(payout, table.optional("Transfer"))).to_series()


_LAYOUT = Layout(
    columns=Columns(
        read=frozenset(
            {"Amount", "Available On (UTC)", _CREATED, "Currency", "Fee", "Net", "Type", "id"}
        ),
        kept=frozenset(
            {
                "Customer Facing Amount",
                "Customer Facing Currency",
                "Destination Platform Fee",
                "Destination Platform Fee Currency",
                "Source",
                "Status",
                "Transfer",
                "Transfer Date (UTC)",
                "Transfer Group",
            }
        ),
        dropped=frozenset({"Description"}),
        free=re.compile(r".* \(metadata\)"),
    ),
    kinds=_kinds,
    payouts=_payouts,
    created=(_CREATED,),
    available_on=("Available On (UTC)",),
    source="Source",
    entry_id="id",
    category="Type",
    currency="Currency",
    gross="Amount",
    fee="Fee",
    net="Net",
    customer_amount="Customer Facing Amount",
    customer_currency="Customer Facing Currency",
)
