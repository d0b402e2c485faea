"""Every step of every job is performed by the runtime: tried by kind, in a pool, once at a time."""

from collections.abc import Callable
from typing import Any, NoReturn

import dagster as dg
import pytest

from order_ops.domain.failures import ClassifiedError, FailureKind
from order_ops.jobs.catalogue import BY_NAME
from order_ops.jobs.running import runtime
from order_ops.store.executions import Skipped
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run

PARTITION = "shop-cards|2026-03-10"
STEPS = {
    "apply_order_events_job": ["apply_order_events"],
    "apply_repairs_job": ["apply_approved_acts"],
    "dead_letters_job": ["handle_dead_letters"],
    "expire_orders_job": ["expire_due_orders"],
    "fetch_transactions_job": ["fetch_transactions"],
    "handle_run_failure_job": ["handle_run_failure"],
    "message_ledger_job": ["message_ledger"],
    "purge_job": ["purge_old_rows"],
    "reconcile_payments_job": [
        "provider_transactions",
        "internal_transactions",
        "reconcile_payments",
    ],
    "remind_customers_job": ["remind_of_expiring_orders"],
    "settle_refunds_job": ["settle_pending_refunds"],
    "take_in_files_job": ["take_in_watched_files"],
    "verify_payments_job": ["verify_open_orders"],
}
EACH = [(job, step) for job, steps in STEPS.items() for step in steps]


def _run(defs: dg.Definitions, instance: dg.DagsterInstance, job: str, **more: Any) -> Any:
    partition = PARTITION if job == "reconcile_payments_job" else None
    return run(defs, instance, job, partition, **more)


@pytest.fixture
def in_steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """Put something in the place of what a step does; retries wait for nothing."""
    honest = runtime.perform

    def replaced(step: str, work: Any) -> None:
        def perform(pool: Any, job: Any, asked: Any, real: Any, **named: Any) -> Any:
            return honest(pool, job, asked, work if asked.step == step else real, **named)

        monkeypatch.setattr("order_ops.orchestration.performing.perform", perform)

    policy = "order_ops.domain.failures.RetryPolicy.delay_s"
    monkeypatch.setattr(policy, lambda *_: 0.0)
    return replaced


def test_these_are_all_steps_and_each_has_its_jobs_pool(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert {job.name: {node.name for node in job.graph.nodes} for job in jobs} == {
        job: set(steps) for job, steps in STEPS.items()
    }
    for job in jobs:
        pools = {node.definition.pool for node in job.graph.nodes}  # type: ignore[attr-defined]
        assert pools == {BY_NAME[job.name].pool}


@pytest.mark.parametrize(("job", "step"), EACH)
@pytest.mark.parametrize("kind", [FailureKind.TRANSIENT, FailureKind.PERMANENT])
def test_each_step_is_tried_as_often_as_its_job_declares_for_the_kind(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    in_steps: Callable[[str, Any], None],
    job: str,
    step: str,
    kind: FailureKind,
) -> None:
    tries = []

    def fails(running: runtime.Running) -> NoReturn:
        tries.append(running.execution.attempt)
        raise ClassifiedError("made to fail", kind)

    in_steps(step, fails)
    assert not _run(defs, instance, job).success
    policy = BY_NAME[job].retries.get(kind)
    assert tries == list(range(1, (policy.attempts if policy else 1) + 1))
    ended = shop.rows("SELECT state, category FROM ops.job_execution WHERE step = %(s)s", s=step)
    assert ended == [("failed", kind.value)]


@pytest.mark.parametrize(("job", "step"), [(j, s) for j, s in EACH if BY_NAME[j].alone])
def test_work_that_is_somebody_elses_is_skipped_and_the_run_says_why(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    job: str,
    step: str,
) -> None:
    honest = runtime.executions.begin

    def begin(conn: Any, asked: Any) -> Any:
        return Skipped("run X is doing it") if asked.step == step else honest(conn, asked)

    monkeypatch.setattr(runtime.executions, "begin", begin)
    result = _run(defs, instance, job)
    assert result.success
    stored = instance.get_run_by_id(result.run_id)
    assert stored is not None
    assert stored.tags["order_ops/skipped"] == "run X is doing it"
    assert result.asset_materializations_for_node(step) == []


def test_a_part_that_is_chosen_is_told_and_the_whole_is_written(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    result = run(
        defs,
        instance,
        "reconcile_payments_job",
        PARTITION,
        asset_selection=[dg.AssetKey("payment_matches")],
    )
    assert result.success
    told = result.asset_materializations_for_node("reconcile_payments")
    assert [one.asset_key.to_user_string() for one in told] == ["payment_matches"]
    assert shop.one("SELECT count(*) FROM recon.run") == 1
