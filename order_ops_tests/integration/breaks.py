"""A shop with breaks, and people with roles."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from order_ops.cli import app
from order_ops.jobs.days.reconcile import reconcile_day, snapshot_internal
from order_ops.jobs.days.reconciliation_days import AccountDay, take_due
from order_ops.jobs.files.ingest import ingest
from order_ops.reconciliation.rules import load_rules
from order_ops.settings import get_settings
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import NOW, created, paid, reserved

DAYS = [date(2026, 3, day) for day in (10, 11, 12)]
ACCOUNT = "shop-cards"
HEADER = (
    "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,"
    "reporting_category,payment_intent_id,charge_id,source_id,payment_metadata[order_id]"
)
ROLES = """
version: 1
roles:
  ana: [finance]
  ben: [finance, approver]
  cleo: [approver]
  olga: [operator]
write_off_minor: {BRL: 100}
"""


def order_ops(*arguments: str | Path, by: str = "ana") -> Result:
    wide = {"COLUMNS": "300", "TERM": "dumb", "ORDER_OPS_ACTOR": by}
    return CliRunner().invoke(app, [str(one) for one in arguments], env=wide)


def done(*arguments: str | Path, by: str = "ana") -> str:
    result = order_ops("breaks", *arguments, by=by)
    assert result.exit_code == 0, (result.output, result.exc_info)
    return result.stdout


def refused(*arguments: str | Path, by: str = "ana") -> str:
    result = order_ops("breaks", *arguments, by=by)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert "Traceback" not in result.stderr
    return result.stderr


def listed(*filters: str) -> dict[str, Any]:
    """Standing breaks by their order."""
    return {one["order_ref"]: one for one in json.loads(done("list", "--json", "-", *filters))}


def lines_of(
    shop: Shop,
    folder: Path,
    name: str,
    lines: Sequence[tuple[str, str, str, int]],
    payment: str | None = None,
) -> None:
    """A Stripe report comes; lines are (line id, day, order, minor units).

    The provider's reference is `payment`, else that of the order's payment.
    """
    rows = [
        f"{line},{day} 15:00:00,{day} 15:00:00,brl,{amount / 100:.2f},0.00,{amount / 100:.2f},"
        f"charge,{payment or f'pi_{order}'},ch_{order},ch_{order},{order}"
        for line, day, order, amount in lines
    ]
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    ingest(shop.pool, shop.mapping.account(ACCOUNT), path)


def run_days(shop: Shop, *days: date) -> dict[date, Any]:
    found = {}
    for day in days:
        account_day = AccountDay(day, ACCOUNT)
        snapshot_internal(shop.pool, shop.mapping, account_day)
        found[day] = reconcile_day(shop.pool, shop.mapping, load_rules(), account_day, "r").result
    return found


def due_days(shop: Shop) -> list[date]:
    with transaction(shop.pool) as conn:
        due = take_due(conn, shop.mapping, NOW.replace(day=20))
        conn.execute("UPDATE recon.day SET requested_at = NULL, requests = 0")
    return [one.account_day.day for one in due if one.account_day.account == ACCOUNT]


def settle(shop: Shop) -> list[date]:
    """Run what is due until nothing is; the days."""
    ran: list[date] = []
    while due := due_days(shop):
        assert len(ran) < 30, "it converges"
        ran += run_days(shop, *due)
    return ran


def prepare(shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Three orders of BRL 10.00: o1 is 10 cents short, o2 is BRL 5.00 short, o3 is not listed."""
    roles = folder / "roles.yaml"
    roles.write_text(ROLES, encoding="utf-8")
    monkeypatch.setenv("ORDER_OPS_ROLES", str(roles))
    get_settings.cache_clear()
    for order in ("o1", "o2", "o3"):
        shop.stage(created(order), reserved(order), paid(order))
    shop.apply()
    lines = [("txn_1", "2026-03-10", "o1", 990), ("txn_2", "2026-03-10", "o2", 500)]
    lines_of(shop, folder, "a.csv", lines)
    run_days(shop, *DAYS)
    return shop
