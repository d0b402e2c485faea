"""The topology as values: what an audit compares a broker with."""

from dataclasses import dataclass, field
from typing import Any, Self

from order_ops.mapping import Events
from order_ops.messaging import topology


@dataclass(slots=True)
class Declared:
    """What `topology.declare` declares, recorded: the one source of what is expected."""

    exchanges: dict[str, dict[str, Any]] = field(default_factory=dict)
    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    bindings: set[tuple[str, str, str]] = field(default_factory=set)
    """(exchange, queue, routing key)"""

    @classmethod
    def of(cls, events: Events) -> Self:
        """The topology of a shop."""
        made = cls()
        topology.declare(made, events)
        return made

    def exchange_declare(self, name: str, kind: str = "direct", **options: Any) -> None:
        """As pika's."""
        self.exchanges[name] = {"exchange_type": kind, **options}

    def queue_declare(self, name: str, **options: Any) -> None:
        """As pika's."""
        self.queues[name] = options

    def queue_bind(self, queue: str, exchange: str, key: str | None = None) -> None:
        """As pika's, which binds with the queue's name when there is no key."""
        self.bindings.add((exchange, queue, queue if key is None else key))
