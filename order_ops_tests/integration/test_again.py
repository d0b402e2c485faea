"""Work that was lost is launched again: as it was, until it is begun, and done once."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from order_ops.jobs.catalogue import DEAD_LETTERS, PURGE, RECONCILE_PAYMENTS
from order_ops.jobs.catalogue import EXPIRE_ORDERS as JOB
from order_ops.jobs.running import again
from order_ops.jobs.running.sweep import end_runs, sweep
from order_ops.orchestration.run_storage import StoredRuns
from order_ops.store import executions
from order_ops.store.engine import transaction
from order_ops.store.executions import Failed
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run, tick
from order_ops_tests.integration.executions import asked, begin, let_lease_pass

ROWS = "SELECT state, attempt, run_id FROM ops.job_execution ORDER BY id"


def _lost_and_due(shop: Shop) -> None:
    """Whoever had work in hand is gone, and it is time to do it again."""
    let_lease_pass(shop)
    sweep(shop.pool)
    _due(shop)


def _due(shop: Shop) -> None:
    shop.rows(
        "UPDATE ops.job_execution SET again_at = now() - interval '1 s' "
        "WHERE state = 'waiting' RETURNING 1"
    )


def _launches(instance: dg.DagsterInstance) -> list[Any]:
    return list(tick(instance, "again_sensor").run_requests)


def test_lost_work_is_launched_again_as_it_was_and_done_once(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert tick(instance, "again_sensor").run_requests == []
    config = {"ops": {"expire_due_orders": {"config": {"limit": 7}}}}
    first = asked(JOB, step="expire_due_orders", request="tick 1", input={"config": config})
    begin(shop, first)
    _lost_and_due(shop)
    (request,) = tick(instance, "again_sensor").run_requests
    assert (request.job_name, request.run_config) == (JOB.name, config)
    again_run = run(defs, instance, JOB.name, run_config=config, tags=request.tags)
    assert again_run.success
    row = shop.rows("SELECT state, attempt, run_id FROM ops.job_execution")
    assert row == [("done", 2, again_run.run_id)]
    assert tick(instance, "again_sensor").run_requests == []
    twin = run(defs, instance, JOB.name, run_config=config, tags=request.tags)
    assert "did it at" in str(instance.get_run_by_id(twin.run_id).tags["order_ops/skipped"])  # type: ignore[union-attr]


def test_a_launch_that_never_begins_its_work_is_followed_by_others_then_given_up(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    begin(shop, asked(JOB, request="tick 1"))
    _lost_and_due(shop)
    keys = set()
    for _ in range(again.LAUNCHES):
        (request,) = tick(instance, "again_sensor").run_requests
        keys.add(request.run_key)
        queued = instance.create_run_for_job(
            defs.resolve_job_def(JOB.name),
            tags=request.tags,
            status=dg.DagsterRunStatus.NOT_STARTED,
        )
        assert tick(instance, "again_sensor").run_requests == [], "one is under way"
        instance.report_run_canceled(queued)
    assert len(keys) == again.LAUNCHES
    assert tick(instance, "again_sensor").run_requests == []
    (error,) = shop.rows("SELECT error FROM ops.dead_letter")[0]
    assert "no run began it, 4 times" in error
    assert shop.one("SELECT state FROM ops.job_execution") == "failed"
    assert shop.one("SELECT executions FROM ops.job_total WHERE status = 'failed'") == 1


def test_work_that_many_runs_may_do_at_a_time_is_done_again_once(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    config = {"ops": {"handle_dead_letters": {"config": {"dry_run": False, "ids": [1]}}}}
    made = {"step": "handle_dead_letters", "work_key": "run A", "request": "run A"}
    begin(shop, asked(DEAD_LETTERS, "A", input={"config": config}, **made))
    _lost_and_due(shop)
    (launch,) = _launches(instance)
    done = run(defs, instance, launch.job_name, run_config=launch.run_config, tags=launch.tags)
    ((_, attempt, run_id),) = shop.rows(ROWS)
    assert (attempt, run_id) == (2, done.run_id)
    _due(shop)
    assert _launches(instance) == []


def test_what_cannot_be_launched_is_given_up_and_keeps_no_other_waiting(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    """Its account has left the mapping, its job the catalogue, a field of its config the op."""
    partition = {"dagster/partition": "gone|2026-03-10"}
    day = asked(RECONCILE_PAYMENTS, "day", work_key="gone|2026-03-10", input={"tags": partition})
    begin(shop, day)
    begin(shop, replace(asked(JOB, "old"), job="send_reminders_job"))
    config = {"ops": {"purge_old_rows": {"config": {"dry_run": True, "days": 30}}}}
    begin(shop, asked(PURGE, "refused", input={"config": config}))
    begin(shop, asked(JOB, "good", request="tick 1"))
    _lost_and_due(shop)
    (launch,) = _launches(instance)
    assert launch.job_name == JOB.name
    errors = dict(shop.rows("SELECT origin_id, error FROM ops.dead_letter"))
    assert "has no partition gone|2026-03-10 any more" in errors["day"]
    assert "there is no job send_reminders_job any more" in errors["old"]
    assert "its config is refused" in errors["refused"]
    assert 'unexpected config entry "days"' in errors["refused"]
    states = dict(shop.rows("SELECT run_id, state FROM ops.job_execution"))
    assert states == {"day": "failed", "old": "failed", "refused": "failed", "good": "waiting"}


def test_work_whose_launch_waits_in_the_queue_keeps_none_behind_it_from_being_launched(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for number in range(again.MOST):
        day = f"shop-cards|2026-01-{number}"
        begin(shop, asked(JOB, f"day {number}", work_key=day, request=day))
    _lost_and_due(shop)
    for launch in _launches(instance):
        instance.create_run_for_job(
            defs.resolve_job_def(JOB.name), tags=launch.tags, status=dg.DagsterRunStatus.NOT_STARTED
        )
    assert _launches(instance) == []
    begin(shop, asked(DEAD_LETTERS, "money"))
    _lost_and_due(shop)
    assert [launch.job_name for launch in _launches(instance)] == [DEAD_LETTERS.name]


def test_launches_of_an_earlier_loss_do_not_count_against_a_later_one(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """A day's inputs are read anew, from the first attempt on, by each run of its request."""
    wanted = asked(JOB, "A", request="day 1", once=False)
    keys = set()
    for run_id in ("A", "C"):
        begin(shop, replace(wanted, run_id=run_id))
        _lost_and_due(shop)
        ((one,),) = again.due(shop.pool)
        keys.add(one.key)
        done = replace(wanted, run_id=f"after {run_id}")
        execution = begin(shop, done)
        with transaction(shop.pool) as conn:
            executions.finish(conn, done, execution, "done")
    assert len(keys) == 2


def test_a_run_that_a_person_cancels_while_it_waits_to_try_again_is_not_launched(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    made = instance.create_run_for_job(
        defs.resolve_job_def(JOB.name), status=dg.DagsterRunStatus.STARTED
    )
    wanted = asked(JOB, made.run_id)
    execution = begin(shop, wanted)
    with transaction(shop.pool) as conn:
        executions.finish(conn, wanted, execution, "waiting", Failed("transient", "E", "e"), 60)
    instance.report_run_canceling(made)
    instance.report_run_canceled(made)
    _due(shop)
    assert _launches(instance) == []
    assert shop.rows(ROWS) == [("cancelled", 1, made.run_id)]
    assert shop.rows("SELECT 1 FROM ops.dead_letter") == []


def test_a_run_that_a_person_was_cancelling_when_its_worker_was_lost_is_not_launched(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Nobody was left to say that it is cancelled: the watcher does."""
    made = instance.create_run_for_job(
        defs.resolve_job_def(JOB.name), status=dg.DagsterRunStatus.STARTED
    )
    begin(shop, asked(JOB, made.run_id))
    instance.report_run_canceling(made)
    _lost_and_due(shop)
    assert end_runs(shop.pool, StoredRuns(instance)) == [made.run_id]
    ended = instance.get_run_by_id(made.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.CANCELED
    assert _launches(instance) == []
    assert shop.rows(ROWS) == [("cancelled", 1, made.run_id)]
    counted = dict(shop.rows("SELECT status, executions FROM ops.job_total"))
    assert counted == {"stalled": 1, "cancelled": 1}
    assert shop.rows("SELECT 1 FROM ops.alert WHERE resolved_at IS NULL") == []
    assert shop.rows("SELECT 1 FROM ops.dead_letter") == []


def test_a_run_that_was_ended_before_it_began_its_work_begins_none(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was silent for so long that it was ended as dead: its letter may be replayed already."""

    def ended_meanwhile(*_: Any) -> None:
        (slow,) = instance.get_runs()
        StoredRuns(instance).end(slow.run_id, "it never began")

    monkeypatch.setattr("order_ops.orchestration.own_process.limit", ended_meanwhile)
    assert not run(defs, instance, JOB.name).success
    assert [one.status for one in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
    assert shop.rows(ROWS) == []


def test_a_dry_run_takes_no_work_from_anybody(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    begin(shop, asked(PURGE, "lost", step="purge_old_rows", request="tick 1"))
    _lost_and_due(shop)
    dry = {"ops": {"purge_old_rows": {"config": {"dry_run": True}}}}
    assert run(defs, instance, PURGE.name, run_config=dry).success
    states = dict(shop.rows("SELECT request, state FROM ops.job_execution WHERE run_id = 'lost'"))
    assert states == {"tick 1": "waiting"}
    (launch,) = _launches(instance)
    assert launch.tags["order_ops/request"] == "tick 1"


def test_a_process_that_is_asked_to_end_leaves_its_work_to_another_run(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the code server is deployed anew."""
    from dagster._core.errors import DagsterExecutionInterruptedError

    def interrupted(*_: Any, **__: Any) -> None:
        raise DagsterExecutionInterruptedError

    with monkeypatch.context() as patched:
        patched.setattr("order_ops.jobs.repairs.due.reservations", interrupted)
        assert not run(defs, instance, JOB.name).success
    (ended,) = instance.get_runs()
    assert ended.status == dg.DagsterRunStatus.FAILURE
    assert tick(instance, "run_failure_sensor").run_requests == [], "no failure to tell of"
    _due(shop)
    (launch,) = _launches(instance)
    assert run(defs, instance, JOB.name, tags=launch.tags).success
    assert shop.one("SELECT state FROM ops.job_execution") == "done"
