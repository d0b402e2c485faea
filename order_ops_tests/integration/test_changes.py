"""What a later run makes of a day that had results is on record, and a dry run leaves none."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from order_ops.jobs.days.reconcile import reconcile_day, snapshot_internal
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.jobs.files.ingest import ingest
from order_ops.reconciliation.rules import load_rules
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.reconciling import DAYS, reconciled, stripe_file, tables
from order_ops_tests.shop import created, paid, reserved

TENTH = date(2026, 3, 10)


@pytest.fixture
def traded(shop: Shop, tmp_path: Path) -> Shop:
    """Two paid orders on the 10th; the provider lists one of them."""
    for order in ("o1", "o2"):
        shop.stage(created(order), reserved(order), paid(order))
    shop.apply()
    _late(shop, tmp_path, "first.csv", "o1")
    return shop


def _late(shop: Shop, folder: Path, name: str, order: str, amount: int = 1_000) -> None:
    lines = [(f"txn_{order}", "2026-03-10", order, amount)]
    ingest(shop.pool, shop.mapping.account("shop-cards"), stripe_file(folder, name, lines))


def _changes(shop: Shop) -> list[Any]:
    return shop.rows(
        "SELECT day, run_id, previous_run_id, verdict_from, verdict_to, table_name, change, "
        "what_from, what_to, amount_from_minor AS was, amount_to_minor AS is_now "
        "FROM analytics.changes WHERE table_name <> 'reconciliation_bridge' ORDER BY id"
    )


def test_a_first_run_changes_nothing_and_neither_does_the_same_again(traded: Shop) -> None:
    reconciled(traded, *DAYS)
    reconciled(traded, *DAYS)
    assert traded.one("SELECT count(*) FROM recon.changes") == 0


def test_a_late_file_is_told_as_what_it_changed(traded: Shop, tmp_path: Path) -> None:
    reconciled(traded, TENTH, run_id="first")
    _late(traded, tmp_path, "late.csv", "o2", 990)
    reconciled(traded, TENTH, run_id="second")
    found = _changes(traded)
    assert {(row.run_id, row.previous_run_id, row.day) for row in found} == {
        ("second", "first", TENTH)
    }
    assert [row[3:] for row in found] == [
        ("RECONCILED_WITH_PENDING", "BREAKS", "reconciliation_breaks", "changed",
         "missing_provider", "amount_short", 1_000, 10),
        ("RECONCILED_WITH_PENDING", "BREAKS", "run", "changed",
         "RECONCILED_WITH_PENDING", "BREAKS", None, None),
    ]  # fmt: skip
    lines = traded.rows(
        "SELECT row_id, amount_from_minor AS was, amount_to_minor AS is_now FROM recon.changes "
        "WHERE table_name = 'reconciliation_bridge' AND row_id = 'provider_total'"
    )
    assert lines == [("provider_total", 1_000, 1_990)]
    reconciled(traded, TENTH, run_id="third")
    assert _changes(traded) == found, "the same input again is no change"


def test_a_match_that_another_day_takes_is_told_of_the_day_that_loses_it(
    shop: Shop, tmp_path: Path
) -> None:
    """The 11th was run first and matched; the 10th then turns out to hold both entries."""
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    _late(shop, tmp_path, "a.csv", "o1")
    reconciled(shop, TENTH, run_id="ten")
    with transaction(shop.pool) as conn:
        for table in ("match_members", "payment_matches"):
            conn.execute(f"UPDATE recon.{table} SET day = '2026-03-11'")
        conn.execute(
            "INSERT INTO recon.run (account, day, run_id, verdict, rules_hash, input_hash, "
            "carry_in_hash, carry_out_hash) VALUES "
            "('shop-cards', '2026-03-11', 'eleven', 'RECONCILED', '', '', '', '')"
        )
        conn.execute("UPDATE recon.run SET parquet = '/tables'")
    reconciled(shop, TENTH, run_id="again")
    written = shop.rows("SELECT day FROM recon.run WHERE parquet IS NOT NULL")
    assert written == [], "the files of both days say what no longer is"
    found = [
        (row.day.day, row.previous_run_id, row.table_name, row.change) for row in _changes(shop)
    ]
    assert found == [
        (11, "eleven", "payment_matches", "gone"),
        (10, "ten", "payment_matches", "appeared"),
    ]


def test_a_change_is_recorded_with_the_run_or_not_at_all(traded: Shop, tmp_path: Path) -> None:
    reconciled(traded, TENTH)
    before = tables(traded)
    _late(traded, tmp_path, "late.csv", "o2")
    with transaction(traded.pool) as conn:
        conn.execute("ALTER TABLE recon.changes ADD CONSTRAINT refused CHECK (id < 0)")
    with pytest.raises(Exception, match="refused"):
        reconciled(traded, TENTH)
    assert tables(traded) == before
    assert traded.one("SELECT verdict FROM recon.run") == "RECONCILED_WITH_PENDING"


def test_a_dry_run_tells_the_difference_and_leaves_everything_as_it_was(
    traded: Shop, tmp_path: Path
) -> None:
    reconciled(traded, TENTH, run_id="first")
    _late(traded, tmp_path, "late.csv", "o2")
    traded.stage(created("o3"), reserved("o3"), paid("o3"))
    traded.apply()
    everything = _everything(traded)
    done = reconcile_day(
        traded.pool, traded.mapping, load_rules(), AccountDay(TENTH, "shop-cards"), "dry",
        dry_run=True,
    )  # fmt: skip
    assert _everything(traded) == everything
    assert done.stood is not None
    assert (done.stood.run_id, done.stood.verdict) == ("first", "RECONCILED_WITH_PENDING")
    told = [(row["table_name"], row["change"]) for row in done.difference.rows(named=True)]
    assert sorted(row for row in told if row[0] != "reconciliation_bridge") == [
        ("payment_matches", "appeared"),
        ("reconciliation_breaks", "appeared"),
        ("reconciliation_breaks", "gone"),
    ], "o2 matches; o3, which no snapshot has taken in, waits"
    snapshot_internal(traded.pool, traded.mapping, AccountDay(TENTH, "shop-cards"))
    real = reconcile_day(
        traded.pool, traded.mapping, load_rules(), AccountDay(TENTH, "shop-cards"), "real"
    )
    assert real.difference.equals(done.difference), "and the run does what the dry run said"


def _everything(shop: Shop) -> dict[str, list[Any]]:
    names = shop.rows(
        "SELECT schemaname || '.' || tablename AS name FROM pg_tables "
        "WHERE schemaname IN ('recon', 'ops', 'orders', 'intake') ORDER BY 1"
    )
    return {row.name: shop.rows(f"SELECT t::text FROM {row.name} t ORDER BY 1") for row in names}
