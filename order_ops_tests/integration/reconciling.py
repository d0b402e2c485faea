"""Reconciling days of the shop's card account in a test: a provider's file, runs, the tables."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import text

from order_ops.jobs.days.reconcile import reconcile_day, snapshot_internal
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.reconciliation.rules import load_rules
from order_ops_tests.integration.conftest import Shop

HEADER = (
    "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,"
    "reporting_category,payment_intent_id,charge_id,source_id,payment_metadata[order_id]"
)
RESULTS = (
    "payment_matches",
    "match_members",
    "reconciliation_breaks",
    "break_members",
    "match_proposals",
    "proposal_members",
    "reconciliation_bridge",
    "carry",
)
DAYS = [date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 11), date(2026, 3, 12)]


def stripe_file(folder: Path, name: str, lines: Sequence[tuple[str, str, str, int]]) -> Path:
    """A Stripe report; lines are (line id, day, order, amount in minor units)."""
    rows = [
        f"{line},{day} 15:00:00,{day} 15:00:00,brl,{amount / 100:.2f},0.00,{amount / 100:.2f},"
        f"charge,pi_{order},ch_{order},ch_{order},{order}"
        for line, day, order, amount in lines
    ]
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def reconciled(shop: Shop, *days: date, run_id: str = "r") -> dict[date, Any]:
    """Read and reconcile days, as the job does; their summaries."""
    found = {}
    for day in days:
        account_day = AccountDay(day, "shop-cards")
        snapshot_internal(shop.pool, shop.mapping, account_day)
        done = reconcile_day(shop.pool, shop.mapping, load_rules(), account_day, run_id)
        found[day] = done.summary
    return found


def tables(shop: Shop) -> dict[str, list[Any]]:
    """Every row of the results."""
    with shop.pool.connect() as connection:
        return {
            table: connection.execute(text(f"SELECT t::text FROM recon.{table} t ORDER BY 1"))
            .scalars()
            .all()
            for table in RESULTS
        }
