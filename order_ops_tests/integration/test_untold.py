"""What nobody would hear of is told by the watcher: no run begins, or every tick fails."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.sensor import execute_sensor_iteration

from order_ops.devstack.waiting import wait_until
from order_ops.jobs.catalogue import EXPIRE_ORDERS as JOB
from order_ops.jobs.catalogue import HANDLE_RUN_FAILURE
from order_ops.jobs.running import untold
from order_ops.orchestration.run_storage import StoredRuns
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run
from order_ops_tests.integration.executions import asked, begin

OPEN = "SELECT dedupe_key, title, detail FROM ops.alert WHERE resolved_at IS NULL"


def _fails(defs: dg.Definitions, instance: dg.DagsterInstance, job: str = JOB.name) -> str:
    """A run that is killed before it has begun anything."""
    made = instance.create_run_for_job(defs.resolve_job_def(job))
    instance.report_run_failed(made)
    return made.run_id


def test_failed_runs_that_no_run_handles_are_told_of_until_they_have_their_letters(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = StoredRuns(instance)
    failed = {_fails(defs, instance) for _ in range(2)}
    assert untold.check(shop.pool, runs) == [], "they are handled within minutes"
    monkeypatch.setattr(untold, "HANDLED_WITHIN", timedelta(0))
    _fails(defs, instance, HANDLE_RUN_FAILURE.name)
    begin(shop, asked(JOB, _fails(defs, instance)))
    assert untold.check(shop.pool, runs) == ["untold:runs"]
    ((_, title, detail),) = shop.rows(OPEN)
    assert title.startswith("2 failed runs have had no dead letter")
    assert set(detail["runs"]) == failed, "of one the work is in hand again"
    run(defs, instance, HANDLE_RUN_FAILURE.name)
    assert untold.check(shop.pool, runs) == []
    assert "untold:runs" not in {row.dedupe_key for row in shop.rows(OPEN)}


@pytest.fixture
def look(instance: dg.DagsterInstance) -> Iterator[Callable[[], object]]:
    """One round of the sensor daemon, over a code server of its own."""
    target = ModuleTarget("order_ops.definitions", None, None, "order_ops")
    log = logging.getLogger("sensors of a test")
    with create_test_daemon_workspace_context(target, instance) as context:
        yield lambda: list(execute_sensor_iteration(context, log, None, None))


def test_ticks_that_fail_are_told_of_with_their_error_until_one_succeeds(
    shop: Shop,
    instance: dg.DagsterInstance,
    look: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("order_ops.orchestration.run_storage._SENSOR_TICKS", 2)
    runs = StoredRuns(instance)

    def told() -> list[Any]:
        look()
        return untold.check(shop.pool, runs)

    _rename(shop, "job_execution", "away")
    wait_until(lambda: told() == ["untold:ticks"], 60, "two ticks that fail")
    ((_, title, detail),) = shop.rows(OPEN)
    assert title.startswith("Ticks fail, and nothing is asked for: again_sensor: ")
    assert list(detail["ticks"]) == ["again_sensor"]
    assert 'relation "ops.job_execution" does not exist' in detail["ticks"]["again_sensor"]
    _rename(shop, "away", "job_execution")
    wait_until(lambda: told() == [], 60, "one that succeeds")
    assert shop.rows(OPEN) == []


def _rename(shop: Shop, table: str, to: str) -> None:
    with transaction(shop.pool) as conn:
        conn.execute(f"ALTER TABLE ops.{table} RENAME TO {to}".encode())
