"""What is in hand is kept, and stopped: process, database session, HTTP call, in real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.jobs.catalogue import EXPIRE_ORDERS
from order_ops.jobs.running.sweep import sweep
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.executions import asked, begin

LEASE_S = 3.0


@contextmanager
def _worker(*words: str, lease_s: float = LEASE_S) -> Iterator[subprocess.Popen[bytes]]:
    module = [sys.executable, "-m", "order_ops_tests.integration.workers", "execute_run"]
    env = os.environ | {"ORDER_OPS_LEASE_S": str(lease_s)}
    with subprocess.Popen([*module, *words], stdout=subprocess.PIPE, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def _begun(shop: Shop) -> None:
    wait_until(lambda: shop.rows("SELECT 1 FROM ops.job_execution"), 60, "the work to begin")


def _name(process: subprocess.Popen[bytes]) -> str:
    return f"order_ops {process.pid}@{socket.gethostname()[:40]}"


def _sessions(shop: Shop, process: subprocess.Popen[bytes]) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %(name)s"
    return [row.pid for row in shop.rows(query, name=_name(process))]


@contextmanager
def _free_when_gone(shop: Shop, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """At no time in the block may the work be begun while something of the process goes on.

    That it is free is asked first: what is found afterwards was there when it was free.
    """
    free = """SELECT state <> 'running' OR lease_until < clock_timestamp() AS free,
        (SELECT count(*) FROM pg_stat_activity WHERE application_name = %(name)s) AS sessions
        FROM ops.job_execution"""
    over, looks = threading.Event(), list[tuple[bool, int]]()

    def look() -> None:
        while not over.is_set():
            (row,) = shop.rows(free, name=_name(process))
            looks.append((row.free, row.sessions))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
        wait_until(lambda: looks[-1][0], 60, "the work to be free")
    finally:
        over.set()
        looking.join(30)
    assert [sessions for free, sessions in looks if free and sessions] == []
    assert looks[0][1], "it had sessions at first"


@pytest.mark.parametrize("where", ["in_sql", "in_python", "in_transaction"])
def test_work_past_its_timeout_is_gone_everywhere_before_it_is_done_again(
    shop: Shop, where: str
) -> None:
    with _worker(where, "1.5") as process:
        _begun(shop)
        with _free_when_gone(shop, process):
            assert process.wait(timeout=60) == -signal.SIGKILL
        assert process.stdout is not None
        said = json.loads(process.stdout.read().splitlines()[-1])
        (lost,) = sweep(shop.pool)
    assert (lost.error_type, lost.error) == ("TimedOut", "timed out after 1.5 s")
    assert where in (lost.stack or ""), "it is known where it was"
    assert said["event"] == "work.stopped"
    assert (said["run_id"], said["execution_id"], said["attempt"]) == ("run-1", lost.id, 1)
    assert shop.rows("SELECT 1 FROM ops.pause") == []
    assert begin(shop, asked(EXPIRE_ORDERS, step=where, request="request")).attempt == 2
    totals = dict(shop.rows("SELECT status, executions FROM ops.job_total"))
    assert totals == {"timed_out": 1}


def test_a_process_that_is_asked_to_end_in_the_middle_of_a_statement_hands_its_work_back(
    shop: Shop,
) -> None:
    """The session takes no rollback then: its error hid the interrupt, and the work went on."""
    asleep = """SELECT count(*) FROM pg_stat_activity
        WHERE application_name = %(name)s AND wait_event = 'PgSleep'"""
    with _worker("in_sql", "60") as process:
        wait_until(lambda: shop.one(asleep, name=_name(process)), 60, "the statement")
        process.terminate()
        assert process.wait(timeout=30) == 1
        row = shop.rows("SELECT state, error_type, failures FROM ops.job_execution")[0]
        assert tuple(row) == ("waiting", None, 0)
        wait_until(lambda: not _sessions(shop, process), 30, "the end of its sessions")


def test_work_whose_session_will_not_end_is_not_free_before_its_lease_has_passed(
    shop: Shop,
) -> None:
    with _worker("in_transaction", "1.5", lease_s=60) as process:
        _begun(shop)
        wait_until(lambda: _sessions(shop, process), 30, "its session")
        sessions = _sessions(shop, process)
        for session in sessions:
            os.kill(session, signal.SIGSTOP)
        try:
            assert process.wait(timeout=60) == -signal.SIGKILL
            assert _sessions(shop, process) == sessions
            assert sweep(shop.pool) == []
        finally:
            for session in sessions:
                os.kill(session, signal.SIGCONT)
    assert shop.rows("SELECT 1 FROM ops.pause") == []


def test_work_is_stopped_though_nobody_reads_what_it_says(shop: Shop) -> None:
    """Its line blocks at a pipe that is full; another may begin it, so it must be gone."""
    with _worker("in_lines", "1.5") as process:
        _begun(shop)
        assert process.wait(timeout=60) == -signal.SIGKILL
        (lost,) = sweep(shop.pool)
    assert lost.error_type == "TimedOut"


def test_work_that_lets_no_other_thread_go_on_is_gone_before_its_lease_passes(shop: Shop) -> None:
    with _worker("in_regex", "1.5") as process:
        _begun(shop)
        wait_until(lambda: process.poll() is not None, 60, "the end of the process")
        assert process.returncode == -signal.SIGALRM
        assert shop.one("SELECT lease_until > clock_timestamp() FROM ops.job_execution")
        wait_until(lambda: sweep(shop.pool), LEASE_S * 10, "its lease to pass")


def test_work_is_gone_before_it_has_been_held_for_the_longest_that_it_may_be(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long its lease is: nobody renews it past that."""
    monkeypatch.setenv("MOST_S", str(LEASE_S))
    with _worker("in_regex", "1.5", lease_s=60) as process:
        _begun(shop)
        wait_until(lambda: process.poll() is not None, 60, "the end of the process")
        assert process.returncode == -signal.SIGALRM
        assert shop.one("SELECT lease_until > clock_timestamp() FROM ops.job_execution")


def test_a_call_that_hangs_ends_with_the_timeout(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with _worker("in_http", "1.5", f"http://127.0.0.1:{silent.getsockname()[1]}/") as process:
            connection, _ = silent.accept()
            assert process.wait(timeout=60) == -signal.SIGKILL
        with connection:
            connection.settimeout(30)
            while connection.recv(4_096):
                pass  # the request, then the end of the connection


def test_a_lease_is_renewed_while_the_work_goes_on(shop: Shop) -> None:
    with _worker("in_python", "60") as process:
        _begun(shop)
        until = shop.one("SELECT lease_until FROM ops.job_execution")
        renewed = "SELECT lease_until > %(u)s + interval '2 s' FROM ops.job_execution"
        wait_until(lambda: shop.one(renewed, u=until), 60, "two renewals")
        assert process.poll() is None
        assert sweep(shop.pool) == []


def test_a_process_that_slept_past_its_lease_ends_and_writes_nothing(shop: Shop) -> None:
    with _worker("in_transaction", "60") as process:
        _begun(shop)
        os.kill(process.pid, signal.SIGSTOP)
        wait_until(lambda: sweep(shop.pool), LEASE_S * 10, "its lease to pass")
        begin(shop, asked(EXPIRE_ORDERS, step="in_transaction", request="request"))
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(timeout=60) == -signal.SIGALRM, "it does nothing when it wakes"
        wait_until(lambda: not _sessions(shop, process), 30, "the end of its sessions")
    assert shop.rows("SELECT 1 FROM ops.pause") == []
    assert shop.rows("SELECT state, attempt FROM ops.job_execution") == [("running", 2)]


def test_a_worker_that_takes_more_memory_than_it_may_dies_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is its own error, with a place in the code, and not the machine's choice of a victim."""
    monkeypatch.setenv("ORDER_OPS_RUN_MEMORY_MB", "512")
    with _worker("in_python", "60") as neighbour:
        _begun(shop)
        with _worker("in_memory", "60") as process:
            assert process.wait(timeout=60) == 1
        (failed,) = shop.rows("SELECT * FROM ops.job_execution WHERE step = 'in_memory'")
        assert (failed.state, failed.error_type) == ("failed", "MemoryError")
        assert "in_memory" in failed.stack
        assert neighbour.poll() is None
        assert shop.one("SELECT state FROM ops.job_execution WHERE step = 'in_python'") == "running"


def test_a_worker_that_uses_more_of_the_processors_than_it_may_dies_alone(shop: Shop) -> None:
    with _worker("in_python", "60") as neighbour:
        _begun(shop)
        with _worker("in_cpu", "60") as process:
            assert process.wait(timeout=60) == -signal.SIGXCPU
        assert shop.rows("SELECT 1 FROM ops.job_execution WHERE step = 'in_cpu'")
        assert neighbour.poll() is None


def test_a_killed_worker_is_found_and_told_of(shop: Shop) -> None:
    with _worker("in_sql", "60") as process:
        _begun(shop)
        process.kill()
        assert sweep(shop.pool) == [], "its lease has not passed"
        wait_until(lambda: sweep(shop.pool), LEASE_S * 10, "its lease to pass")
    (alert,) = shop.rows("SELECT severity, title, detail FROM ops.alert")
    assert alert.severity == "critical"
    assert "expire_orders_job was lost with run run-1" in alert.title
    assert alert.detail["run_id"] == "run-1"
