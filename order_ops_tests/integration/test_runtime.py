"""Performing work: its end on record, whatever it is, and what people hear of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import psycopg
import pytest
from sqlalchemy import Engine

from order_ops.domain.failures import ClassifiedError, FailureKind
from order_ops.jobs.catalogue import EXPIRE_ORDERS as JOB
from order_ops.jobs.running import runtime
from order_ops.jobs.running.keeper import Clock
from order_ops.jobs.running.run_failures import unhandled
from order_ops.jobs.running.runtime import Running, WorkFailed, perform
from order_ops.store.engine import Connection, transaction
from order_ops.store.executions import LeaseLost, Skipped
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.executions import asked, let_lease_pass


def _perform(shop: Shop, work: Any, run_id: str = "run-1", **more: Any) -> Any:
    ways = {name: more.pop(name) for name in ("is_cancelled",) if name in more}
    return perform(shop.pool, JOB, asked(JOB, run_id, **more), work, **ways)


def _raise(error: BaseException) -> Any:
    def work(*_: Any, **__: Any) -> NoReturn:
        raise error

    return work


def _execution(shop: Shop) -> Any:
    return shop.rows("SELECT * FROM ops.job_execution ORDER BY id DESC LIMIT 1")[0]


def test_work_is_done_once_and_on_record(shop: Shop) -> None:
    assert _perform(shop, lambda running: running.execution.attempt) == 1
    row = _execution(shop)
    assert (row.state, row.run_id, row.error) == ("done", "run-1", None)
    assert row.ended_at >= row.started_at
    again = _perform(shop, _raise(AssertionError("not called")))
    assert isinstance(again, Skipped)
    assert dict(shop.rows("SELECT status, executions FROM ops.job_total")) == {
        "done": 1,
        "skipped": 1,
    }


def test_a_transient_failure_waits_for_its_next_try(shop: Shop) -> None:
    with pytest.raises(WorkFailed) as failed:
        _perform(shop, _raise(ConnectionError("reset")))
    assert failed.value.again_s is not None
    assert 0 <= failed.value.again_s <= 1.0, "full jitter below the first ceiling"
    row = _execution(shop)
    assert (row.state, row.category, row.failures) == ("waiting", "transient", 1)
    assert _perform(shop, lambda running: running.execution.attempt) == 2


def test_tries_end_with_the_policy_of_the_kind(shop: Shop) -> None:
    tries = 0
    again: float | None = 0.0
    while again is not None:
        with pytest.raises(WorkFailed) as failed:
            _perform(shop, _raise(ConnectionError("reset")))
        again, tries = failed.value.again_s, tries + 1
    assert tries == JOB.retries[FailureKind.TRANSIENT].attempts == 5
    assert _execution(shop).state == "failed"


@pytest.mark.parametrize("kind", [FailureKind.PERMANENT, FailureKind.CONFLICT, FailureKind.UNKNOWN])
def test_no_other_kind_is_tried_again(shop: Shop, kind: FailureKind) -> None:
    with pytest.raises(WorkFailed) as failed:
        _perform(shop, _raise(ClassifiedError("no", kind)))
    assert failed.value.again_s is None
    row = _execution(shop)
    assert (row.state, row.category, row.error) == ("failed", kind.value, "no")
    assert "test_runtime.py" in row.stack


def test_three_failures_in_a_row_of_a_step_wake_somebody_until_it_succeeds(shop: Shop) -> None:
    alerts = "SELECT severity, title FROM ops.alert WHERE resolved_at IS NULL"
    for number in range(3):
        assert shop.rows(alerts) == []
        with pytest.raises(WorkFailed):
            _perform(shop, _raise(ValueError("broken")), f"run {number}")
    ((severity, title),) = shop.rows(alerts)
    assert severity == "critical"
    assert "expire_orders_job has failed 3 times in a row" in title
    _perform(shop, lambda _: None, "a dry run", **_dry("a dry run"))
    assert len(shop.rows(alerts)) == 1, "a dry run proves nothing"
    _perform(shop, lambda _: None, "a run")
    assert shop.rows(alerts) == []


def _dry(run_id: str) -> dict[str, Any]:
    return {"work_key": f"run {run_id}", "dry_run": True}


def test_a_dry_run_neither_breaks_a_row_of_failures_nor_is_one_of_them(shop: Shop) -> None:
    alerts = "SELECT 1 FROM ops.alert WHERE starts_with(dedupe_key, 'job:')"
    for number in range(2):
        with pytest.raises(WorkFailed):
            _perform(shop, _raise(ValueError("broken")), f"run {number}")
    for number in range(3):
        with pytest.raises(WorkFailed):
            _perform(shop, _raise(ValueError("a typo")), f"dry {number}", **_dry(f"dry {number}"))
    assert shop.rows(alerts) == [], "a person's tries are no failures of the job"
    _perform(shop, lambda _: None, "dry", **_dry("dry"))
    with pytest.raises(WorkFailed):
        _perform(shop, _raise(ValueError("broken")), "run 3")
    assert len(shop.rows(alerts)) == 1


def test_work_that_was_taken_over_writes_nothing_and_ends_as_lost(shop: Shop) -> None:
    def work(running: Running) -> None:
        let_lease_pass(shop)
        with transaction(running.pool) as conn:
            conn.execute("INSERT INTO ops.pause (name, actor, reason) VALUES ('a', 'b', 'c')")

    with pytest.raises(LeaseLost):
        _perform(shop, work)
    assert shop.rows("SELECT 1 FROM ops.pause") == []
    assert _execution(shop).state == "running", "it is the sweeper's now"


def test_work_that_ends_too_late_is_not_done(shop: Shop) -> None:
    with pytest.raises(LeaseLost):
        _perform(shop, lambda _: let_lease_pass(shop))


def test_what_a_process_that_is_asked_to_end_had_in_hand_is_done_again(shop: Shop) -> None:
    """As by a deployment: nobody has cancelled the run."""
    with pytest.raises(KeyboardInterrupt):
        _perform(shop, _raise(KeyboardInterrupt()))
    assert _execution(shop).state == "waiting"
    assert _execution(shop).again_at - datetime.now(UTC) < timedelta(seconds=5)
    assert unhandled(shop.pool, ["run-1"]) == []
    assert _perform(shop, lambda _: "done") == "done"


def test_what_a_person_cancels_is_not_done_again(shop: Shop) -> None:
    with pytest.raises(KeyboardInterrupt):
        _perform(shop, _raise(KeyboardInterrupt()), is_cancelled=lambda: True)
    assert _execution(shop).state == "cancelled"


def test_work_is_done_again_rather_than_not_at_all(shop: Shop) -> None:
    """Whether it was cancelled cannot be asked."""
    with pytest.raises(KeyboardInterrupt):
        _perform(shop, _raise(KeyboardInterrupt()), is_cancelled=lambda: 1 // 0 == 0)
    assert _execution(shop).state == "waiting"


def test_work_that_cannot_be_begun_is_tried_again_as_its_job_declares(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, stumbles = runtime.executions.begin, [psycopg.OperationalError("starting up")]

    def stumbling(*args: Any) -> Any:
        if stumbles:
            raise stumbles.pop()
        return begin(*args)

    monkeypatch.setattr(runtime.executions, "begin", stumbling)
    assert _perform(shop, lambda _: "done") == "done", "it was soon there again"
    monkeypatch.setattr(runtime.executions, "begin", _raise(psycopg.OperationalError("away")))
    with pytest.raises(WorkFailed) as failed:
        _perform(shop, lambda _: "done", run_id="run-2")
    assert failed.value.kind is FailureKind.TRANSIENT
    assert failed.value.again_s is not None
    assert failed.value.attempts == JOB.retries[FailureKind.TRANSIENT].attempts


def test_an_end_that_was_not_recorded_does_not_keep_a_runs_own_retry_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = runtime.executions.finish
    monkeypatch.setattr(runtime.executions, "finish", _raise(psycopg.OperationalError("away")))
    with pytest.raises(WorkFailed):
        _perform(shop, lambda _: None)
    assert _execution(shop).state == "running"
    monkeypatch.setattr(runtime.executions, "finish", finish)
    assert isinstance(_perform(shop, lambda _: None, run_id="another"), Skipped)
    assert _perform(shop, lambda _: "done") == "done"
    row = _execution(shop)
    assert (row.state, row.attempt, row.failures, row.stalls) == ("done", 2, 1, 0)
    assert shop.rows("SELECT 1 FROM ops.alert") == [], "no worker was lost"


def test_an_end_is_recorded_though_the_database_stumbles(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, failures = (
        runtime.executions.finish,
        [psycopg.OperationalError("the connection is lost")],
    )

    def stumbling(*args: Any, **more: Any) -> bool:
        if failures:
            raise failures.pop()
        return honest(*args, **more)

    monkeypatch.setattr(runtime.executions, "finish", stumbling)
    _perform(shop, lambda _: None)
    assert _execution(shop).state == "done"


def test_done_is_done_though_the_answer_to_its_commit_is_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = []

    @contextmanager
    def answer_lost(pool: Engine) -> Iterator[Connection]:
        with transaction(pool) as conn:
            yield conn
        if not lost and shop.rows("SELECT 1 FROM ops.job_execution WHERE state = 'done'"):
            lost.append(1)
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(runtime, "transaction", answer_lost)
    assert _perform(shop, lambda _: "done") == "done"
    assert lost
    assert shop.rows("SELECT status, executions FROM ops.job_total") == [("done", 1)]


def test_a_failure_that_cannot_be_recorded_is_found_when_the_lease_has_passed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> NoReturn:
        raise psycopg.OperationalError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(runtime.executions, "finish", away)
        with pytest.raises(WorkFailed):
            _perform(shop, _raise(ValueError("broken")))
    assert _execution(shop).state == "running"
    let_lease_pass(shop)
    assert _perform(shop, lambda running: running.execution.attempt) == 2


def test_slow_work_is_told_of_while_it_goes_on(shop: Shop) -> None:
    slow = replace(JOB, timeout_s=2.0, lease_s=60)
    seen: list[Any] = []

    def work(_: Running) -> None:
        while not seen:
            seen.extend(shop.rows("SELECT severity, title, detail FROM ops.alert"))

    perform(shop.pool, slow, asked(slow), work, clock=Clock(lease_s=30))
    ((severity, title, detail),) = seen
    assert (severity, detail["run_id"]) == ("warning", "run-1")
    assert title == "expire_orders_job has taken 80% of its timeout of 2 s"
    assert shop.one("SELECT count(*) FROM ops.alert WHERE resolved_at IS NULL") == 0
