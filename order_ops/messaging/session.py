"""One connection of the consumer: its deliveries in, batches to the store, acks out.

pika lives on the calling thread, which reads deliveries (as many as may be unacked,
so that heartbeats never starve) and sends acks; a second thread collects batches
and calls `store`, which commits. Only then is the batch acked, on the channel that
delivered it: tags of another channel generation mean nothing.

A message that was delivered before may be what its reader died of. Such suspects
are taken first and in groups that shrink with each delivery in vain, down to one:
a lost connection costs little time, and a message that kills the process is soon
alone with it, and harms no other.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from order_ops.domain.messages import Message, Staged
from order_ops.mapping import Events
from order_ops.messaging import audit, topology

log = structlog.get_logger(__name__)

COUNT = "x-delivery-count"
"""A header of the broker's own: how often a message of a quorum queue was delivered before."""
_SHRINKS_BY = 4
_SUSPECT = 2
"""Deliveries in vain; one is any lost connection's."""
_QUEUES = (*topology.QUEUES.values(), topology.PARKED)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is in flight: `batch` messages or `wait_s` seconds, `prefetch` unacked per queue."""

    batch: int
    wait_s: float
    prefetch: int

    def together(self, deliveries: int) -> int:
        """With how many others a message may be that was delivered so often in vain."""
        shrunk: int = self.batch // _SHRINKS_BY ** min(max(deliveries, 0), 16)
        return max(1, shrunk)


@dataclass(frozen=True, slots=True)
class Intake:
    """What a consumer is for.

    Attributes:
        read: the row of a message; never raises.
        store: commits rows.
        open: whether to consume now; raises when the store is away.
    """

    read: Callable[[Message], Staged]
    store: Callable[[Sequence[Staged]], None]
    open: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message with its row, unless it is a suspect: that one is read where it is stored."""

    tag: int
    message: Message
    row: Staged | None
    together: int


class Session:
    """A connection from its opening to its end."""

    def __init__(
        self, parameters: pika.URLParameters, events: Events, intake: Intake, limits: Limits
    ) -> None:
        self._connection = pika.BlockingConnection(parameters)
        self._channel: BlockingChannel = self._connection.channel()
        audit.declare(self._connection, events)
        self._channel.basic_qos(prefetch_count=limits.prefetch)
        self._channel.add_on_cancel_callback(self._on_cancelled)
        self._intake = intake
        self._limits = limits
        self._deliveries: SimpleQueue[_Delivery | None] = SimpleQueue()
        self._put_back: list[_Delivery | None] = []
        self._failure: BaseException | None = None
        self._over = threading.Event()
        self._acked = 0
        self._worker = threading.Thread(target=self._work, name="store", daemon=True)

    def run(self, ending: Callable[[], bool]) -> None:
        """Move deliveries until `ending`; then drain and close.

        Raises:
            Exception: the connection was lost, or the store failed.
        """
        self._worker.start()
        try:
            for queue in _QUEUES:
                self._take_suspects(queue, ending)
            tags = [
                self._channel.basic_consume(queue, partial(self._on_delivery, queue))
                for queue in _QUEUES
                if not ending()
            ]
            log.info("consumer.consuming", queues=len(tags))
            while self._failure is None and not ending():
                self._serve(0.2)
            if self._failure is None:
                self._drain(tags)
        finally:
            self._end()
        if self._failure is not None:
            raise self._failure

    def _take_suspects(self, queue: str, ending: Callable[[], bool]) -> None:
        """The suspects at the head of a queue, a group at a time, with nothing else in flight.

        The end of a process counts a delivery for all it had in flight: a message that
        kills its reader would use up the deliveries of the thousands behind it.
        """
        found = True
        while found and self._failure is None and not ending():
            tag, taken, most = 0, 0, self._limits.batch
            while found and taken < most:
                method, properties, body = self._channel.basic_get(queue)
                if method is None:
                    found = False
                    break
                together = self._on_delivery(queue, self._channel, method, properties, body)
                tag, taken, most = method.delivery_tag, taken + 1, min(most, together)
                found = together < self._limits.batch
            while self._failure is None and self._acked < tag:
                self._serve(0.2)

    def _serve(self, seconds: float) -> None:
        """Let pika work; it says nothing of a channel that the broker has closed."""
        self._connection.process_data_events(time_limit=seconds)
        if not self._channel.is_open:
            raise ConnectionError("the broker closed the channel: was a message unacked too long?")

    def _drain(self, tags: list[str]) -> None:
        """Cancel, then store and ack what was delivered."""
        for tag in tags:
            self._channel.basic_cancel(tag)
        self._deliveries.put(None)
        while self._worker.is_alive():
            self._connection.process_data_events(time_limit=0.05)
        self._connection.process_data_events(time_limit=0)

    def _end(self) -> None:
        self._over.set()  # what is still in hand can be acked no more: it is redelivered
        self._deliveries.put(None)
        self._worker.join(timeout=60)
        if self._connection.is_open:
            self._connection.close()

    def _on_cancelled(self, _method: Any) -> None:
        """The broker has ended a consumer: its queue was deleted, and is declared again."""
        self._failure = ConnectionError("the broker cancelled a consumer: was its queue deleted?")

    def _on_delivery(
        self, queue: str, _channel: Any, method: Any, properties: Any, body: bytes
    ) -> int:
        """Hand a delivery to the store thread; with how many others it may be."""
        headers = dict(properties.headers or {})
        count = headers.pop(COUNT, 0)  # of the broker, or whatever a publisher has put there
        count = count if isinstance(count, int) else 0
        together = self._limits.together(count)
        message = Message(
            body=body,
            routing_key=_text(method.routing_key) or "",
            headers=headers,
            message_id=_text(properties.message_id),
            correlation_id=_text(properties.correlation_id),
            given_up=queue == topology.PARKED,
            suspect=count >= _SUSPECT,
        )
        row = self._intake.read(message) if together == self._limits.batch else None
        self._deliveries.put(_Delivery(method.delivery_tag, message, row, together))
        return together

    # --- on the store thread ---------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self._over.is_set() and (batch := self._next_batch()):
                self._intake.store([one.row or self._intake.read(one.message) for one in batch])
                self._ack(batch[-1].tag)
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._failure = error

    def _ack(self, tag: int) -> None:
        """Ask the connection's thread to ack up to `tag`, if the channel still is."""

        def ack() -> None:
            if self._channel.is_open:
                self._channel.basic_ack(tag, multiple=True)
                self._acked = tag

        try:
            self._connection.add_callback_threadsafe(ack)
        except AMQPError:
            log.warning("consumer.ack_lost", tag=tag, why="connection gone; it is redelivered")

    def _next_batch(self) -> list[_Delivery]:
        """Up to `batch` deliveries within `wait_s` of the first, fewer with a suspect."""
        first = self._put_back.pop() if self._put_back else self._deliveries.get()
        if first is None:
            return []
        batch, most = [first], first.together
        deadline = time.monotonic() + self._limits.wait_s
        while len(batch) < most:
            try:
                following = self._deliveries.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                break
            if following is None or len(batch) >= following.together:
                self._put_back.append(following)
                break
            batch.append(following)
            most = min(most, following.together)
        return batch


def _text(value: str | bytes | None) -> str | None:
    """A short string of AMQP; pika gives bytes where it is not UTF-8."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
