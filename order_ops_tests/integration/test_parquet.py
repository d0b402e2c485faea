"""Parquet of a day says what the tables say, to the byte again, and is mended when it does not."""

import shutil
from datetime import date
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pandas as pd
import polars as pl
import pytest

from order_ops import analytics
from order_ops.jobs.days import parquet
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.jobs.files.ingest import ingest
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run
from order_ops_tests.integration.reconciling import DAYS, reconciled, stripe_file
from order_ops_tests.shop import created, paid, reserved

TENTH = date(2026, 3, 10)
KEY = "shop-cards|2026-03-10"


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "tables of all")


@pytest.fixture
def traded(shop: Shop, tmp_path: Path) -> Shop:
    for order in ("o1", "o2"):
        shop.stage(created(order), reserved(order), paid(order))
    shop.apply()
    lines = [("txn_1", "2026-03-10", "o1", 1_000), ("txn_2", "2026-03-11", "o2", 900)]
    ingest(shop.pool, shop.mapping.account("shop-cards"), stripe_file(tmp_path, "a.csv", lines))
    return shop


def _write(shop: Shop, root: str, *days: date) -> None:
    for day in days:
        assert parquet.write_day(shop.pool, root, AccountDay(day, "shop-cards"))


def _hashes(root: str) -> dict[str, str]:
    return {
        str(file.relative_to(root)): sha256(file.read_bytes()).hexdigest()
        for file in Path(root).rglob("*")
        if file.is_file()
    }


def test_files_and_tables_give_the_same_frame(traded: Shop, root: str) -> None:
    reconciled(traded, *DAYS)
    _write(traded, root, *DAYS)
    for asset in analytics.FILED:
        stored, filed = analytics.load(asset), analytics.load(asset, root=root)
        pd.testing.assert_frame_equal(filed, stored, check_dtype=False)
        assert list(filed.dtypes) == list(stored.dtypes), asset
    assert len(analytics.load("reconciliation_breaks", root=root)) > 1


def test_a_month_or_a_partition_of_one_account(traded: Shop, root: str) -> None:
    reconciled(traded, *DAYS)
    _write(traded, root, *DAYS)
    for where in ({}, {"root": root}):
        one = analytics.load("payment_matches", KEY, **where)
        assert list(one["match_id"]) == ["payment:pi_o1~txn_1"]
        month = {"account": "shop-cards", "first_day": "2026-03-11", "last_day": "2026-03-31"}
        later = analytics.load("reconciliation_breaks", **month, **where)
        assert set(later["day"]) == {date(2026, 3, 11), date(2026, 3, 12)}
        assert analytics.load("payment_matches", account="nobody", **where).empty


def test_polars_reads_the_folder_as_one_table(traded: Shop, root: str) -> None:
    reconciled(traded, *DAYS)
    _write(traded, root, *DAYS)
    frame = pl.scan_parquet(f"{root}/reconciliation_bridge/**/*.parquet", hive_partitioning=True)
    days = frame.filter(pl.col("day") >= date(2026, 3, 10)).collect()
    assert days.schema["day"] == pl.Date
    assert set(days["account"]) == {"shop-cards"}
    assert days["day"].n_unique() == 3


def test_the_same_day_again_gives_the_same_bytes(traded: Shop, root: str) -> None:
    reconciled(traded, TENTH, run_id="first")
    _write(traded, root, TENTH)
    before = _hashes(root)
    assert len(before) == len(analytics.FILED)
    reconciled(traded, TENTH, run_id="second")
    _write(traded, root, TENTH)
    assert _hashes(root) == before


def test_what_was_killed_before_its_files_is_mended_by_the_next_run(
    traded: Shop, root: str
) -> None:
    reconciled(traded, *DAYS)
    _write(traded, root, DAYS[0])
    assert parquet.mend(traded.pool, root, "shop-cards") == 0
    assert len(list(Path(root).glob("payment_matches/*/*/part.parquet"))) == len(DAYS)
    assert traded.one("SELECT count(*) FROM recon.run WHERE parquet IS NULL") == 0


def test_a_run_that_came_meanwhile_still_has_its_files_to_come(
    traded: Shop, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciled(traded, TENTH)
    place, rival = parquet._place, []

    def slowly(*arguments: object) -> None:
        if not rival:
            rival.append(reconciled(traded, TENTH, run_id="newer"))
        place(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(parquet, "_place", slowly)
    assert not parquet.write_day(traded.pool, root, AccountDay(TENTH, "shop-cards"))
    assert traded.one("SELECT parquet FROM recon.run") is None


def test_a_file_that_cannot_be_put_in_place_leaves_the_old_one(
    traded: Shop, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciled(traded, TENTH)
    _write(traded, root, TENTH)
    before = _hashes(root)
    blocked = Path(root) / "payment_matches" / "account=shop-cards" / "day=2026-03-10"
    (blocked / "part.parquet").unlink()
    (blocked / "part.parquet").mkdir()
    (blocked / "part.parquet" / "occupied").touch()
    reconciled(traded, TENTH)
    with pytest.raises(OSError, match=r"part\.parquet"):
        _write(traded, root, TENTH)
    assert traded.one("SELECT parquet FROM recon.run") is None, "and it is still to be written"
    assert not list(Path(root).rglob("*.part")), "nothing half written is left"
    kept = {name for name in before if not name.startswith("payment_matches")}
    assert {name: _hashes(root)[name] for name in kept} == {name: before[name] for name in kept}


def test_a_run_in_dagster_writes_the_files_and_checks_them(
    traded: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    reconciled(traded, date(2026, 3, 9))
    result = run(defs, instance, "reconcile_payments_job", KEY)
    checks = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert checks["parquet_says_what_the_tables_say"]
    home = parquet.root_of(traded.settings)
    assert len(analytics.load("payment_matches", KEY, root=home)) == 1
    assert (Path(home) / "payment_matches/account=shop-cards/day=2026-03-09/part.parquet").exists()


def test_a_partition_that_vanished_is_written_again(traded: Shop, root: str) -> None:
    reconciled(traded, *DAYS)
    _write(traded, root, *DAYS)
    before = _hashes(root)
    shutil.rmtree(f"{root}/payment_matches/account=shop-cards/day=2026-03-10")
    assert _hashes(root) != before
    assert parquet.mend(traded.pool, root, "shop-cards") == 0
    assert _hashes(root) == before


def test_what_a_killed_writer_left_aside_is_removed(traded: Shop, root: str) -> None:
    reconciled(traded, TENTH)
    _write(traded, root, TENTH)
    left = Path(root, "payment_matches", "account=shop-cards", "day=2026-03-10", ".dead.part")
    left.write_bytes(b"half")
    _write(traded, root, TENTH)
    assert not left.exists()
