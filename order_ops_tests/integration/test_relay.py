"""The relay: every outbox row with the broker once it is marked, in the order it was written."""

import threading

import pika
import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.jobs.messages.relay import LEASE, Relay
from order_ops.messaging import topology
from order_ops.store.engine import transaction
from order_ops.store.queries import ops
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, paid, reserved


@pytest.fixture
def filled(shop: Shop) -> Shop:
    for n in range(300):
        shop.stage(created(f"o{n}"), reserved(f"o{n}"), paid(f"o{n}"))
    shop.apply()
    assert _unpublished(shop) == 1_200
    return shop


def _unpublished(shop: Shop) -> int:
    return int(shop.one("SELECT count(*) FROM ops.outbox WHERE published_at IS NULL"))


def _run(relay: Relay) -> threading.Thread:
    thread = threading.Thread(target=relay.run)
    thread.start()
    return thread


def _receive(url: str, queue: str, wanted: int) -> list[tuple[str, str]]:
    received: list[tuple[str, str]] = []
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for _, properties, _ in channel.consume(queue, auto_ack=True, inactivity_timeout=5):
            if properties is None:
                break
            received.append((properties.headers["order"], properties.message_id))
            if len(received) == wanted:
                break
    return received


def test_the_outbox_leaves_in_order_and_is_marked(filled: Shop, amqp_url: str) -> None:
    topology.ensure(amqp_url, filled.mapping.events)
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        channel.queue_declare("listener")
        channel.queue_bind("listener", topology.OUT_EXCHANGE, "#")
    relays = [Relay(filled.pool, amqp_url, filled.mapping.events) for _ in range(2)]
    threads = [_run(relay) for relay in relays]
    try:
        wait_until(lambda: _unpublished(filled) == 0, 30, "an empty outbox")
    finally:
        for relay, thread in zip(relays, threads, strict=True):
            relay.stop()
            thread.join(30)
    written = filled.rows("SELECT order_id, message_id FROM ops.outbox ORDER BY id")
    received = _receive(amqp_url, "listener", 1_200)
    assert received == [(row.order_id, row.message_id) for row in written]


def test_what_nobody_listens_to_is_kept_and_counted(filled: Shop, amqp_url: str) -> None:
    relay = Relay(filled.pool, amqp_url, filled.mapping.events)
    thread = _run(relay)
    try:
        wait_until(lambda: _unpublished(filled) == 0, 30, "an empty outbox")
    finally:
        relay.stop()
        thread.join(30)
    assert len(_receive(amqp_url, topology.UNROUTABLE, 1_200)) == 1_200


def test_one_relay_holds_the_lease(shop: Shop) -> None:
    def take(owner: str, seconds: float) -> int | None:
        with transaction(shop.pool) as conn:
            fence: int | None = ops.take_lease(conn, name=LEASE, owner=owner, seconds=seconds)
            return fence

    assert take("a", 45) == 1
    assert take("b", 45) is None
    assert take("a", 0) == 1
    assert take("b", 45) == 2, "a past lease is taken over, with a higher fence"
    with transaction(shop.pool) as conn:
        ops.release_lease(conn, name=LEASE, owner="b")
    assert take("a", 45) == 3
