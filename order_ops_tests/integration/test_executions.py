"""The execution ledger: one request is done once, one piece of work is in one pair of hands."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from order_ops.domain.jobs import STALLS
from order_ops.jobs.catalogue import EXPIRE_ORDERS as JOB
from order_ops.jobs.catalogue import RECONCILE_PAYMENTS
from order_ops.jobs.running.run_failures import unhandled
from order_ops.jobs.running.runtime import perform
from order_ops.store import executions, lost_work
from order_ops.store.engine import guarded, transaction
from order_ops.store.executions import Asked, Ended, Execution, Failed, LeaseLost, Skipped
from order_ops.store.queries import executions as sql
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.executions import asked, begin, let_lease_pass, lose

TICK = asked(JOB, "tick-run", request="tick 1")


def _begin(shop: Shop, wanted: Asked) -> Execution | Skipped:
    with transaction(shop.pool) as conn:
        return executions.begin(conn, wanted)


def _end(shop: Shop, wanted: Asked, execution: Execution, state: Ended = "done") -> None:
    failed = Failed("transient", "E", "e") if state in ("failed", "waiting") else None
    with transaction(shop.pool) as conn:
        executions.finish(conn, wanted, execution, state, failed)


def _reason(shop: Shop, wanted: Asked) -> str:
    found = _begin(shop, wanted)
    assert isinstance(found, Skipped)
    return found.reason


def test_the_same_tick_twice_and_a_manual_launch_are_one_execution(shop: Shop) -> None:
    first = begin(shop, TICK)
    assert "run tick-run is doing it, since 20" in _reason(shop, replace(TICK, run_id="twin"))
    assert "run tick-run is doing it" in _reason(shop, asked(JOB, "manual"))
    _end(shop, TICK, first)
    assert "run tick-run did it at 20" in _reason(shop, replace(TICK, run_id="late twin"))
    assert shop.one("SELECT count(*) FROM ops.job_execution") == 1


def test_a_person_may_have_it_done_again_once_it_is_done(shop: Shop) -> None:
    _end(shop, TICK, begin(shop, TICK))
    again = begin(shop, asked(JOB, "manual"))
    assert again.attempt == 1
    assert shop.one("SELECT count(*) FROM ops.job_execution") == 2


def test_twenty_at_once_are_one_execution(shop: Shop) -> None:
    start = threading.Barrier(4)

    def ask(number: int) -> bool:
        if number < 4:
            start.wait(10)
        return isinstance(_begin(shop, replace(TICK, run_id=f"run {number}")), Execution)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(ask, range(20))) == 1


def test_other_partitions_are_other_work(shop: Shop) -> None:
    begin(shop, asked(RECONCILE_PAYMENTS, work_key="shop-cards|2026-03-10"))
    begin(shop, asked(RECONCILE_PAYMENTS, work_key="shop-cards|2026-03-11"))
    in_hand = "SELECT work_key FROM ops.job_execution WHERE state = 'running' ORDER BY id"
    assert shop.rows(in_hand) == [("shop-cards|2026-03-10",), ("shop-cards|2026-03-11",)]


def test_what_a_dead_worker_had_is_taken_over_and_its_loss_counted(shop: Shop) -> None:
    first = begin(shop, TICK)
    let_lease_pass(shop)
    second = begin(shop, replace(TICK, run_id="heir"))
    assert (second.attempt, second.fence > first.fence) == (2, True)
    assert second.lost is not None
    assert second.lost.run_id == "tick-run"
    row = shop.rows("SELECT run_id, run_ids, stalls FROM ops.job_execution")[0]
    assert row == ("heir", ["tick-run", "heir"], 1)
    with pytest.raises(LeaseLost), transaction(shop.pool) as conn:
        executions.hold(conn, first)
    with pytest.raises(LeaseLost):
        _end(shop, TICK, first)


def test_a_stale_holder_writes_nothing(shop: Shop) -> None:
    first = begin(shop, TICK)
    stale = guarded(shop.pool, lambda conn: executions.hold(conn, first))
    with transaction(stale) as conn:
        conn.execute("INSERT INTO ops.pause (name, actor, reason) VALUES ('a', 'b', 'c')")
    let_lease_pass(shop)
    with pytest.raises(LeaseLost, match="not ours any more"), transaction(stale) as conn:
        conn.execute("INSERT INTO ops.pause (name, actor, reason) VALUES ('b', 'b', 'c')")
    assert shop.rows("SELECT name FROM ops.pause") == [("a",)]


def test_nobody_takes_over_between_the_check_and_the_commit(shop: Shop) -> None:
    first = begin(shop, TICK)
    with transaction(shop.pool) as conn:
        executions.hold(conn, first)
        with transaction(shop.pool) as other:
            other.execute("SET LOCAL lock_timeout = '100ms'")
            taken = "UPDATE ops.job_execution SET fence = fence + 1"
            with pytest.raises(Exception, match="lock timeout"):
                other.execute(taken)
            other.rollback()


def test_a_lease_is_renewed_and_never_past_its_deadline(shop: Shop) -> None:
    execution = begin(shop, replace(TICK, lease_s=5.0, most_s=10.0))
    with transaction(shop.pool) as conn:
        executions.renew(conn, execution, lease_s=3_600)
    assert shop.one("SELECT lease_until = deadline_at FROM ops.job_execution")
    let_lease_pass(shop)
    with pytest.raises(LeaseLost), transaction(shop.pool) as conn:
        executions.renew(conn, execution, lease_s=5.0)


def test_three_losses_are_done_again_and_the_fourth_is_given_up(shop: Shop) -> None:
    begin(shop, TICK)
    for loss in range(1, STALLS + 2):
        let_lease_pass(shop)
        (lost,) = lose(shop)
        assert (lost.stalls, lost.given_up) == (loss, loss == STALLS + 1)
        if not lost.given_up:
            begin(shop, TICK)
    assert "could not do it (Stalled)" in _reason(shop, TICK)
    assert begin(shop, asked(JOB, "manual")).attempt == 1, "a new request begins anew"


def test_losses_of_the_same_work_add_up_over_requests(shop: Shop) -> None:
    """A job that kills its worker each minute is given up, whatever asks for it."""
    for tick in range(STALLS + 1):
        begin(shop, replace(TICK, request=f"tick {tick}"))
        let_lease_pass(shop)
    (lost,) = lose(shop)
    assert lost.given_up
    states = dict(shop.rows("SELECT request, state FROM ops.job_execution"))
    assert states["tick 0"] == "superseded"
    assert "a later request has taken its place" in _reason(shop, replace(TICK, request="tick 0"))


def test_the_last_loss_is_left_to_who_writes_its_dead_letter(shop: Shop) -> None:
    for _ in range(STALLS):
        begin(shop, TICK)
        let_lease_pass(shop)
    begin(shop, TICK)
    let_lease_pass(shop)
    assert "once too often" in _reason(shop, TICK)


def test_failed_is_not_done_again_by_a_duplicate(shop: Shop) -> None:
    _end(shop, TICK, begin(shop, TICK), "failed")
    assert "replay its dead letter" in _reason(shop, replace(TICK, run_id="twin"))


def test_cancelled_work_is_free_for_whoever_asks(shop: Shop) -> None:
    _end(shop, TICK, begin(shop, TICK), "cancelled")
    assert begin(shop, TICK).attempt == 1


def test_inputs_are_read_again_with_what_needs_them(shop: Shop) -> None:
    inputs = replace(TICK, once=False)
    _end(shop, inputs, begin(shop, inputs))
    assert begin(shop, inputs).attempt == 1


def test_failures_are_counted_apart_from_losses(shop: Shop) -> None:
    _end(shop, TICK, begin(shop, TICK), "waiting")
    begin(shop, TICK)
    let_lease_pass(shop)
    third = begin(shop, TICK)
    assert (third.attempt, third.failures) == (3, 1)


DAY = "shop-cards|2026-03-10"


def _of_day(run_id: str, step: str) -> Asked:
    """A step of a day's run; its inputs are made again by each run that needs them."""
    once = step == "reconcile_payments"
    made = {"step": step, "work_key": DAY, "request": f"day {DAY}:1.0", "once": once}
    return asked(RECONCILE_PAYMENTS, run_id, **made)


def _do(shop: Shop, run_id: str, step: str, state: Ended = "done") -> None:
    wanted = _of_day(run_id, step)
    _end(shop, wanted, begin(shop, wanted), state)


def test_a_failure_is_told_though_another_run_of_its_request_did_a_part_again(shop: Shop) -> None:
    _do(shop, "A", "provider_transactions")
    _do(shop, "A", "reconcile_payments", "failed")
    assert unhandled(shop.pool, ["A"]) == ["A"]
    _do(shop, "B", "provider_transactions")
    assert "run A could not do it" in _reason(shop, _of_day("B", "reconcile_payments"))
    assert unhandled(shop.pool, ["A"]) == ["A"]


def _left_alone(shop: Shop, *run_ids: str) -> list[str]:
    with transaction(shop.pool) as conn:
        return [row.run for row in sql.left_alone(conn, run_ids=list(run_ids), older_s=60)]


def test_a_run_that_has_work_in_hand_is_alive_whoever_does_its_other_steps_again(
    shop: Shop,
) -> None:
    _do(shop, "A", "provider_transactions")
    begin(shop, _of_day("A", "reconcile_payments"))
    _do(shop, "B", "provider_transactions")
    assert _left_alone(shop, "A", "B") == []
    let_lease_pass(shop)
    assert _left_alone(shop, "A", "B") == [], "its lease may yet be found by who sweeps"
    lose(shop)
    assert _left_alone(shop, "A", "B") == ["A"]
    begin(shop, _of_day("B", "reconcile_payments"))
    assert _left_alone(shop, "A", "B") == ["A"], "and so it is when another has its work"


def test_a_run_is_left_alone_though_another_does_a_part_of_its_work_again_now(shop: Shop) -> None:
    for step in ("provider_transactions", "internal_transactions"):
        _do(shop, "A", step)
    shop.rows(
        "UPDATE ops.job_execution SET heartbeat_at = now() - interval '2 min', "
        "ended_at = now() - interval '2 min' RETURNING 1"
    )
    begin(shop, _of_day("B", "provider_transactions"))
    assert _left_alone(shop, "A", "B") == ["A"]


def test_a_run_whose_work_waits_is_withheld_and_not_done_by_others(shop: Shop) -> None:
    _end(shop, TICK, begin(shop, TICK), "waiting")
    with transaction(shop.pool) as conn:
        assert lost_work.withheld(conn, ["tick-run"]) == {"tick-run"}
        assert lost_work.done_by_others(conn, ["tick-run"]) == set()
    begin(shop, replace(TICK, run_id="heir"))
    with transaction(shop.pool) as conn:
        assert lost_work.done_by_others(conn, ["tick-run", "heir"]) == {"tick-run"}


def test_a_loss_that_is_found_by_who_has_nothing_to_do_is_told_too(shop: Shop) -> None:
    _end(shop, TICK, begin(shop, TICK))
    begin(shop, asked(JOB, "lost"))
    let_lease_pass(shop)
    skipped = perform(shop.pool, JOB, replace(TICK, run_id="twin"), lambda _: None)
    assert isinstance(skipped, Skipped)
    assert shop.one("SELECT detail ->> 'run_id' FROM ops.alert") == "lost"


def test_one_of_ten_fails_and_the_ledger_says_a_tenth(shop: Shop) -> None:
    for number in range(10):
        wanted = replace(TICK, request=f"tick {number}")
        _end(shop, wanted, begin(shop, wanted), "failed" if number == 3 else "done")
    totals = dict(shop.rows("SELECT status, executions FROM ops.job_total"))
    assert totals == {"done": 9, "failed": 1}
    shop.rows("DELETE FROM ops.job_execution RETURNING 1")
    assert shop.one("SELECT sum(executions) FROM ops.job_total") == 10, "purging does not count"
    assert shop.one("SELECT buckets[14] FROM ops.job_total WHERE status = 'done'") == 9
