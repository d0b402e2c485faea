"""Jobs, sensors and schedules on a real Dagster instance in Postgres."""

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import dagster as dg
import pytest

from order_ops.jobs.catalogue import APPLY_ORDER_EVENTS
from order_ops.jobs.days.reconciliation_days import AccountDay, mark
from order_ops.settings import get_settings
from order_ops.store.engine import transaction
from order_ops_tests.failing import raising
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run, tick
from order_ops_tests.integration.executions import in_hand
from order_ops_tests.shop import created, paid, reserved

FAILING = "order_ops/domain: made to fail"


def test_a_job_applies_staged_events(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    result = run(defs, instance, "apply_order_events_job")
    assert result.success
    assert shop.one("SELECT state FROM orders.orders") == "CONFIRMED"
    assert shop.one("SELECT DISTINCT last_run_id FROM intake.inbox") == result.run_id


def test_a_partition_is_materialised_with_its_checks(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    result = run(defs, instance, "reconcile_payments_job", "shop-cards|2026-03-10")
    assert result.success
    checks = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert checks == {
        "bridge_closes_to_zero": True,
        "entries_matched_once": True,
        "no_break_is_unclassified": True,
        "parquet_says_what_the_tables_say": True,
    }
    bridge = result.asset_materializations_for_node("reconcile_payments")
    assert {m.asset_key.to_user_string() for m in bridge} == {
        "payment_matches",
        "reconciliation_breaks",
        "reconciliation_bridge",
    }
    assert shop.one("SELECT verdict FROM recon.run") == "RECONCILED_WITH_PENDING"
    report = Path(shop.one("SELECT report FROM recon.run"))
    assert "BRL 10.00" in report.read_text(encoding="utf-8")


def test_what_people_see_of_a_day_is_in_its_metadata(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    result = run(defs, instance, "reconcile_payments_job", "shop-cards|2026-03-10")
    made = {
        one.asset_key.to_user_string(): {key: value.value for key, value in one.metadata.items()}
        for one in result.asset_materializations_for_node("reconcile_payments")
    }
    assert (
        "| Missing provider, pending | 1 | BRL 10.00 |" in made["reconciliation_breaks"]["breaks"]
    )
    assert made["reconciliation_breaks"]["changed"] == "The first run of this day."
    plot = made["reconciliation_bridge"]["plot"].split("base64,")[1].rstrip(")")
    assert ET.fromstring(b64decode(plot)).tag.endswith("svg"), "a picture by itself"


def test_every_asset_of_reconciliation_says_its_columns_owner_and_freshness(
    defs: dg.Definitions,
) -> None:
    graph = defs.resolve_asset_graph()
    keys = dg.AssetSelection.groups("reconciliation").resolve(graph)
    assert len(keys) == 5
    for key in keys:
        node = graph.get(key)
        schema = node.metadata["dagster/column_schema"]
        assert schema.columns
        assert all(column.description for column in schema.columns), key
        assert node.owners
        assert node.description
        assert node.freshness_policy is not None
    assert {key.to_user_string() for key in graph.external_asset_keys} == {
        "order_ledger",
        "provider_files",
    }


def test_the_check_fails_when_the_bridge_does_not_close(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug in a total is injected: the lines no longer explain it."""
    from order_ops.reconciliation import bridge

    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    honest = bridge.sums
    monkeypatch.setattr(
        bridge,
        "sums",
        lambda frame: {
            code: replace(total, amount_minor=total.amount_minor + 1)
            for code, total in honest(frame).items()
        },
    )
    result = run(defs, instance, "reconcile_payments_job", "shop-cards|2026-03-10")
    checks = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert checks["bridge_closes_to_zero"] is False
    assert shop.one("SELECT verdict FROM recon.run") == "INCOMPLETE"


def test_a_failed_run_becomes_one_dead_letter_and_one_alert(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from order_ops.orchestration.ops import intake

    broken = raising(ValueError(FAILING))

    monkeypatch.setattr(intake, "apply_while_due", broken)
    failed = [run(defs, instance, "apply_order_events_job") for _ in range(2)]
    assert not any(run.success for run in failed)
    for _ in range(2):
        assert run(defs, instance, "handle_run_failure_job").success
    letters = shop.rows(
        "SELECT origin, origin_id, name, category, error, stack FROM ops.dead_letter ORDER BY id"
    )
    assert {row.origin_id for row in letters} == {run.run_id for run in failed}
    assert letters[0].name == "apply_order_events_job"
    assert letters[0].error == f"ValueError: {FAILING}"
    assert letters[0].category == "unknown"
    assert "broken" in letters[0].stack
    assert shop.one("SELECT count(*) FROM ops.alert") == 1, "one cause wakes a person once"


def test_the_staging_sensor_asks_only_when_there_is_work(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert tick(instance, "staging_sensor").run_requests == []
    shop.stage(created("o1"))
    assert len(tick(instance, "staging_sensor").run_requests or []) == 1
    with in_hand(shop, APPLY_ORDER_EVENTS):
        skipped = tick(instance, "staging_sensor")
    assert skipped.run_requests == []
    assert "already" in (skipped.skip_message or "")
    job = defs.resolve_job_def("apply_order_events_job")
    dead = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert len(tick(instance, "staging_sensor").run_requests or []) == 1, (
        f"{dead.run_id} is listed as started, but no worker holds the lease"
    )
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
    assert "starting" in (tick(instance, "staging_sensor").skip_message or "")


def test_a_changed_closed_day_is_asked_for_once(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    with transaction(shop.pool) as conn:
        mark(conn, {AccountDay(date(2026, 3, 10), "shop-cards")})
    first = tick(instance, "changed_days_sensor")
    assert [r.partition_key for r in first.run_requests or []] == ["shop-cards|2026-03-10"]
    assert tick(instance, "changed_days_sensor").run_requests == []


def test_the_schedule_asks_for_each_account_once_its_day_is_over(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """03:07 UTC is after midnight in Sao Paulo; 02:07 UTC is not."""
    from order_ops.orchestration.resources import OrderOps
    from order_ops.orchestration.schedules import reconcile_payments_schedule

    def asked(hour: int) -> set[str]:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 1, 3, hour, 7, tzinfo=UTC),
            resources={"order_ops": OrderOps()},
            repository_def=defs.get_repository_def(),
        )
        data = reconcile_payments_schedule.evaluate_tick(context)
        return {str(request.partition_key) for request in data.run_requests or []}

    assert asked(2) == {"shop-cards|2026-01-01", "shop-boleto|2026-01-01"}
    assert asked(3) == {"shop-cards|2026-01-02", "shop-boleto|2026-01-02"}
    assert asked(4) == set()


def test_settings_are_validated_when_the_definitions_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os
    import subprocess
    import sys

    env = {k: v for k, v in os.environ.items() if not k.startswith("ORDER_OPS_")}
    loaded = subprocess.run(
        [sys.executable, "-c", "import order_ops.definitions"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode != 0
    assert "ORDER_OPS_DATABASE_URL: is not set" in loaded.stderr
    get_settings.cache_clear()
