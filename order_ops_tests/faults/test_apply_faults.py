"""Faults between inbox and ledger: a worker may die, sleep or lose its database anywhere."""

import signal

import pytest

from order_ops.devstack.waiting import wait_until
from order_ops_tests.faults.proxy import Moment, Proxy
from order_ops_tests.faults.system import System
from order_ops_tests.faults.test_intake_faults import COMMIT, COMMITTED

DONE = "SELECT count(*) FROM intake.inbox WHERE state = 'done'"
CLAIMS = "SELECT count(*) FROM intake.claim"
HISTORY = "SELECT count(*) FROM orders.order_events"


@pytest.fixture
def filled(system: System) -> System:
    """A system whose inbox is full and whose worker is to come."""
    system.workload.publish(system.workload.lives(60))
    system.start("consume")
    system.all_staged()
    return system


@pytest.mark.parametrize(
    ("place", "applied"), [("after-claim", False), ("before-commit", False), ("after-commit", True)]
)
def test_worker_killed(filled: System, place: str, *, applied: bool) -> None:
    killed = filled.start(f"worker-{place}")
    assert killed.ended_by() is signal.SIGKILL
    assert (filled.one(HISTORY) > 0) is applied
    assert filled.one(CLAIMS) > 0, "its claim is left"
    filled.check()
    attempts = filled.one("SELECT max(attempts) FROM intake.inbox")
    assert attempts == (1 if applied else 2), "the lost attempt counts"


def test_worker_stopped_past_its_lease(filled: System) -> None:
    """It wakes with a claim that somebody else has taken over: its write is refused."""
    sleeper = filled.start("worker-stopped-after-claim")
    wait_until(sleeper.is_stopped, 60, "the worker to be stopped with its claim")
    assert filled.one(CLAIMS) > 0
    heir = filled.start("worker")
    wait_until(lambda: filled.one(DONE) == 180, 90, "the heir to apply everything")
    written = filled.one(HISTORY)
    sleeper.send(signal.SIGCONT)
    sleeper.wait_said("apply.lost")
    assert heir.said("apply.lost") == []
    assert filled.one(HISTORY) == written
    filled.check()


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_postgres_connection_cut_during_the_workers_commit(filled: System, moment: Moment) -> None:
    """The commit of effects: it must not be doubled when it happened, nor lost when it did not."""
    with Proxy(filled.servers.postgres.socket) as line:
        trap = line.trap_at(COMMIT, moment, COMMITTED, armed_by=b"INSERT INTO orders.order_events")
        worker = filled.start("worker", line, lease_s=30)
        wait_until(trap.sprung.is_set, 60, "the commit of effects to be cut off")
        worker.wait_said("apply.split")
        wait_until(lambda: not filled.unsettled(), 60, "the rest")
        filled.check()


def test_two_workers(filled: System) -> None:
    """One of them has the work in hand; when it is killed, the other goes on with what it left."""
    first = filled.start("worker")
    second = filled.start("worker")
    wait_until(lambda: filled.one(DONE) == 180, 60, "the first events")
    owner = filled.one("SELECT worker FROM ops.job_execution WHERE state = 'running'")
    holder, other = (first, second) if owner.endswith(str(first.pid)) else (second, first)
    assert owner.endswith(str(holder.pid))
    holder.kill()
    filled.workload.publish(filled.workload.lives(30))
    filled.all_staged()
    wait_until(lambda: not filled.unsettled(), 60, "the other worker to take over")
    assert other.runs()
    filled.check()
