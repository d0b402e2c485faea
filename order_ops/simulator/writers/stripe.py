"""Stripe's itemized payout reconciliation report (`payout_reconciliation.itemized.5`) as CSV.

Times in UTC, amounts in major units with a point, our order id as payment metadata.
"""

from pathlib import Path

import polars as pl

from order_ops.simulator.writers.text import empty, major, write_rows


def write(lines: pl.DataFrame, path: Path) -> None:
    """Write lines, columns `report.LINE_SCHEMA`, all of which have succeeded."""
    with path.open("wb") as file:
        write_rows(lines, file, _rows)


def _rows(lines: pl.DataFrame) -> pl.DataFrame:
    payment = pl.col("kind").is_in(["charge", "reversal"])
    of_order = pl.col("kind").is_in(["charge", "refund"])
    reference, balance = pl.col("provider_ref"), pl.col("settlement_currency")
    stamp = pl.col("available_on").dt.strftime("%Y-%m-%d 00:00:00")
    customer = major(pl.col("amount_minor").abs(), pl.col("currency"))
    return lines.select(
        pl.col("entry_id").alias("balance_transaction_id"),
        pl.col("order_ref").alias("payment_metadata[order_id]"),
        source_id=pl.when(~payment).then(reference),
        payment_intent_id=pl.when(payment).then(reference),
        created_utc=pl.col("occurred_at").dt.strftime("%Y-%m-%d %H:%M:%S"),
        available_on_utc=stamp,
        automatic_payout_effective_at_utc=pl.when(pl.col("payout_id").is_not_null()).then(stamp),
        currency=balance.str.to_lowercase(),
        gross=major(pl.col("settled_minor"), balance),
        fee=major(pl.col("fee_minor"), balance),
        net=major(pl.col("net_minor"), balance),
        reporting_category=pl.col("category"),
        payment_method_type=pl.col("method"),
        **empty("card_brand", "card_country", "card_funding", "description", "trace_id_status"),
        automatic_payout_id=pl.col("payout_id"),
        customer_facing_amount=pl.when(of_order).then(customer),
        customer_facing_currency=pl.when(of_order).then(pl.col("currency").str.to_lowercase()),
    )
