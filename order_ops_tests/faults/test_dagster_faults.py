"""Faults of what runs the jobs: a run, the code server, the daemon and the run storage may go."""

from contextlib import suppress

import psutil
import pytest

from order_ops.devstack.processes import wait_gone
from order_ops.devstack.waiting import wait_until
from order_ops.orchestration.performing import REQUEST, SKIPPED
from order_ops_tests.faults.dagster_system import JOB, READY_S, Dagster, kill, log_of
from order_ops_tests.faults.launching import Launcher
from order_ops_tests.shop import created, reserved

FREE_S = 60.0
"""What a dead worker held is free within it."""
LOST = "SELECT state, stalls FROM ops.job_execution WHERE run_id = %s"
EXPIRE = "expire_orders_job"
TOGETHER = """SELECT count(*) FROM ops.job_execution one JOIN ops.job_execution other
    ON one.id < other.id AND one.job = other.job AND one.step = other.step
        AND one.work_key = other.work_key
        AND tstzrange(one.started_at, one.ended_at) && tstzrange(other.started_at, other.ended_at)
"""
"""Executions of the same work at the same time."""
STALLS = "SELECT coalesce(sum(executions), 0) FROM ops.job_total WHERE status = 'stalled'"


@pytest.fixture
def dagster(dagster: Dagster) -> Dagster:
    """With a consumer, so that a run of Dagster's has events to apply."""
    dagster.system.start("consume").wait_said("consumer.consuming")
    return dagster


def _publish(dagster: Dagster, orders: int = 40) -> None:
    dagster.system.workload.publish(dagster.system.workload.lives(orders))


def test_worker_killed(dagster: Dagster) -> None:
    """The code server sees its child die; the next run takes over when the lease has passed."""
    dagster.start_code_server()
    dagster.start_daemon()
    _publish(dagster)
    run, process = dagster.halted()
    kill(process)
    _publish(dagster)
    dagster.check(failed=[run])
    assert len(dagster.runs("SUCCESS")) >= 1
    assert dagster.system.one(STALLS) == 1


def test_worker_and_code_server_killed(dagster: Dagster) -> None:
    """Nobody is left to say that the run died: the watcher frees what it held, and ends it."""
    code_server = dagster.start_code_server()
    dagster.start_daemon()
    dagster.start_watcher()
    _publish(dagster)
    run, process = dagster.halted()
    assert process in dagster.kill(code_server), "the run went with it"
    wait_until(lambda: dagster.runs("FAILURE") == [run], FREE_S, "the end of the run")
    (lost,) = dagster.system.rows(LOST, run)
    assert lost == ("waiting", 1)
    _publish(dagster)
    dagster.start_code_server()
    dagster.check(failed=[run])
    assert dagster.system.one(STALLS) == 1


def test_watcher_killed_with_a_worker(dagster: Dagster) -> None:
    """The next watcher finds what the last one did not live to see, when nobody else works."""
    dagster.start_code_server()
    daemon = dagster.start_daemon()
    watcher = dagster.start_watcher()
    _publish(dagster)
    run, process = dagster.halted()
    dagster.kill(daemon)
    dagster.kill(watcher)
    kill(process)
    dagster.start_watcher()
    wait_until(lambda: dagster.system.rows(LOST, run) == [("waiting", 1)], FREE_S, "it to be free")
    _publish(dagster)
    dagster.start_daemon()
    dagster.check(failed=[run])
    assert dagster.system.one(STALLS) == 1


def test_daemon_killed(dagster: Dagster) -> None:
    """The run that is under way goes on, and the next daemon asks for more."""
    dagster.start_code_server()
    daemon = dagster.start_daemon()
    dagster.start_watcher()
    _publish(dagster)
    _, process = dagster.halted()
    dagster.kill(daemon)
    process.resume()
    _publish(dagster)
    dagster.system.all_staged()
    dagster.start_daemon()
    dagster.check(failed=[])


def test_stopped_past_its_lease(dagster: Dagster) -> None:
    """Others take its work over; when it wakes it writes nothing, and ends."""
    dagster.start_code_server()
    dagster.start_daemon()
    dagster.start_watcher()
    _publish(dagster)
    run, process = dagster.halted()
    wait_until(lambda: dagster.runs("FAILURE") == [run], FREE_S, "the end of the run")
    _publish(dagster)
    dagster.system.all_staged()
    wait_until(lambda: not dagster.system.unsettled(), READY_S, "another run to apply everything")
    process.resume()
    wait_gone([process], timeout=30, what="the run that slept")
    dagster.check(failed=[run])


def test_two_daemons(dagster: Dagster) -> None:
    """Both ask for runs, and one run at a time applies."""
    dagster.start_code_server()
    daemons = [dagster.start_daemon(), dagster.start_daemon()]
    for _ in range(3):
        _publish(dagster, 20)
        dagster.applying()
        dagster.system.all_staged()
        wait_until(lambda: not dagster.system.unsettled(), READY_S, "the events")
    for daemon in daemons:
        wait_until(lambda one=daemon: "SensorDaemon" in log_of(one), READY_S, "its sensors")  # type: ignore[misc]
        assert daemon.runs()
    assert dagster.system.one(TOGETHER) == 0
    dagster.check(failed=[])


def test_two_daemons_at_one_tick(dagster: Dagster, launcher: Launcher) -> None:
    """Each tick's work is done by one run, however many were asked for and launched.

    That both launch at the same instant is rare: what the later one then launches is launched here.
    """
    daemons = [dagster.start_daemon(), dagster.start_daemon()]
    done = """SELECT count(*) FROM ops.job_execution
        WHERE job = 'expire_orders_job' AND ended_at IS NOT NULL"""
    askable = "UPDATE ops.alert SET last_seen_at = now() - interval '1 hour'"
    for number in (1, 2):
        order = f"late{number}"
        dagster.system.workload.publish([created(order), reserved(order)])
        wait_until(lambda n=number: dagster.system.one(done) >= n, READY_S, "its tick")  # type: ignore[misc]
        dagster.system.rows(askable)  # there is no provider here, and what is down is left alone
    for daemon in daemons:
        wait_until(lambda one=daemon: "SchedulerDaemon" in log_of(one), READY_S, "its schedules")  # type: ignore[misc]
        assert daemon.runs()
    last = "SELECT max(request) FROM ops.job_execution WHERE job = 'expire_orders_job'"
    late = launcher.launch(EXPIRE, {}, {REQUEST: dagster.system.one(last)})
    wait_until(lambda: not dagster.held(), READY_S, "the end of every run")
    done_by = "SELECT request, run_ids, state, attempt FROM ops.job_execution WHERE job = %s"
    ticks = {row[0]: row[1:] for row in dagster.system.rows(done_by, EXPIRE)}
    assert len(ticks) >= 2
    launched = dagster.tagged(REQUEST, job=EXPIRE)
    skipped = dagster.tagged(SKIPPED, job=EXPIRE)
    assert late in {run for run, _ in skipped}
    assert {request for _, request in launched} == set(ticks)
    for request, ((run,), state, attempt) in ticks.items():
        assert (state, attempt) == ("done", 1)
        others = {one for one, asked in launched if asked == request} - {run}
        assert others <= {one for one, _ in skipped}, f"{request} was done twice"
    assert set(dagster.runs("SUCCESS", job=EXPIRE)) == {one for one, _ in launched}


def test_runs_deleted(dagster: Dagster) -> None:
    """Every trace of the runs goes, while one of them works: the events need none of it."""
    dagster.start_code_server()
    dagster.start_daemon()
    _publish(dagster)
    run, process = dagster.halted()
    process.resume()
    for table in ("event_logs", "run_tags", "runs"):
        dagster.rows(f"DELETE FROM {table}")
    assert dagster.runs("STARTED") == []
    _publish(dagster)
    dagster.system.all_staged()
    wait_until(lambda: not dagster.system.unsettled(), READY_S, "the events")
    with suppress(psutil.NoSuchProcess):
        kill(process)
    _publish(dagster)
    dagster.applying()
    dagster.check(failed=dagster.runs("FAILURE"))
    assert run not in dagster.runs("SUCCESS", "FAILURE", job=JOB)
