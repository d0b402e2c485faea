"""A month of one account, backfilled the wrong way round, comes to what day after day comes to."""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from order_ops.jobs.files.ingest import ingest
from order_ops.orchestration.performing import REQUEST
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run, tick
from order_ops_tests.integration.reconciling import RESULTS, reconciled, stripe_file, tables
from order_ops_tests.shop import created, paid, reserved

FIRST = date(2026, 3, 10)
MONTH = [FIRST + timedelta(days=at) for at in range(30)]


@pytest.fixture
def month(shop: Shop, tmp_path: Path) -> Shop:
    """Paid on the first day; the provider lists one a day, each with what it is short."""
    orders = [f"o{at}" for at in range(len(MONTH))]
    for order in orders:
        shop.stage(created(order), reserved(order), paid(order))
    shop.apply()
    lines = [
        (f"txn_{at}", MONTH[at].isoformat(), order, 1_000 - at % 3)
        for at, order in enumerate(orders)
        if at % 5 != 4
    ]
    ingest(shop.pool, shop.mapping.account("shop-cards"), stripe_file(tmp_path, "m.csv", lines))
    return shop


@pytest.mark.slow
def test_a_backfill_of_a_month_converges_in_bounded_runs(
    month: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for day in reversed(MONTH):
        assert run(defs, instance, "reconcile_payments_job", f"shop-cards|{day}").success
    runs = 0
    while requested := tick(instance, "changed_days_sensor").run_requests:
        for asked in requested:
            if not asked.partition_key.startswith("shop-cards|2026"):
                continue
            runs += 1
            assert runs <= 2 * len(MONTH), "it converges"
            done = run(
                defs, instance, "reconcile_payments_job", asked.partition_key,
                tags={REQUEST: asked.run_key},
            )  # fmt: skip
            assert done.success
    backfilled = tables(month)
    assert len(backfilled["reconciliation_breaks"]) > len(MONTH)
    with transaction(month.pool) as conn:
        for table in (*RESULTS, "run"):
            conn.execute(f"TRUNCATE recon.{table}")
    reconciled(month, *MONTH)
    assert tables(month) == backfilled
    written = month.settings.home / "tables" / "payment_matches" / "account=shop-cards"
    assert len(list(written.glob("day=*/part.parquet"))) == len(MONTH)
