"""One id, from the message to all that comes of it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import pika
import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.jobs.messages.consume import make_consumer
from order_ops.jobs.messages.relay import Relay
from order_ops.jobs.running.run_failures import FailedRun, record
from order_ops.messaging import topology
from order_ops.settings import get_settings
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, message, paid

ONE = "cart-0042"


class Process(Protocol):
    def run(self) -> None: ...
    def stop(self) -> None: ...


@contextmanager
def _running(process: Process) -> Iterator[None]:
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        yield
    finally:
        process.stop()
        thread.join(30)


def _publish(url: str, sent: Message, correlation_id: str | None) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        properties = pika.BasicProperties(correlation_id=correlation_id, delivery_mode=2)
        channel = connection.channel()
        channel.basic_publish("shop.events", sent.routing_key, sent.body, properties)


def _through_the_broker(shop: Shop, url: str, sent: Message) -> None:
    """Publish under ONE, and wait until it is staged."""
    before = shop.one("SELECT count(*) FROM intake.inbox")
    with _running(make_consumer(get_settings())):
        _publish(url, sent, ONE)
        wait_until(lambda: shop.one("SELECT count(*) FROM intake.inbox") > before, 30, "a row")


@pytest.fixture
def broker_url(shop: Shop, amqp_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ORDER_OPS_AMQP_URL", amqp_url)
    get_settings.cache_clear()
    topology.ensure(amqp_url, shop.mapping.events)
    return amqp_url


def _first(url: str, queue: str) -> tuple[Any, bytes]:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        method, properties, body = connection.channel().basic_get(queue, auto_ack=True)
        assert method is not None
        return properties, body


def test_the_property_of_a_message_is_on_what_is_said_because_of_it(
    shop: Shop, broker_url: str
) -> None:
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        connection.channel().queue_declare("listener")
        connection.channel().queue_bind("listener", topology.OUT_EXCHANGE, "#")
    _through_the_broker(shop, broker_url, created("o1"))
    shop.apply()
    for table in ("intake.inbox", "orders.order_events", "ops.outbox"):
        assert shop.one(f"SELECT correlation_id FROM {table}") == ONE, table
    with _running(Relay(shop.pool, broker_url, shop.mapping.events)):
        published = "SELECT count(published_at) FROM ops.outbox"
        wait_until(lambda: shop.one(published) == 1, 30, "a published message")
    properties, body = _first(broker_url, "listener")
    assert properties.correlation_id == ONE
    assert properties.headers["correlation_id"] == ONE
    assert json.loads(body)["correlation"] == ONE


UNREADABLE = Message(b"{", "order.created", {})
UNKNOWN_ACCOUNT = message(
    "payment.succeeded", "o1", 1, payment="p", account="none", amount_minor=1, currency="BRL"
)


@pytest.mark.parametrize(
    ("sent", "work"),
    [(UNREADABLE, lambda _: None), (UNKNOWN_ACCOUNT, Shop.apply)],
    ids=["unreadable", "failing"],
)
def test_a_dead_letter_and_its_alert_have_it(
    shop: Shop, broker_url: str, sent: Message, work: Callable[[Shop], object]
) -> None:
    _through_the_broker(shop, broker_url, sent)
    work(shop)
    assert shop.one("SELECT correlation_id FROM ops.dead_letter") == ONE
    assert shop.one("SELECT detail ->> 'correlation_id' FROM ops.alert") == ONE


def test_a_message_that_names_none_is_found_by_its_own_id(shop: Shop) -> None:
    shop.stage(created("o1"), replace(UNREADABLE, message_id="m-1"))
    named = shop.rows("SELECT state, correlation_id FROM intake.inbox ORDER BY id")
    assert named == [("pending", "order-service-o1-1"), ("parked", "m-1")]


def test_an_alert_about_an_orders_money_has_it(shop: Shop) -> None:
    shop.stage(created("o1"), replace(paid("o1"), correlation_id=ONE))
    cancel = message("order.cancelled", "o1", 2)
    shop.stage(cancel)
    shop.apply()
    shop.stage(replace(paid("o1", payment="late", sequence=2), correlation_id=ONE))
    shop.apply()
    assert ONE in shop.one("SELECT array_agg(detail ->> 'correlation_id') FROM ops.alert")


def test_a_failed_run_is_its_own_correlation(shop: Shop) -> None:
    from order_ops.domain.failures import FailureKind

    run = FailedRun("run-7", "a_job", "ValueError", "x", None, FailureKind.UNKNOWN, {}, {})
    record(shop.pool, [run])
    assert shop.one("SELECT correlation_id FROM ops.dead_letter") == "run-7"


def test_a_property_that_amqp_cannot_hold_stops_no_relay(shop: Shop, broker_url: str) -> None:
    body = json.loads(created("o1").body) | {"correlation": "\U0001f600" * 100}
    shop.stage(Message(json.dumps(body).encode(), "order.created", {}))
    shop.apply()
    with _running(Relay(shop.pool, broker_url, shop.mapping.events)):
        published = "SELECT count(published_at) FROM ops.outbox"
        wait_until(lambda: shop.one(published) == 1, 30, "a published message")
    assert shop.one("SELECT length(correlation_id) FROM ops.outbox") == 100, "it is kept whole"
