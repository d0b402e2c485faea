"""Faults of what runs the jobs: a run, the code server, the daemon and the run storage may go."""

from collections.abc import Iterator

import psutil
import pytest

from order_ops.devstack.processes import wait_gone
from order_ops.devstack.waiting import wait_until
from order_ops_tests.faults.dagster_system import JOB, READY_S, Dagster, kill, log_of
from order_ops_tests.faults.servers import Servers
from order_ops_tests.faults.system import System

FREE_S = 60.0
"""What a dead worker held is free within it."""
LOST = "SELECT state, stalls FROM ops.job_execution WHERE run_id = %s"
STALLS = "SELECT coalesce(sum(executions), 0) FROM ops.job_total WHERE status = 'stalled'"


@pytest.fixture
def dagster(system: System, servers: Servers) -> Iterator[Dagster]:
    """Everything runs, and a run of Dagster's applies events."""
    with servers.postgres.database(template="template1") as storage:
        made = Dagster(system, storage)
        system.start("consume").wait_said("consumer.consuming")
        try:
            yield made
        finally:
            system.close()


def _publish(dagster: Dagster, orders: int = 40) -> None:
    dagster.system.workload.publish(dagster.system.workload.lives(orders))


def test_worker_killed(dagster: Dagster) -> None:
    """The code server sees its child die; the next run takes over when the lease has passed."""
    dagster.start_code_server()
    dagster.start_daemon()
    _publish(dagster)
    run, pid = dagster.applying()
    kill(pid)
    _publish(dagster)
    dagster.check(failed=[run])
    assert len(dagster.runs("SUCCESS")) >= 1


def test_worker_and_code_server_killed(dagster: Dagster) -> None:
    """Nobody is left to say that the run died: the watcher frees what it held, and ends it."""
    code_server = dagster.start_code_server()
    dagster.start_daemon()
    dagster.start_watcher()
    _publish(dagster)
    run, pid = dagster.applying()
    assert pid in {one.pid for one in dagster.kill(code_server)}, "the run went with it"
    wait_until(lambda: dagster.runs("FAILURE") == [run], FREE_S, "the end of the run")
    (lost,) = dagster.system.rows(LOST, run)
    assert lost == ("waiting", 1)
    _publish(dagster)
    dagster.start_code_server()
    dagster.check(failed=[run])
    assert dagster.system.one(STALLS) == 1


def test_watcher_killed_with_a_worker(dagster: Dagster) -> None:
    """The next watcher finds what the last one did not live to see."""
    dagster.start_code_server()
    dagster.start_daemon()
    watcher = dagster.start_watcher()
    _publish(dagster)
    run, pid = dagster.applying()
    dagster.kill(watcher)
    kill(pid)
    dagster.start_watcher()
    _publish(dagster)
    dagster.check(failed=[run])
    assert dagster.system.one(STALLS) == 1


def test_daemon_killed(dagster: Dagster) -> None:
    """The run that is under way goes on, and the next daemon asks for more."""
    dagster.start_code_server()
    daemon = dagster.start_daemon()
    dagster.start_watcher()
    _publish(dagster)
    _, pid = dagster.applying()
    dagster.kill(daemon)
    assert psutil.pid_exists(pid)
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
    run, pid = dagster.applying()
    process = psutil.Process(pid)
    process.suspend()
    wait_until(lambda: dagster.runs("FAILURE") == [run], FREE_S, "the end of the run")
    _publish(dagster)
    dagster.system.all_staged()
    wait_until(lambda: not dagster.system.unsettled(), READY_S, "another run to apply everything")
    process.resume()
    wait_gone([process], timeout=30, what="the run that slept")
    dagster.check(failed=[run])


def test_two_daemons(dagster: Dagster) -> None:
    """Both ask for runs: one run applies, another finds the lease taken."""
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
    dagster.check(failed=[])


def test_runs_deleted(dagster: Dagster) -> None:
    """Every trace of the runs goes, while one of them works: the events need none of it."""
    dagster.start_code_server()
    dagster.start_daemon()
    _publish(dagster)
    run, pid = dagster.applying()
    for table in ("event_logs", "run_tags", "runs"):
        dagster.rows(f"DELETE FROM {table}")
    assert dagster.runs("STARTED") == []
    assert psutil.pid_exists(pid), f"run {run} works on, and is not known any more"
    _publish(dagster)
    dagster.system.all_staged()
    wait_until(lambda: not dagster.system.unsettled(), READY_S, "the events")
    kill(pid)
    _publish(dagster)
    dagster.applying()
    dagster.check(failed=dagster.runs("FAILURE"))
    assert run not in dagster.runs("SUCCESS", "FAILURE", job=JOB)
