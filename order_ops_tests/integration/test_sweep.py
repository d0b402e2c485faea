"""What dead workers held: freed, told, done again or given up; and their runs ended in Dagster."""

from dataclasses import replace
from typing import Any, ClassVar

import dagster as dg
import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.domain.jobs import STALLS
from order_ops.jobs.catalogue import EXPIRE_ORDERS as JOB
from order_ops.jobs.running import job_alerts
from order_ops.jobs.running.keeper import Clock
from order_ops.jobs.running.run_failures import unhandled
from order_ops.jobs.running.runtime import Running, WorkFailed, perform
from order_ops.jobs.running.sweep import LEFT_ALONE_S, StartedRun, end_runs, sweep
from order_ops.orchestration.run_storage import StoredRuns
from order_ops.store import executions
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run
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


def test_work_that_is_given_up_counts_as_failed_and_its_letter_alone_speaks_of_it(
    shop: Shop,
) -> None:
    for run_id in ("run-1", "run-2", "run-3"):
        begin(shop, asked(JOB, run_id))
        _to_the_last_loss(shop)
        let_lease_pass(shop)
        (lost,) = sweep(shop.pool)
        assert lost.given_up
    told = shop.rows("SELECT dedupe_key FROM ops.alert WHERE resolved_at IS NULL ORDER BY 1")
    (letters,) = {row.dedupe_key for row in told} - {"job:expire_orders_job:expire_orders"}
    assert letters.startswith("dead_letter:")
    assert dict(shop.rows("SELECT status, executions FROM ops.job_total"))["failed"] == 3


def _to_the_last_loss(shop: Shop) -> None:
    shop.rows("UPDATE ops.job_execution SET stalls = %(n)s RETURNING 1", n=STALLS)


def test_one_that_cannot_be_swept_keeps_no_other_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(shop, asked(JOB, step="bad"))
    begin(shop, asked(JOB, step="good"))
    let_lease_pass(shop)
    honest = job_alerts.tell_lost

    def tell(conn: Any, lost: Any) -> None:
        if lost.step == "bad":
            raise ValueError("cannot be told")
        honest(conn, lost)

    monkeypatch.setattr(job_alerts, "tell_lost", tell)
    with pytest.raises(ValueError, match="cannot be told"):
        sweep(shop.pool)
    states = dict(shop.rows("SELECT step, state FROM ops.job_execution"))
    assert states == {"bad": "running", "good": "waiting"}


def test_work_of_a_job_that_has_left_the_catalogue_is_freed_and_told_of(shop: Shop) -> None:
    gone = replace(asked(JOB), job="send_reminders_job")
    begin(shop, gone)
    let_lease_pass(shop)
    (lost,) = sweep(shop.pool)
    assert lost.job == "send_reminders_job"
    assert shop.one("SELECT title FROM ops.alert").startswith("send_reminders_job was lost")


def test_an_attempt_that_failed_is_slow_no_more(shop: Shop) -> None:
    def slow_then_fails(_: Running) -> None:
        wait_until(lambda: shop.rows("SELECT 1 FROM ops.alert"), 60, "it to be slow")
        raise ValueError

    slow = replace(JOB, timeout_s=2.0)
    with pytest.raises(WorkFailed):
        perform(shop.pool, slow, asked(JOB), slow_then_fails, clock=Clock(30.0))
    assert shop.rows("SELECT 1 FROM ops.alert WHERE resolved_at IS NULL") == []


def test_any_loss_is_told_once_and_ends_when_the_work_is_done(shop: Shop) -> None:
    _lose(shop, 2)
    open_alerts = "SELECT severity, title FROM ops.alert WHERE resolved_at IS NULL"
    ((severity, title),) = shop.rows(open_alerts)
    assert severity == "critical"
    assert title.startswith("expire_orders_job was lost with run run-1: its worker here:1 was last")
    assert title.endswith("done again, loss 2/3")
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


def test_a_run_that_never_began_its_work_is_ended(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its worker died before the ledger heard of it."""
    unseen, working = _started(defs, instance), _started(defs, instance)
    begin(shop, asked(JOB, working))
    runs = StoredRuns(instance)
    assert end_runs(shop.pool, runs) == [], "it may be about to begin"
    monkeypatch.setattr("order_ops.jobs.running.sweep.LEFT_ALONE_S", 0.0)
    assert end_runs(shop.pool, runs) == [unseen]
    assert _status(instance, working) == "STARTED"
    assert unhandled(shop.pool, [unseen]) == [unseen], "it is told"


def test_a_run_that_cannot_be_ended_keeps_no_other_alive(shop: Shop) -> None:
    class Two:
        ended: ClassVar[list[str]] = []

        def started(self) -> list[StartedRun]:
            return [StartedRun(run_id, 500.0, ours=True) for run_id in ("bad", "good")]

        def end(self, run_id: str, why: str) -> None:
            if run_id == "bad":
                raise ValueError("no such job any more")
            self.ended.append(run_id)

    with pytest.raises(ValueError, match="no such job"):
        end_runs(shop.pool, Two())
    assert Two.ended == ["good"]


def test_a_run_of_somebody_else_is_left_alone(
    shop: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of assets that another code location has, or of its jobs; they begin no work of ours."""

    @dg.asset
    def a_model_of_the_analysts() -> None: ...

    theirs = dg.Definitions(
        assets=[a_model_of_the_analysts]
    ).resolve_implicit_global_asset_job_def()
    started = dg.DagsterRunStatus.STARTED
    chosen = frozenset({a_model_of_the_analysts.key})
    made = instance.create_run_for_job(theirs, status=started, asset_selection=chosen)
    instance.add_run(dg.DagsterRun(job_name="their_job", status=started))
    monkeypatch.setattr("order_ops.jobs.running.sweep.LEFT_ALONE_S", 0.0)
    runs = StoredRuns(instance)
    assert [run.ours for run in runs.started()] == [False, False]
    assert end_runs(shop.pool, runs) == []
    assert _status(instance, made.run_id) == "STARTED"


def test_a_run_that_ended_or_is_gone_is_left_alone(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    done = run(defs, instance, JOB.name)
    runs = StoredRuns(instance)
    runs.end(done.run_id, "nothing")
    runs.end("no such run", "nothing")
    assert _status(instance, done.run_id) == "SUCCESS"
