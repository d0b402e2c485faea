"""The broker topology: what is declared, and what it is called.

Inbound: the shop's exchange -> one quorum queue per priority class, with a
delivery limit, dead-lettering to `order_ops.parked` through our own exchange.
Outbound: our own exchange `order_ops.out`, with an alternate exchange, so that
an unroutable message is kept and counted. A new shape needs a new name:
changing the arguments of an existing queue is refused by the broker (406).
Same on RabbitMQ 3.10 and 4.x.
"""

import re
from typing import Any

import pika

from order_ops.mapping import Events

QUEUES = {
    "critical": "order_ops.critical",
    "normal": "order_ops.normal",
    "bulk": "order_ops.bulk",
}
PARKED = "order_ops.parked"
DEAD_EXCHANGE = "order_ops.dead"
OUT_EXCHANGE = "order_ops.out"
UNROUTABLE_EXCHANGE = "order_ops.unroutable"
UNROUTABLE = "order_ops.unroutable"

DELIVERY_LIMIT = 20
"""Deliveries of one message to the consumer before it is parked by the broker.

High, because a lost connection counts a delivery for every message that was in
flight, tried or not: with prefetch 5, four lost connections once parked five
messages that nobody had looked at.
"""


_WORDS = {"*": r"\.[^.]*", "#": r"(\.[^.]*)*"}


def matches(pattern: str, key: str) -> bool:
    """Whether a topic exchange routes `key` by `pattern`: * is one word, # any number."""
    words = [_WORDS.get(word, rf"\.{re.escape(word)}") for word in pattern.split(".")]
    return re.fullmatch("".join(words), f".{key}") is not None


def queue_arguments() -> dict[str, Any]:
    """Arguments of a class's queue."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def parked_arguments() -> dict[str, Any]:
    """Arguments of the parked queue: nothing may leave it but by an ack."""
    return {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000_000}


def unroutable_arguments() -> dict[str, Any]:
    """Arguments of the unroutable queue: evidence, bounded; the outbox has the originals."""
    return {"x-queue-type": "quorum", "x-max-length": 100_000}


def declare(channel: Any, events: Events) -> None:
    """Declare everything that is ours, and bind every key a handler exists for.

    Idempotent. `channel` is a pika blocking channel. A passive exchange of the
    shop must exist already.
    """
    _declare_own(channel)
    if events.exchange.passive:
        channel.exchange_declare(events.exchange.name, passive=True)
    else:
        channel.exchange_declare(events.exchange.name, "topic", durable=True)
    for name in QUEUES.values():
        channel.queue_declare(name, durable=True, arguments=queue_arguments())
    for key, queue_class in events.routing.items():
        channel.queue_bind(QUEUES[queue_class], events.exchange.name, key)


def ensure(amqp_url: str, events: Events) -> None:
    """Declare everything over a connection of its own."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        declare(connection.channel(), events)


def _declare_own(channel: Any) -> None:
    channel.exchange_declare(DEAD_EXCHANGE, "topic", durable=True)
    channel.queue_declare(PARKED, durable=True, arguments=parked_arguments())
    channel.queue_bind(PARKED, DEAD_EXCHANGE, "#")
    channel.exchange_declare(UNROUTABLE_EXCHANGE, "fanout", durable=True)
    channel.queue_declare(UNROUTABLE, durable=True, arguments=unroutable_arguments())
    channel.queue_bind(UNROUTABLE, UNROUTABLE_EXCHANGE)
    channel.exchange_declare(
        OUT_EXCHANGE, "topic", durable=True, arguments={"alternate-exchange": UNROUTABLE_EXCHANGE}
    )
