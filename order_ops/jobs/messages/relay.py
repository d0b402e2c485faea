"""The relay: outbox -> broker, with publisher confirms. It publishes and nothing else.

One relay is active at a time, by lease, so that an order's messages leave in
the order they were written; a second one waits and takes over when the lease
runs out. What the broker did not confirm is sent again under the same id.
"""

import socket
import threading
from os import getpid
from random import SystemRandom
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from order_ops.domain.failures import RetryPolicy
from order_ops.mapping import Events
from order_ops.messaging import audit, topology
from order_ops.messaging.publisher import Outgoing, Publisher, PublishError
from order_ops.store import leases
from order_ops.store.beats import Beating
from order_ops.store.engine import transaction
from order_ops.store.queries import ops

log = structlog.get_logger(__name__)

LEASE = "relay"
LEASE_S = 45.0
RETRY = RetryPolicy(attempts=1_000_000, base_s=0.5, cap_s=15.0)
_BATCH = 500
_IDLE_S = 0.5


class Relay:
    """Publishes the outbox until stopped."""

    def __init__(self, pool: Engine, amqp_url: str, events: Events) -> None:
        self._pool = pool
        self._events = events
        self._amqp_url = amqp_url
        self._owner = f"{socket.gethostname()}:{getpid()}:{uuid4().hex[:8]}"
        self._alive = Beating(pool, "process:relay")
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Finish the batch in hand, release the lease, return from `run`."""
        self._stopping.set()

    def run(self) -> None:
        """Publish until stopped; survives any broker or database error."""
        failures = 0
        while not self._stopping.is_set():
            try:
                self._session()
                failures = 0
            except Exception as error:  # noqa: BLE001 - it survives broker and database
                failures += 1
                delay = RETRY.delay_s(min(failures, 10), SystemRandom())
                log.warning("relay.retry", error=repr(error), in_s=round(delay, 2))
                self._stopping.wait(delay)

    def _session(self) -> None:
        """One connection's life: holds the lease while it publishes."""
        audit.ensure(self._amqp_url, self._events)
        publisher = Publisher(self._amqp_url)
        try:
            while not self._stopping.is_set():
                self._alive.turn()
                if not leases.take(self._pool, LEASE, self._owner, LEASE_S):
                    publisher.idle(_IDLE_S * 4)
                elif publish_batch(self._pool, publisher) == 0:
                    publisher.idle(_IDLE_S)
        finally:
            publisher.close()
            leases.release(self._pool, LEASE, self._owner)


def publish_batch(pool: Engine, publisher: Publisher) -> int:
    """Publish the oldest unpublished messages; those confirmed are marked.

    Returns:
        How many were confirmed.

    Raises:
        PublishError: the broker refused some or did not answer.
    """
    with transaction(pool) as conn:
        rows = list(ops.unpublished(conn, messages=_BATCH))
    if not rows:
        return 0
    answer = publisher.publish(
        [
            Outgoing(
                message_id=row.message_id,
                exchange=topology.OUT_EXCHANGE,
                routing_key=row.routing_key,
                body=bytes(row.body),
                headers={**row.headers, "tenant": row.tenant_id, "order": row.order_id},
                correlation_id=row.correlation_id,
            )
            for row in rows
        ]
    )
    with transaction(pool) as conn:
        ops.mark_published(conn, ids=[rows[position].id for position in answer.confirmed])
    if len(answer.confirmed) < len(rows):
        raise PublishError(f"the broker refused {len(rows) - len(answer.confirmed)} messages")
    return len(rows)
