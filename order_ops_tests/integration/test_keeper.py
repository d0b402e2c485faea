"""What is in hand is kept, and stopped: process, database session, HTTP call, in real processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.jobs.catalogue import EXPIRE_ORDERS
from order_ops.jobs.sweep import sweep
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.executions import asked, begin
from order_ops_tests.integration.workers import LEASE_S


@contextmanager
def _worker(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "order_ops_tests.integration.workers", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def _begun(shop: Shop) -> None:
    wait_until(lambda: shop.rows("SELECT 1 FROM ops.job_execution"), 60, "the work to begin")


def _sessions(shop: Shop, process: subprocess.Popen[bytes]) -> int:
    name = f"order_ops {process.pid}@{socket.gethostname()[:40]}"
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %(name)s"
    return int(shop.one(query, name=name))


@pytest.mark.parametrize("where", ["in_sql", "in_python", "in_transaction"])
def test_work_past_its_timeout_is_gone_everywhere_before_it_is_done_again(
    shop: Shop, where: str
) -> None:
    with _worker(where, "1.5") as process:
        _begun(shop)
        # nobody can begin it while anything of it is left
        wait_until(lambda: process.poll() is not None, 60, "the end of the process")
        assert process.returncode == -signal.SIGKILL
        assert _sessions(shop, process) == 0
        (lost,) = sweep(shop.pool)
    assert (lost.error_type, lost.error) == ("TimedOut", "timed out after 1.5 s")
    assert where in (lost.stack or ""), "it is known where it was"
    assert shop.rows("SELECT 1 FROM ops.pause") == []
    assert begin(shop, asked(EXPIRE_ORDERS, step="work", request="request")).attempt == 2
    totals = dict(shop.rows("SELECT status, executions FROM ops.job_total"))
    assert totals == {"timed_out": 1}


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
        begin(shop, asked(EXPIRE_ORDERS, step="work", request="request"))
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(timeout=60) == -signal.SIGKILL
        wait_until(lambda: _sessions(shop, process) == 0, 30, "the end of its sessions")
    assert shop.rows("SELECT 1 FROM ops.pause") == []
    assert shop.rows("SELECT state, attempt FROM ops.job_execution") == [("running", 2)]


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
