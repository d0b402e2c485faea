"""A shop with its own exchange and message shapes: consumed, counted, applied, replayed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pika
import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.jobs.letters.dead_letters import edit
from order_ops.jobs.letters.letter_sets import Selection, find
from order_ops.jobs.letters.replays import Replayer, replay
from order_ops.mapping import load_mapping
from order_ops.messaging.publisher import Outgoing, Publisher
from order_ops.settings import get_settings
from order_ops.store.audit import Actor
from order_ops_tests.foreign import MAPPING, captured, held, placed
from order_ops_tests.integration.conftest import Shop

EXCHANGE = "legacy.topic"


@pytest.fixture
def legacy(
    shop: Shop, amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Shop, Publisher]]:
    """The foreign shop, whose exchange somebody else has declared, and its publisher."""
    monkeypatch.setenv("ORDER_OPS_AMQP_URL", amqp_url)
    monkeypatch.setenv("ORDER_OPS_MAPPING", str(MAPPING))
    get_settings.cache_clear()
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        # not as order_ops would: a declaration of its own would be refused
        connection.channel().exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=True)
    publisher = Publisher(amqp_url)
    yield replace(shop, settings=get_settings(), mapping=load_mapping(MAPPING)), publisher
    publisher.close()


def test_a_foreign_shop_is_consumed_and_applied_in_the_order_of_arrival(
    legacy: tuple[Shop, Publisher],
) -> None:
    shop, publisher = legacy
    consumer = subprocess.Popen([sys.executable, "-m", "order_ops.cli", "consume"], env=os.environ)
    try:
        sent = [placed(), placed(), held(), captured()]
        batch = [Outgoing(None, EXCHANGE, m.routing_key, m.body, dict(m.headers)) for m in sent]

        def all_bound() -> bool:
            return not publisher.publish(batch[:1]).unroutable

        wait_until(all_bound, 30, "the consumer has bound its queues")
        for one in batch[1:]:
            publisher.publish([one])

        def staged() -> bool:
            return shop.rows("SELECT count(*), sum(copies) >= 4 FROM intake.inbox") == [(3, True)]

        wait_until(staged, 30, "three messages are staged, and the copies are counted")
    finally:
        consumer.send_signal(signal.SIGTERM)
        assert consumer.wait(30) == 0
    assert dict(shop.apply().events) == {"applied": 3}
    order = shop.rows("SELECT tenant_id, order_id, state, total_minor FROM orders.orders")
    assert order == [("legacy", "A-1", "CONFIRMED", 4_990)]
    assert shop.rows("SELECT sku, quantity FROM orders.reservations") == [("seat", 2)]
    rows = shop.rows("SELECT DISTINCT source, sequence, left(message_id, 8) FROM intake.inbox")
    assert rows == [("legacy", None, "content:")]


def test_events_without_a_sequence_wait_and_are_replayed_like_others(
    legacy: tuple[Shop, Publisher],
) -> None:
    shop, _ = legacy
    shop.stage(captured())
    assert dict(shop.apply().events) == {"waiting": 1}
    shop.stage(placed(), held(), captured("A-2", amount="10.999"))
    shop.rows("UPDATE intake.inbox SET next_at = now() RETURNING 1")
    assert dict(shop.apply().events) == {"applied": 3}
    assert shop.one("SELECT state FROM orders.orders") == "CONFIRMED"
    (letter,) = find(shop.pool, Selection())
    assert "is not an amount in EUR" in letter.error
    shop.stage(placed("A-2", "10.99"), held("A-2", "10.99"))
    shop.apply()
    ana = Actor("ana", "the till rounds wrongly")
    edit(shop.worker(), letter.id, captured("A-2", amount="10.99").body, ana)
    (acted,) = replay(Replayer(shop.worker(), ana, None), [letter.id])
    assert acted.became == "replayed", acted.why
    assert {row.state for row in shop.rows("SELECT state FROM orders.orders")} == {"CONFIRMED"}


def test_an_edited_message_without_an_id_keeps_its_row(legacy: tuple[Shop, Publisher]) -> None:
    shop, _ = legacy
    shop.stage(placed(), held(), captured(amount="1.00"))
    shop.apply()
    (letter,) = find(shop.pool, Selection())
    ana = Actor("ana", "typo")
    edit(shop.worker(), letter.id, captured().body, ana)
    (acted,) = replay(Replayer(shop.worker(), ana, None), [letter.id])
    assert acted.became == "replayed", acted.why
    assert shop.one("SELECT count(*) FROM intake.inbox") == 3


def test_a_dead_payment_of_a_shop_that_counts_nothing_does_not_hold_its_own_order(
    legacy: tuple[Shop, Publisher], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _ = legacy
    shop.stage(captured())
    shop.rows("UPDATE intake.inbox SET received_at = now() - interval '2 days' RETURNING 1")
    assert dict(shop.apply().events) == {"dead": 1}
    shop.stage(placed(), held())
    assert dict(shop.apply().events) == {"applied": 2}
    (letter,) = find(shop.pool, Selection())
    (acted,) = replay(Replayer(shop.worker(), Actor("ana", "it has come"), None), [letter.id])
    assert acted.became == "replayed", acted.why
    assert shop.one("SELECT state FROM orders.orders") == "CONFIRMED"
