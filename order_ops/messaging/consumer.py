"""The consumer: broker -> store, ack after the commit, and nothing else.

It opens one session after another (`order_ops.messaging.session`). When a session
ends in an error, the next one waits until the store is ready: the broker redelivers,
nothing is rejected in a loop. Paused, it drains and lets the messages wait at the
broker.
"""

import gc
import sys
import threading
import time
from random import SystemRandom

import pika
import structlog

from order_ops.domain.failures import RetryPolicy
from order_ops.mapping import Events
from order_ops.messaging.session import Intake, Limits, Session

log = structlog.get_logger(__name__)

RECONNECT = RetryPolicy(attempts=1_000_000, base_s=0.5, cap_s=15.0)
_HEALTHY_AFTER_S = 30.0
_ASKS_EVERY_S = 2.0


class Consumer:
    """Consumes every queue of the topology until `stop` is called."""

    def __init__(self, amqp_url: str, events: Events, intake: Intake, limits: Limits) -> None:
        self._parameters = pika.URLParameters(amqp_url)
        self._parameters.client_properties = {"connection_name": "order_ops consumer"}
        self._events = events
        self._intake = intake
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
                # Each connection that is lost counts a delivery for all it had in flight: with
                # the database away for minutes, the broker gave up what nobody had looked at.
                if self._intake.open():
                    self._session()
                else:
                    log.info("consumer.paused")
                    self._stopping.wait(_ASKS_EVERY_S)
            except Exception as error:  # noqa: BLE001 - it survives broker and database
                healthy = time.monotonic() - started > _HEALTHY_AFTER_S
                failures = 1 if healthy else failures + 1
                delay = RECONNECT.delay_s(min(failures, 10), random)
                log.warning("consumer.reconnect", error=repr(error), in_s=round(delay, 2))
                self._stopping.wait(delay)

    def _session(self) -> None:
        """A session until it is stopped or paused."""
        closed, over = threading.Event(), threading.Event()

        def ask() -> None:
            while not over.wait(_ASKS_EVERY_S):
                try:
                    if not self._intake.open():
                        closed.set()
                except Exception as error:  # noqa: BLE001 - the session finds it out by itself
                    log.warning("consumer.not_asked", error=repr(error))

        asking = threading.Thread(target=ask, name="pause", daemon=True)
        asking.start()
        try:
            session = Session(self._parameters, self._events, self._intake, self._limits)
            session.run(lambda: self._stopping.is_set() or closed.is_set())
        finally:
            over.set()


def _favour_deliveries() -> None:
    """Settings of the interpreter under which deliveries come in as fast as they are read.

    The thread that reads sockets loses its turn at every call to the system, and by default
    waits 5 ms for the next. Messages in flight are thousands of objects and no cycle: looking
    for garbage among them finds none.
    """
    sys.setswitchinterval(0.0005)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
