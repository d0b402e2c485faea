"""Whose work a run does: a job of ours, or of somebody else on the same Dagster."""

from typing import Any

import dagster as dg
import pytest

from order_ops.jobs.catalogue import BY_NAME, JOBS
from order_ops.orchestration import coordinator
from order_ops.orchestration.job_tags import TENANT, job_of, job_tags
from order_ops.settings import Settings

CHECK = dg.AssetCheckKey(dg.AssetKey("message_ledger"), "no_message_is_missing")


def _run(name: str = "__ASSET_JOB", *assets: str, **more: Any) -> dg.DagsterRun:
    chosen = frozenset(dg.AssetKey(asset) for asset in assets) or None
    return dg.DagsterRun(job_name=name, run_id="r1", asset_selection=chosen, **more)


@pytest.mark.parametrize(
    ("run", "job"),
    [
        (_run("expire_orders_job"), "expire_orders_job"),
        (_run("__ASSET_JOB", "message_ledger"), "message_ledger_job"),
        (_run("__ASSET_JOB", "payment_matches"), "reconcile_payments_job"),
        (_run("__ASSET_JOB", "message_ledger", "payment_matches"), "reconcile_payments_job"),
        (_run(asset_check_selection=frozenset({CHECK})), "message_ledger_job"),
        (_run("train_a_model_job"), None),
        (_run("__ASSET_JOB", "a_model_of_the_analysts"), None),
        (_run("__ASSET_JOB", "payment_matches", "a_model_of_the_analysts"), None),
        (_run(), None),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_whose_work_a_run_does(run: dg.DagsterRun, job: str | None) -> None:
    assert job_of(run) == (BY_NAME[job] if job else None)
    assert coordinator.wanted(run) == (job_tags(BY_NAME[job]) if job else {})


def test_a_run_of_an_accounts_day_has_its_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(database_url="postgresql://nobody@nowhere/none")
    monkeypatch.setattr(coordinator, "get_settings", lambda: settings)
    of_account = {"dagster/partition/account": "shop-cards"}
    tags = coordinator.wanted(_run("reconcile_payments_job", tags=of_account))
    assert tags[TENANT] == "shop"


def test_somebody_elses_partitions_may_have_an_account_too() -> None:
    theirs = _run("their_job", tags={"dagster/partition/account": "emea-4711"})
    assert coordinator.wanted(theirs) == {}


def test_no_asset_is_of_two_jobs() -> None:
    assets = [asset for job in JOBS for asset in job.assets]
    assert len(assets) == len(set(assets))
