"""The consumer: broker -> store, ack after the commit, and nothing else.

pika lives on the calling thread, which reads deliveries (as many as may be
unacked, so that heartbeats never starve) and sends acks; a second thread
collects batches and calls `store` (which commits). Only then is the batch
acked, on the channel that delivered it: tags of another channel generation mean
nothing. When the store fails, the connection is closed and tried again later:
the broker redelivers, nothing is rejected in a loop. A redelivered message is
read and stored alone, after those before it, so that one message that kills the
process harms no other.
"""

import gc
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from random import SystemRandom
from typing import Any

import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from order_ops.domain.failures import RetryPolicy
from order_ops.domain.messages import Message, Staged
from order_ops.mapping import Events
from order_ops.messaging import audit, topology

log = structlog.get_logger(__name__)

RECONNECT = RetryPolicy(attempts=1_000_000, base_s=0.5, cap_s=15.0)
_HEALTHY_AFTER_S = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is in flight: `batch` messages or `wait_s` seconds, `prefetch` unacked."""

    batch: int
    wait_s: float
    prefetch: int


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message, and its row unless it was delivered before."""

    tag: int
    message: Message
    row: Staged | None

    @property
    def redelivered(self) -> bool:
        return self.row is None


def _text(value: str | bytes | None) -> str | None:
    """A short string of AMQP; pika gives bytes where it is not UTF-8."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _favour_deliveries() -> None:
    """Settings of the interpreter under which deliveries come in as fast as they are read.

    The thread that reads sockets loses its turn at every call to the system, and by default
    waits 5 ms for the next. Messages in flight are thousands of objects and no cycle: looking
    for garbage among them finds none.
    """
    sys.setswitchinterval(0.0005)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


class Consumer:
    """Consumes every queue of the topology until `stop` is called."""

    def __init__(
        self,
        amqp_url: str,
        events: Events,
        read: Callable[[Message], Staged],
        store: Callable[[Sequence[Staged]], None],
        limits: Limits,
    ) -> None:
        self._parameters = pika.URLParameters(amqp_url)
        self._parameters.client_properties = {"connection_name": "order_ops consumer"}
        self._events = events
        self._read = read
        self._store = store
        self._limits = limits
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Stop consuming, store and ack what is in hand, return from `run`."""
        self._stopping.set()

    def run(self) -> None:
        """Consume until stopped; reconnects with backoff and full jitter."""
        _favour_deliveries()
        random = SystemRandom()
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                _Session(self._parameters, self._events, self._read, self._store, self._limits).run(
                    self._stopping
                )
            except Exception as error:  # noqa: BLE001 - it survives broker and database
                healthy = time.monotonic() - started > _HEALTHY_AFTER_S
                failures = 1 if healthy else failures + 1
                delay = RECONNECT.delay_s(min(failures, 10), random)
                log.warning("consumer.reconnect", error=repr(error), in_s=round(delay, 2))
                self._stopping.wait(delay)


class _Session:
    """One connection's life: a channel, its deliveries, and the thread that stores them."""

    def __init__(
        self,
        parameters: pika.URLParameters,
        events: Events,
        read: Callable[[Message], Staged],
        store: Callable[[Sequence[Staged]], None],
        limits: Limits,
    ) -> None:
        self._connection = pika.BlockingConnection(parameters)
        self._channel: BlockingChannel = self._connection.channel()
        audit.declare(self._connection, events)
        self._channel.basic_qos(prefetch_count=limits.prefetch)
        self._read = read
        self._store = store
        self._limits = limits
        self._deliveries: SimpleQueue[_Delivery | None] = SimpleQueue()
        self._put_back: list[_Delivery | None] = []
        self._failure: BaseException | None = None
        self._worker = threading.Thread(target=self._work, name="store", daemon=True)

    def run(self, stopping: threading.Event) -> None:
        """Move deliveries until stopping; then drain and close."""
        tags = [
            self._channel.basic_consume(queue, partial(self._on_delivery, queue))
            for queue in (*topology.QUEUES.values(), topology.PARKED)
        ]
        log.info("consumer.consuming", queues=len(tags))
        self._worker.start()
        try:
            while not stopping.is_set() and self._failure is None:
                self._connection.process_data_events(time_limit=0.2)
            if self._failure is None:
                self._drain(tags)
        finally:
            self._end()
        if self._failure is not None:
            raise self._failure

    def _drain(self, tags: list[str]) -> None:
        """Cancel, then store and ack what was delivered."""
        for tag in tags:
            self._channel.basic_cancel(tag)
        self._deliveries.put(None)
        while self._worker.is_alive():
            self._connection.process_data_events(time_limit=0.05)
        self._connection.process_data_events(time_limit=0)

    def _end(self) -> None:
        self._deliveries.put(None)
        self._worker.join(timeout=60)
        if self._connection.is_open:
            self._connection.close()

    def _on_delivery(
        self, queue: str, _channel: Any, method: Any, properties: Any, body: bytes
    ) -> None:
        message = Message(
            body=body,
            routing_key=_text(method.routing_key) or "",
            headers=properties.headers or {},
            message_id=_text(properties.message_id),
            correlation_id=_text(properties.correlation_id),
            given_up=queue == topology.PARKED,
        )
        row = None if method.redelivered else self._read(message)
        self._deliveries.put(_Delivery(method.delivery_tag, message, row))

    # --- on the store thread ---------------------------------------------------------

    def _work(self) -> None:
        try:
            while batch := self._next_batch():
                self._store([one.row or self._read(one.message) for one in batch])
                self._ack(batch[-1].tag)
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._failure = error

    def _ack(self, tag: int) -> None:
        """Ask the connection's thread to ack up to `tag`, if the channel still is."""

        def ack() -> None:
            if self._channel.is_open:
                self._channel.basic_ack(tag, multiple=True)

        try:
            self._connection.add_callback_threadsafe(ack)
        except AMQPError:
            log.warning("consumer.ack_lost", tag=tag, why="connection gone; it is redelivered")

    def _next_batch(self) -> list[_Delivery]:
        """Up to `batch` deliveries within `wait_s` of the first; a redelivered one alone."""
        first = self._put_back.pop() if self._put_back else self._deliveries.get()
        if first is None:
            return []
        batch = [first]
        deadline = time.monotonic() + self._limits.wait_s
        while not first.redelivered and len(batch) < self._limits.batch:
            try:
                following = self._deliveries.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                break
            if following is None or following.redelivered:
                self._put_back.append(following)
                break
            batch.append(following)
        return batch
