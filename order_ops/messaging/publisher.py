"""The publisher: messages out, in flight together, each accounted for.

`publish` sends a batch with mandatory set and waits until the broker has
confirmed every message; what it returns is what the broker said of each.
A connection of its own: a broker alarm blocks publishing connections, and
must not stop consumption.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pika
from pika.channel import Channel

PERSISTENT = 2
_CLOSE_S = 5.0
_SHORT = 255


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish; `message_id` names it when the broker returns it."""

    message_id: str | None
    exchange: str
    routing_key: str
    body: bytes
    headers: dict[str, Any] = field(default_factory=dict)
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What the broker said: positions in the batch that it confirmed, and ids it returned."""

    confirmed: list[int]
    unroutable: list[str | None]


class PublishError(ConnectionError):
    """The broker did not answer for every message; those not confirmed may be sent again."""


class Publisher:
    """One publishing connection; not for use from several threads."""

    def __init__(self, amqp_url: str, *, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._channel: Channel | None = None
        self._problem: str | None = None
        self._in_flight: dict[int, int] = {}
        self._confirmed: list[int] = []
        self._unroutable: list[str | None] = []
        self._next_tag = 1
        self._ended = False
        parameters = pika.URLParameters(amqp_url)
        parameters.client_properties = {"connection_name": "order_ops publisher"}
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=lambda c: c.channel(on_open_callback=self._on_channel),
            on_open_error_callback=lambda _, error: self._fail(f"cannot connect: {error!r}"),
            on_close_callback=lambda _, reason: self._fail(f"connection closed: {reason!r}"),
        )
        try:
            self._run_until(lambda: self._channel is not None, "open a channel")
        except PublishError:
            self.close()
            raise

    def publish(self, batch: Sequence[Outgoing]) -> Published:
        """Send a batch and wait for the broker's word on each message.

        Raises:
            PublishError: connection lost, refused or too slow; whatever was
                not confirmed may or may not be with the broker.
        """
        if self._channel is None or self._problem:
            raise PublishError(self._problem or "not connected")
        self._confirmed, self._unroutable = [], []
        for position, message in enumerate(batch):
            self._in_flight[self._next_tag] = position
            self._next_tag += 1
            self._channel.basic_publish(
                message.exchange,
                message.routing_key,
                message.body,
                pika.BasicProperties(
                    message_id=message.message_id,
                    content_type="application/json",
                    delivery_mode=PERSISTENT,
                    headers=message.headers,
                    correlation_id=_short(message.correlation_id),
                ),
                mandatory=True,
            )
        self._run_until(lambda: not self._in_flight, f"confirm {len(batch)} messages")
        return Published(sorted(self._confirmed), self._unroutable)

    def idle(self, seconds: float) -> None:
        """Serve heartbeats for a while."""
        self._spin(seconds)
        if self._problem:
            raise PublishError(self._problem)

    def close(self) -> None:
        """Close the connection and its event loop; safe to call twice."""
        if self._ended:
            return
        self._ended = True
        if self._connection.is_open:
            self._connection.close()
        deadline = monotonic() + _CLOSE_S
        while not self._connection.is_closed and monotonic() < deadline:
            self._spin(0.05)
        if not self._connection.is_closed and self._connection._transport:  # noqa: SLF001
            # a broker with an alarm reads nothing, not even a goodbye: do not leave it the socket
            self._connection._transport.abort()  # noqa: SLF001
        self._spin(0)
        self._connection.ioloop.close()

    def _on_channel(self, channel: Channel) -> None:
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._ready(channel))
        channel.add_on_return_callback(self._on_return)
        channel.add_on_close_callback(lambda _, reason: self._fail(f"channel closed: {reason!r}"))

    def _ready(self, channel: Channel) -> None:
        self._channel = channel
        self._connection.ioloop.stop()

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        acked = isinstance(method, pika.spec.Basic.Ack)
        tags = [method.delivery_tag]
        if method.multiple:
            tags = [tag for tag in self._in_flight if tag <= method.delivery_tag]
        for tag in tags:
            position = self._in_flight.pop(tag, None)
            if position is not None and acked:
                self._confirmed.append(position)
        if not self._in_flight:
            self._connection.ioloop.stop()

    def _on_return(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        self._unroutable.append(properties.message_id)

    def _fail(self, problem: str) -> None:
        self._problem = self._problem or problem
        self._connection.ioloop.stop()

    def _run_until(self, done: Any, what: str) -> None:
        deadline = monotonic() + self._timeout_s
        while not done():
            if self._problem or monotonic() > deadline:
                raise PublishError(self._problem or f"the broker did not {what} in time")
            self._spin(0.5)

    def _spin(self, seconds: float) -> None:
        """Let the event loop run until something stops it, at most this long."""
        timer = self._connection.ioloop.call_later(seconds, self._connection.ioloop.stop)
        self._connection.ioloop.start()
        self._connection.ioloop.remove_timeout(timer)


def _short(text: str | None) -> str | None:
    """As much of a text as a property of AMQP holds: 255 bytes."""
    return None if text is None else text.encode()[:_SHORT].decode(errors="ignore")
