"""What dead workers held: freed, told, done again or given up; and their runs ended in Dagster."""

from typing import Any

import dagster as dg

from order_ops.domain.jobs import STALLS
from order_ops.jobs import again
from order_ops.jobs.catalogue import EXPIRE_ORDERS as JOB
from order_ops.jobs.run_failures import unhandled
from order_ops.jobs.sweep import LEFT_ALONE_S, end_runs, sweep
from order_ops.orchestration.run_storage import StoredRuns
from order_ops.store import executions
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run, tick
from order_ops_tests.integration.executions import asked, begin, let_lease_pass


def _started(defs: dg.Definitions, instance: dg.DagsterInstance, job: str = JOB.name) -> str:
    """A run that says it is started, and nobody works for."""
    made = instance.create_run_for_job(
        defs.resolve_job_def(job), status=dg.DagsterRunStatus.STARTED
    )
    return made.run_id


def _status(instance: dg.DagsterInstance, run_id: str) -> str:
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return found.status.value


def _lose(shop: Shop, times: int, run_id: str = "run-1") -> list[Any]:
    """Begin the same work and lose it, so often."""
    lost = []
    for _ in range(times):
        begin(shop, asked(JOB, run_id, request="tick 1", input={"config": {"a": 1}}))
        let_lease_pass(shop)
        lost += sweep(shop.pool)
    return lost


def test_the_fourth_loss_is_one_dead_letter_with_what_is_needed_to_replay_it(shop: Shop) -> None:
    assert [one.given_up for one in _lose(shop, STALLS)] == [False] * STALLS
    assert shop.rows("SELECT 1 FROM ops.dead_letter") == []
    (last,) = _lose(shop, 1)
    assert last.given_up
    (letter,) = shop.rows("SELECT origin, origin_id, name, error, headers FROM ops.dead_letter")
    assert letter[:3] == ("run", "run-1", JOB.name)
    assert "lost 4 times with its worker" in letter.error
    assert letter.headers["config"] == {"a": 1}
    assert sweep(shop.pool) == []
    stalls = "SELECT executions FROM ops.job_total WHERE status = 'stalled'"
    assert shop.one(stalls) == STALLS + 1


def test_any_loss_is_told_once_and_ends_when_the_work_is_done(shop: Shop) -> None:
    _lose(shop, 2)
    open_alerts = "SELECT severity, title FROM ops.alert WHERE resolved_at IS NULL"
    ((severity, title),) = shop.rows(open_alerts)
    assert severity == "critical"
    assert title.startswith("expire_orders_job was lost with run run-1: its worker here:1 was last")
    assert title.endswith("done again, loss 2/3")
    from order_ops.jobs.runtime import perform

    perform(shop.pool, JOB, asked(JOB, "run-2", request="tick 1"), lambda _: None)
    assert shop.rows(open_alerts) == []


def test_the_run_of_lost_work_is_ended_and_no_failure_to_tell_of(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    run_id = _started(defs, instance)
    begin(shop, asked(JOB, run_id))
    let_lease_pass(shop)
    runs = StoredRuns(instance)
    assert end_runs(shop.pool, runs) == [], "its lease may yet be renewed"
    sweep(shop.pool)
    assert end_runs(shop.pool, runs) == [run_id]
    assert _status(instance, run_id) == "FAILURE"
    assert unhandled(shop.pool, [run_id]) == [], "its work is done again"
    assert end_runs(shop.pool, runs) == []


def test_a_run_whose_work_has_been_over_for_long_is_ended(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Its worker died between two steps."""
    over, working = _started(defs, instance), _started(defs, instance)
    begin(shop, asked(JOB, working, step="other"))
    first = asked(JOB, over)
    execution = begin(shop, first)
    with transaction(shop.pool) as conn:
        executions.finish(conn, first, execution, "done")
    runs = StoredRuns(instance)
    assert end_runs(shop.pool, runs) == [], "it may be about to begin its next step"
    shop.rows(
        """UPDATE ops.job_execution SET heartbeat_at = now() - make_interval(secs => %(s)s),
            ended_at = now() - make_interval(secs => %(s)s) WHERE state = 'done' RETURNING 1""",
        s=LEFT_ALONE_S + 1,
    )
    assert end_runs(shop.pool, runs) == [over]
    assert _status(instance, working) == "STARTED"
    assert unhandled(shop.pool, [over]) == [over], "what it had not done is nobody's: it is told"


def test_a_run_that_ended_or_is_gone_is_left_alone(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    done = run(defs, instance, JOB.name)
    runs = StoredRuns(instance)
    runs.end(done.run_id, "nothing")
    runs.end("no such run", "nothing")
    assert _status(instance, done.run_id) == "SUCCESS"


def test_lost_work_is_launched_again_as_it_was_and_done_once(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert tick(instance, "again_sensor").run_requests == []
    config = {"ops": {"expire_due_orders": {"config": {"limit": 7}}}}
    first = asked(JOB, step="expire_due_orders", request="tick 1", input={"config": config})
    begin(shop, first)
    let_lease_pass(shop)
    sweep(shop.pool)
    shop.rows("UPDATE ops.job_execution SET again_at = now() - interval '1 s' RETURNING 1")
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
    _lose(shop, 1)
    shop.rows("UPDATE ops.job_execution SET again_at = now() - interval '1 s' RETURNING 1")
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
