"""A dry run of a stored day on the command line and in Dagster: it tells, and writes nothing."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from order_ops.jobs.files.ingest import ingest
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run
from order_ops_tests.integration.reconciling import reconciled, stripe_file
from order_ops_tests.shop import created, paid, reserved
from order_ops_tests.unit.cli import invoked

DAY = "2026-03-10"
ALONE = ["payment_matches", "reconciliation_breaks", "reconciliation_bridge"]
DRY = {"ops": {"reconcile_payments": {"config": {"dry_run": True}}}}


@pytest.fixture
def news(shop: Shop, tmp_path: Path) -> Shop:
    """A day that was reconciled, then got a late file."""
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    reconciled(shop, date(2026, 3, 10))
    late = stripe_file(tmp_path, "late.csv", [("txn_1", DAY, "o1", 1_000)])
    ingest(shop.pool, shop.mapping.account("shop-cards"), late)
    return shop


def _stands(shop: Shop) -> list[Any]:
    return shop.rows(
        "SELECT r.run_id, r.verdict, r.finished_at, d.* FROM recon.run r "
        "JOIN recon.day d USING (account, day) ORDER BY day"
    )


def test_the_command_says_what_would_change(news: Shop) -> None:
    before = _stands(news)
    told = invoked.run("rehearse", "--account", "shop-cards", "--day", DAY)
    assert told.exit_code == 0, told.output
    assert "Verdict RECONCILED_WITH_PENDING -> RECONCILED:" in told.stdout
    assert "match appeared: exact_reference BRL 10.00, payment:pi_o1~txn_1" in told.stdout
    assert "break gone: missing_provider BRL 10.00" in told.stdout
    assert _stands(news) == before


def test_the_command_gives_it_as_json(news: Shop, tmp_path: Path) -> None:
    file = tmp_path / "told.json"
    words = ("rehearse", "--account", "shop-cards", "--day", DAY, "--json", file)
    assert invoked.run(*words).exit_code == 0
    told = json.loads(file.read_text())
    assert (told["previous_run"], told["verdict_from"], told["verdict_to"]) == (
        "r",
        "RECONCILED_WITH_PENDING",
        "RECONCILED",
    )
    assert told["difference"][0]["amount_to_minor"] == 1_000


def test_a_day_that_would_stay_as_it_is_says_so(news: Shop) -> None:
    reconciled(news, date(2026, 3, 10))
    told = invoked.run("rehearse", "--account", "shop-cards", "--day", DAY)
    assert "nothing would change" in told.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--account", "shop-cards"), "--day"),
        (("--account", "nobody", "--day", DAY), "nobody"),
        (("--account", "shop-cards", "--day", "2001-01-01"), "is reconciled from"),
        (("--account", "shop-cards", "--day", "9999-12-31"), "is not over"),
    ],
)
def test_what_is_asked_wrongly_is_refused(shop: Shop, words: tuple[str, ...], why: str) -> None:
    assert why in invoked.refused("rehearse", *words)


def test_dagster_shows_it_as_an_observation(
    news: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    before = _stands(news)
    result = run(
        defs, instance, "reconcile_payments_job", f"shop-cards|{DAY}",
        asset_selection=[dg.AssetKey(name) for name in ALONE], run_config=DRY,
    )  # fmt: skip
    assert result.success
    assert _stands(news) == before
    breaks = dg.AssetKey("reconciliation_breaks")
    assert instance.get_latest_materialization_event(breaks) is None
    (record,) = instance.fetch_observations(breaks, limit=5).records
    observed = record.asset_observation
    assert observed is not None
    assert observed.metadata["verdict"].value == "RECONCILED"
    assert "break gone" in str(observed.metadata["difference"].value)


def test_a_dry_run_beside_its_inputs_is_refused(
    news: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    before = _stands(news)
    partition = f"shop-cards|{DAY}"
    result = run(defs, instance, "reconcile_payments_job", partition, run_config=DRY)
    assert not result.success
    assert _stands(news) == before
