"""A private PostgreSQL (fsync on) and broker for one benchmark, in a folder that goes away after.

Also how a queue is filled, and how one sees from outside how far a consumer is.
"""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pika
import psycopg

from order_ops.devstack import broker, postgres
from order_ops.devstack.broker_node import node, require_rabbitmq
from order_ops.store.migrate import upgrade

_TEMPLATE = "migrated"
_IN_FLIGHT = 4_000


def libpq(url: str) -> str:
    """The URL of an SQLAlchemy engine as every other driver knows it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


@dataclass(frozen=True, slots=True)
class Servers:
    """Running servers of one home."""

    home: Path

    @property
    def amqp_url(self) -> str:
        return node(self.home).amqp_url

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """A fresh, migrated database, with a checkpoint behind it."""
        name = f"bench_{uuid4().hex[:8]}"
        postgres.create_database(self.home, name, template=_TEMPLATE)
        url = postgres.database_url(self.home, name)
        with psycopg.connect(libpq(url), autocommit=True) as conn:
            conn.execute("CHECKPOINT")
        yield url
        postgres.drop_database(self.home, name)

    def versions(self) -> dict[str, str]:
        """What the servers say they are, and how PostgreSQL keeps what it promised."""
        with psycopg.connect(libpq(postgres.database_url(self.home, _TEMPLATE))) as conn:
            shown = {
                name: conn.execute(f"SHOW {name}").fetchone()[0]  # type: ignore[index]
                for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes")
            }
        version = shown.pop("server_version").split()[0]
        found = {"PostgreSQL": f"{version} ({', '.join(f'{k} {v}' for k, v in shown.items())})"}
        if broker.is_running(self.home):
            found["RabbitMQ"] = f"{broker.version(self.home)} (quorum queues)"
        return found


@contextlib.contextmanager
def servers(*, with_broker: bool) -> Iterator[Servers]:
    """Start them, and leave nothing behind. The folder's name is short: sockets have paths."""
    if with_broker:
        require_rabbitmq()
    for asked in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores the first
        signal.signal(asked, signal.default_int_handler)
    home = Path(tempfile.mkdtemp(prefix="oo-bench-", dir="/tmp"))
    try:
        postgres.start(home)
        postgres.create_database(home, _TEMPLATE)
        upgrade(postgres.database_url(home, _TEMPLATE))
        if with_broker:
            broker.start(home)
        yield Servers(home)
    finally:
        broker.stop(home)
        postgres.stop(home)
        shutil.rmtree(home)


def environment(**variables: str) -> dict[str, str]:
    """This process's variables without any that name servers, and these."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORDER_OPS_", "DAGSTER_"))}
    return kept | {"PYTHONUNBUFFERED": "1"} | variables


class Queue:
    """One queue, seen from outside the consumer: what it holds, and whether it is consumed."""

    def __init__(self, amqp_url: str, name: str) -> None:
        self.name = name
        self._connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
        self.channel = self._connection.channel()

    def state(self) -> tuple[int, int]:
        """Messages that are ready (not those a consumer has unacked), and consumers."""
        answer = self.channel.queue_declare(self.name, passive=True).method
        return answer.message_count, answer.consumer_count

    def wait_ready(self, messages: int, timeout_s: float = 60.0) -> None:
        """Wait until it holds as many ready messages."""
        deadline = time.monotonic() + timeout_s
        while self.state()[0] != messages:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} holds {self.state()[0]}, not {messages}")
            time.sleep(0.02)

    def close(self) -> None:
        with contextlib.suppress(pika.exceptions.AMQPError):
            self._connection.close()


class Fill:
    """Publishes persistent messages with confirms, thousands in flight."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url

    def __call__(
        self, exchange: str, key: str, bodies: Sequence[bytes], properties: Sequence[Any]
    ) -> None:
        """Properties are used in turn."""
        _Filling(self._url, exchange, key, bodies, properties).run()


class _Filling:
    def __init__(
        self, url: str, exchange: str, key: str, bodies: Sequence[bytes], properties: Sequence[Any]
    ) -> None:
        self._where = (exchange, key)
        self._bodies = bodies
        self._properties = properties
        self._sent = self._confirmed = 0
        self._channel: Any = None
        self._connection: Any = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda made: made.channel(on_open_callback=self._opened),
            on_open_error_callback=lambda *_: self._connection.ioloop.stop(),
            on_close_callback=lambda *_: self._connection.ioloop.stop(),
        )

    def run(self) -> None:
        self._connection.ioloop.start()
        self._connection.ioloop.close()
        if self._confirmed < len(self._bodies):
            raise RuntimeError(f"{self._confirmed} of {len(self._bodies)} messages were confirmed")

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._more())

    def _more(self) -> None:
        while self._sent < len(self._bodies) and self._sent - self._confirmed < _IN_FLIGHT:
            properties = self._properties[self._sent % len(self._properties)]
            self._channel.basic_publish(*self._where, self._bodies[self._sent], properties)
            self._sent += 1

    def _on_confirm(self, frame: Any) -> None:
        if not isinstance(frame.method, pika.spec.Basic.Ack):
            raise TypeError("the broker refused a message")
        multiple = frame.method.multiple
        self._confirmed = frame.method.delivery_tag if multiple else self._confirmed + 1
        if self._confirmed >= len(self._bodies):
            self._connection.close()
        elif self._sent - self._confirmed < _IN_FLIGHT // 2:
            self._more()
