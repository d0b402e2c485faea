"""Faults between the broker and the inbox: nothing confirmed is lost, nothing is there twice."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pika
import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.messaging import topology
from order_ops.messaging.publisher import Outgoing, Publisher, PublishError
from order_ops_tests.faults.proxy import Moment, Proxy
from order_ops_tests.faults.system import System
from order_ops_tests.faults.workload import EXCHANGE, Load

DOWN_S = 60.0
# A batch's first bytes, then a simple query and its CommandComplete in PostgreSQL's protocol.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
BATCH = b"COPY staged_batch"
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"


@pytest.mark.parametrize(
    ("place", "committed"),
    [("before-insert", False), ("before-commit", False), ("before-ack", True)],
)
def test_consumer_killed(system: System, place: str, *, committed: bool) -> None:
    system.workload.publish(system.workload.lives(50))
    killed = system.start(f"consumer-{place}")
    assert killed.ended_by() is signal.SIGKILL
    assert (system.staged() > 0) is committed
    wait_until(lambda: system.depth() == 150, 60, "the broker to take everything back")
    again = system.staged()
    system.check()
    assert system.copies() == 150 + again, "what had been committed came again"


def test_broker_connection_cut(system: System) -> None:
    consumer = system.start("consume", consumer_batch=20)
    system.start("worker")
    with Load(system.workload):
        for times in (1, 2):
            consumer.wait_said("consumer.consuming", times)
            consumer.wait_said("consumer.stored", len(consumer.said("consumer.stored")) + 1)
            assert system.broker_proxy.cut() == 1
            consumer.wait_said("consumer.reconnect", times)
    system.check()


def test_broker_connection_stalled_for_two_heartbeats(system: System) -> None:
    system.heartbeat_s = 2
    consumer = system.start("consume")
    system.start("worker")
    with Load(system.workload):
        consumer.wait_said("consumer.stored", 3)
        assert system.broker_proxy.stall() == 1
        started = monotonic()
        consumer.wait_said("consumer.reconnect")
        assert monotonic() - started >= 2 * 0.9, "it was the heartbeat that was missed"
        system.broker_proxy.resume()
        consumer.wait_said("consumer.consuming", 2)
    system.check()


def test_broker_connection_half_open(system: System) -> None:
    """The broker has given the connection up and nobody told the consumer."""
    system.heartbeat_s = 2
    consumer = system.start("consume")
    system.workload.publish(system.workload.lives(50))
    consumer.wait_said("consumer.stored")
    assert system.broker_proxy.half_open() == 1
    assert consumer.said("consumer.reconnect") == []
    consumer.wait_said("consumer.reconnect")
    assert "eartbeat" in consumer.said("consumer.reconnect")[0]["error"]
    system.check()


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_postgres_connection_cut_during_commit(system: System, moment: Moment) -> None:
    """The consumer cannot know whether the commit happened: both times it must come out right."""
    trap = system.postgres_proxy.trap_at(COMMIT, moment, COMMITTED, armed_by=BATCH)
    system.workload.publish(system.workload.lives(40))
    consumer = system.start("consume", consumer_batch=1_000)
    wait_until(trap.sprung.is_set, 60, "a COMMIT to be cut off")
    found = system.staged()
    consumer.wait_said("consumer.reconnect")
    assert consumer.said("consumer.stored") == [], "it does not know of any commit"
    assert (found > 0) is (moment is Moment.AFTER), "committed only if the server saw it"
    system.check()
    assert system.copies() == 120 + found


def test_pg_terminate_backend(system: System) -> None:
    system.workload.publish(system.workload.lives(300))
    consumer = system.start("consume", consumer_batch=2, consumer_prefetch=100)
    _terminate_until(system, lambda: consumer.said("consumer.reconnect"), "the consumer's")
    system.all_staged()
    worker = system.start("worker", apply_lanes=1)
    tried_again = """SELECT count(*) FROM intake.inbox
        WHERE attempts > 1 OR starts_with(note, 'OperationalError')"""
    _terminate_until(
        system, lambda: system.one(tried_again) or worker.said("worker.failed"), "the worker's"
    )
    system.check()


def _terminate_until(system: System, noticed: Callable[[], object], whose: str) -> None:
    """Terminate sessions in the middle of transactions that have written, until that was noticed.

    Not for longer: an event that is hit five times over is rightly a dead letter.
    """
    terminate = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND starts_with(application_name, 'order_ops ')
            AND backend_xid IS NOT NULL"""
    wait_until(
        lambda: noticed() or (system.one(terminate) and noticed()), 90, f"a hit of {whose} sessions"
    )


def test_postgres_killed_and_down(system: System) -> None:
    consumer = system.start("consume")
    system.start("worker")
    with Load(system.workload):
        consumer.wait_said("consumer.stored", 3)
        system.servers.postgres.kill()
        died = monotonic()
        consumer.wait_said("consumer.reconnect")
        wait_until(lambda: monotonic() - died >= DOWN_S, DOWN_S * 2, "its time to be down")
        assert consumer.runs()
        stored = len(consumer.said("consumer.stored"))
        system.servers.postgres.restart()
        consumer.wait_said("consumer.stored", stored + 1)
    system.check()


def test_postgres_away_for_longer_than_the_delivery_limit(system: System) -> None:
    """Nobody has looked at these messages: the broker must not give them up."""
    consumer = system.start("consumer-impatient")
    system.workload.publish(system.workload.lives(5))
    consumer.wait_said("consumer.stored")
    system.all_staged()
    system.postgres_proxy.refuse()
    assert system.postgres_proxy.cut() >= 1
    system.workload.publish(system.workload.lives(20))
    consumer.wait_said("consumer.reconnect", topology.DELIVERY_LIMIT + 5)
    assert system.staged() == 15
    system.postgres_proxy.accept()
    system.check()


def test_broker_killed_and_down(system: System) -> None:
    consumer, relay = system.start("consume"), system.start("relay")
    system.start("worker")
    with Load(system.workload):
        consumer.wait_said("consumer.stored", 3)
        system.servers.broker.kill()
        died = monotonic()
        consumer.wait_said("consumer.reconnect")
        relay.wait_said("relay.retry")
        wait_until(lambda: monotonic() - died >= DOWN_S, DOWN_S * 2, "its time to be down")
        assert consumer.runs()
        assert relay.runs()
        system.servers.broker.start()
        consumer.wait_said("consumer.consuming", 2)
    assert system.workload.refusals > 0, "the shop had noticed too"
    unpublished = "SELECT count(*) FROM ops.outbox WHERE published_at IS NULL"
    system.all_staged()
    wait_until(lambda: not system.unsettled() and not system.one(unpublished), 120, "the outbox")
    system.check()


def test_queue_deleted_under_the_consumer(system: System) -> None:
    consumer = system.start("consume")
    system.workload.publish(system.workload.lives(50))
    system.all_staged()
    with pika.BlockingConnection(pika.URLParameters(system.amqp_url)) as connection:
        channel = connection.channel()
        for name in topology.QUEUES.values():
            channel.queue_delete(name)
    consumer.wait_said("consumer.consuming", 2)
    assert consumer.said("consumer.reconnect"), "it noticed"
    system.workload.publish(system.workload.lives(50))
    system.check()


def test_memory_alarm(system: System) -> None:
    """Publishers are blocked; the consumer empties the broker all the same."""
    system.workload.publish(system.workload.lives(100))
    broker = system.servers.broker
    broker.control("set_vm_memory_high_watermark", "0.00001")
    try:
        wait_until(lambda: _is_blocked(system), 60, "the alarm to block a publisher")
        system.start("consume")
        system.all_staged()
    finally:
        broker.control("set_vm_memory_high_watermark", "0.4")
    wait_until(lambda: not _is_blocked(system), 60, "the alarm's end")
    system.workload.publish(system.workload.lives(20))
    system.check()


def _is_blocked(system: System) -> bool:
    """Whether a publisher of its own gets no confirm; what it sends nobody is bound to."""
    publisher = Publisher(system.amqp_url, timeout_s=2)
    try:
        publisher.publish([Outgoing("probe", EXCHANGE, "nobody.listens", b"{}")])
    except PublishError:
        return True
    finally:
        publisher.close()
    return False


def test_duplicates_and_conflicts(system: System) -> None:
    system.start("consume", consumer_batch=50)
    system.start("worker")
    system.workload.publish(system.workload.lives(200))
    again = system.workload.duplicates(0.3)
    assert again == 180
    system.all_staged()
    system.workload.publish(system.workload.conflicts(15), parked=True)
    system.check()
    assert system.copies() >= 600 + again
    conflicts = "SELECT count(*) FROM ops.dead_letter WHERE category = 'conflict'"
    assert system.one(conflicts) == 15


def test_commits_out_of_order(system: System) -> None:
    """The one that was numbered first is committed last: nobody may have passed it over."""
    with Proxy(system.servers.postgres.socket) as slow_line:
        trap = slow_line.trap_at(COMMIT, Moment.HOLD, armed_by=BATCH)
        system.workload.publish(system.workload.lives(50))
        slow = system.start("consume", slow_line, consumer_prefetch=40)
        wait_until(trap.sprung.is_set, 60, "the first consumer to be held at its commit")
        assert system.staged() == 0
        fast = system.start("consume")
        system.start("worker")
        fast.wait_said("consumer.stored")
        done = "SELECT count(*), min(id) FROM intake.inbox WHERE state = 'done'"
        wait_until(lambda: system.rows(done)[0][0], 60, "later ids to be applied")
        seen, smallest = system.rows(done)[0]
        trap.release.set()
        slow.wait_said("consumer.stored")
        assert system.one("SELECT count(*) FROM intake.inbox WHERE id < %s", smallest) > 0
        assert seen > 0
        system.check()


def test_sigterm_under_load(system: System) -> None:
    system.workload.publish(system.workload.lives(1_000))
    consumer = system.start("consume", consumer_batch=10, consumer_prefetch=50)
    worker = system.start("worker")
    wait_until(lambda: system.staged() > 0, 60, "the first rows")
    worker.wait_said("worker.working")
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda process: process.stop(), (consumer, worker)))
    assert system.staged() < 3_000, "it was under load"
    left = system.depth()
    assert left + system.staged() == 3_000, "what it had in hand was stored and acked"
    assert system.one("SELECT count(*) FROM intake.claim") == 0
    system.check()
    assert system.copies() == 3_000, "nothing came twice"
