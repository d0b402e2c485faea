"""The shop: orders' lives, published with confirms, and a record of what the broker confirmed.

A message counts as confirmed when the broker has said so and has not returned it.
What it did not confirm is sent again, as a shop with an outbox does; what it
confirmed is not, so that a loss stays a loss. Several producers send at once.
"""

import json
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random
from typing import Self
from uuid import uuid4

from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.messaging.publisher import Outgoing, Publisher, PublishError
from order_ops_tests.shop import created, paid, reserved

EXCHANGE = "shop.events"
GIVE_UP_S = 180.0
_BATCH = 500
_PAUSE_S = 0.25
"""Between the rounds of a load, which is to be worked off at once and pile up in no queue."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that the broker has confirmed."""

    body: bytes
    routing_key: str
    parked: bool
    """Whether it is one that must end as a dead letter."""


class Workload:
    """Everything that was ever published, by the broker's word."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.random = Random(seed)
        self.confirmed: list[Sent] = []
        self.attempted: set[bytes] = set()
        """Hashes of all bodies that were sent, confirmed or not."""
        self.orders: dict[str, int] = {}
        """Total by order, of the lives that were published whole."""
        self.refusals = 0
        self._lock = threading.Lock()
        self._made = 0
        self._numbers: Counter[str] = Counter()

    def lives(self, orders: int, prefix: str = "o") -> list[Message]:
        """The events of so many new orders, each in its own order, shuffled among one another."""
        made = []
        for _ in range(orders):
            self._made += 1
            name, total = f"{prefix}{self._made}", self.random.randint(1, 100_000)
            self.orders[name] = total
            events = [created(name, total), reserved(name, total), paid(name, total)]
            made += [(self.random.random() + place, event) for place, event in enumerate(events)]
        return [self._numbered(event) for _, event in sorted(made, key=lambda pair: pair[0])]

    def _numbered(self, message: Message) -> Message:
        """With the next number of its producer, which counts over all of its orders."""
        body = json.loads(message.body)
        self._numbers[body["producer"]] += 1
        numbered = {**body, "sequence": self._numbers[body["producer"]]}
        return replace(message, body=json.dumps(numbered).encode())

    def publish(
        self, messages: Sequence[Message], *, parked: bool = False, producers: int = 2
    ) -> None:
        """Publish until the broker has confirmed each of them."""
        shares = [messages[start::producers] for start in range(producers)]
        with ThreadPoolExecutor(producers, "producer") as threads:
            list(threads.map(lambda share: self._publish(share, parked=parked), shares))

    def duplicates(self, share: float) -> int:
        """Publish a share of what was confirmed once more; how many."""
        chosen = self.random.sample(self.confirmed, int(len(self.confirmed) * share))
        for parked in (False, True):
            again = [
                Message(sent.body, sent.routing_key, {"trace": "again"})
                for sent in chosen
                if sent.parked == parked
            ]
            self.publish(again, parked=parked)
        return len(chosen)

    def conflicts(self, count: int) -> list[Message]:
        """The same ids with other bodies, each of another message."""
        different = list({sent.body: sent for sent in self.confirmed}.values())
        chosen = self.random.sample(different, count)
        return [
            Message(sent.body.replace(b"{", b'{"changed": true, ', 1), sent.routing_key, {})
            for sent in chosen
        ]

    def _publish(self, messages: Sequence[Message], *, parked: bool) -> None:
        left = list(messages)
        while left:
            batch, rest = left[:_BATCH], left[_BATCH:]
            left = self._send(batch, parked=parked) + rest

    def _send(self, batch: list[Message], *, parked: bool) -> list[Message]:
        """Send a batch once; what of it was not confirmed."""
        with self._lock:
            self.attempted |= {sha256(one.body).digest() for one in batch}
        publisher = self._connect()
        names = [uuid4().hex for _ in batch]
        try:
            publisher.publish([_outgoing(n, m) for n, m in zip(names, batch, strict=True)])
        except PublishError:
            self.refusals += 1
        finally:
            publisher.close()
        returned = set(publisher._unroutable)
        taken = {n for n in publisher._confirmed if names[n] not in returned}
        with self._lock:
            self.confirmed += [
                Sent(batch[n].body, batch[n].routing_key, parked) for n in sorted(taken)
            ]
        return [one for n, one in enumerate(batch) if n not in taken]

    def _connect(self) -> Publisher:
        found: list[Publisher] = []

        def connects() -> bool:
            try:
                found.append(Publisher(self.url, timeout_s=10))
            except PublishError:
                self.refusals += 1
                return False
            return True

        wait_until(connects, GIVE_UP_S, "a connection of the shop to the broker")
        return found[0]


class Load:
    """Orders published all the time, in the background, until it is ended."""

    def __init__(self, workload: Workload, orders: int = 30) -> None:
        self._workload = workload
        self._orders = orders
        self._ending = threading.Event()
        self._problem: BaseException | None = None
        self.rounds = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.rounds or self._problem, GIVE_UP_S, "the load to begin")
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(GIVE_UP_S * 2)
        assert not self._thread.is_alive(), "the load does not end"
        if self._problem is not None:
            raise self._problem

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self._workload.publish(self._workload.lives(self._orders), producers=1)
                self.rounds += 1
                self._ending.wait(_PAUSE_S)
        except BaseException as problem:  # noqa: BLE001 - raised where the load was begun
            self._problem = problem


def _outgoing(name: str, one: Message) -> Outgoing:
    return Outgoing(name, EXCHANGE, one.routing_key, one.body, dict(one.headers))
