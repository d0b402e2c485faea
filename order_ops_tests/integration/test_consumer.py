"""The consumer against a real broker: ack after commit, whatever kills it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pika
import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.jobs.messages.consume import make_consumer
from order_ops.messaging import topology
from order_ops.messaging.publisher import Outgoing, Publisher
from order_ops.settings import get_settings
from order_ops.store import pauses
from order_ops.store.audit import Actor
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created

KILLED_BEFORE_ACK = """
import os, signal
from order_ops.jobs.messages.consume import make_consumer
from order_ops.messaging import session
from order_ops.settings import get_settings
from order_ops.store import pauses
from order_ops.store.audit import Actor
# the store has committed when the ack is asked for: die exactly there
session.Session._ack = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
make_consumer(get_settings()).run()
"""


@pytest.fixture
def url(shop: Shop, amqp_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ORDER_OPS_AMQP_URL", amqp_url)
    get_settings.cache_clear()
    topology.ensure(amqp_url, shop.mapping.events)
    return amqp_url


def _publish(url: str, messages: list[Message]) -> None:
    publisher = Publisher(url)
    batch = [
        Outgoing(None, "shop.events", m.routing_key, m.body, dict(m.headers)) for m in messages
    ]
    answer = publisher.publish(batch)
    publisher.close()
    assert len(answer.confirmed) == len(messages)
    assert answer.unroutable == []


@contextmanager
def _consuming() -> Iterator[None]:
    consumer = make_consumer(get_settings())
    thread = threading.Thread(target=consumer.run)
    thread.start()
    yield
    consumer.stop()
    thread.join(30)
    assert not thread.is_alive()


def _depth(url: str) -> int:
    """Messages that are still with the broker, ready or unacked, once nobody consumes."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        queues = (*topology.QUEUES.values(), topology.PARKED)
        return sum(
            channel.queue_declare(queue, passive=True).method.message_count for queue in queues
        )


def _staged(shop: Shop) -> int:
    return int(shop.one("SELECT count(*) FROM intake.inbox"))


def test_messages_are_staged_and_acked(shop: Shop, url: str) -> None:
    sent = [created(f"o{n}") for n in range(2_000)]
    _publish(url, sent)
    with _consuming():
        wait_until(lambda: _staged(shop) == 2_000, 30, "2,000 inbox rows")
    assert _depth(url) == 0
    bodies = shop.rows("SELECT body, headers FROM intake.inbox")
    assert {bytes(row.body) for row in bodies} == {m.body for m in sent}
    assert bodies[0].headers == {"trace": "t1"}


def test_killed_between_commit_and_ack_each_message_is_there_once(shop: Shop, url: str) -> None:
    _publish(url, [created(f"o{n}") for n in range(300)])
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_ACK], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    committed = _staged(shop)
    assert committed > 0
    wait_until(lambda: _depth(url) == 300, 30, "the broker to take everything back")
    with _consuming():
        wait_until(lambda: _copies(shop) == 300 + committed, 30, "all staged")
    assert _depth(url) == 0
    assert _staged(shop) == 300
    assert _copies(shop) == 300 + committed, "what was redelivered is counted as a copy"
    assert shop.apply().events == {"applied": 300}


def _copies(shop: Shop) -> int:
    return int(shop.one("SELECT sum(copies) FROM intake.inbox"))


def test_sigterm_under_load_loses_and_doubles_nothing(shop: Shop, url: str) -> None:
    _publish(url, [created(f"o{n}") for n in range(5_000)])
    process = subprocess.Popen(
        [sys.executable, "-m", "order_ops.cli", "consume"],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"ORDER_OPS_CONSUMER_BATCH": "50"},
    )
    wait_until(lambda: _staged(shop) > 0, 30, "the first rows")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    wait_until(lambda: _depth(url) + _staged(shop) == 5_000, 30, "nothing in between")
    with _consuming():
        wait_until(lambda: _staged(shop) == 5_000, 30, "the rest")
    assert _copies(shop) == 5_000


def test_given_up_by_the_broker_is_drained_into_dead_letters(shop: Shop, url: str) -> None:
    _publish(url, [created("o1")])
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for _ in range(topology.DELIVERY_LIMIT + 1):
            wait_until(lambda: _reject(channel), 10, "a delivery to reject")
    with _consuming():
        wait_until(lambda: _staged(shop) == 1, 30, "the parked message")
    row = shop.rows("SELECT state, note, routing_key, order_id FROM intake.inbox")[0]
    assert (row.state, row.routing_key) == ("parked", "order.created")
    assert row.order_id == "o1", "it was read: nobody was lost with it since"
    assert "delivery limit" in row.note
    assert shop.one("SELECT count(*) FROM ops.dead_letter") == 1


def _reject(channel: object) -> bool:
    method, _, _ = channel.basic_get(topology.QUEUES["normal"])  # type: ignore[attr-defined]
    if method is None:
        return False
    channel.basic_reject(method.delivery_tag, requeue=True)  # type: ignore[attr-defined]
    return True


def test_paused_it_drains_and_lets_messages_wait_until_it_is_resumed(shop: Shop, url: str) -> None:
    ana = Actor("ana", "the ledger is being looked at")
    with _consuming():
        _publish(url, [created("o1")])
        wait_until(lambda: _staged(shop) == 1, 30, "the first message")
        assert pauses.pause(shop.pool, "consumer", ana)
        wait_until(lambda: _consumers(url) == 0, 30, "the consumer to have gone")
        _publish(url, [created("o2")])
        assert (_depth(url), _staged(shop)) == (1, 1)
        assert pauses.resume(shop.pool, "consumer", ana)
        wait_until(lambda: _staged(shop) == 2, 30, "the second message")
    acts = shop.rows("SELECT actor, action, subject FROM ops.audit ORDER BY id")
    assert acts == [("ana", "pause", "consumer"), ("ana", "resume", "consumer")]


def _consumers(url: str) -> int:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        declared = connection.channel().queue_declare(topology.QUEUES["normal"], passive=True)
        return int(declared.method.consumer_count)
