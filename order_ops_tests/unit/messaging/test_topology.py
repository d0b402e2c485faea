"""What is declared at the broker: every event once, and nothing can get lost."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from order_ops.domain.events import EVENT_TYPES, MONEY_EVENTS
from order_ops.mapping import Events, load_mapping
from order_ops.messaging import topology
from order_ops.store.outbox import COMMANDS

EVENTS = load_mapping().events


@dataclass
class Channel:
    """Records declarations; like a broker, it refuses to bind what is not there."""

    exchanges: dict[str, dict[str, Any]] = field(default_factory=dict)
    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    bindings: list[tuple[str, str, str | None]] = field(default_factory=list)

    def exchange_declare(self, name: str, kind: str | None = None, **options: Any) -> None:
        self.exchanges[name] = {"kind": kind, **options}

    def queue_declare(self, name: str, **options: Any) -> None:
        self.queues[name] = options

    def queue_bind(self, queue: str, exchange: str, key: str | None = None) -> None:
        assert queue in self.queues, f"{queue} is bound before it is declared"
        assert exchange in self.exchanges, f"{exchange} is bound before it is declared"
        self.bindings.append((queue, exchange, key))


@pytest.fixture
def channel() -> Channel:
    made = Channel()
    topology.declare(made, EVENTS)
    return made


def shop_bindings(channel: Channel) -> list[tuple[str, str | None]]:
    return [(queue, key) for queue, to, key in channel.bindings if to == EVENTS.exchange.name]


def test_every_event_type_is_bound_exactly_once(channel: Channel) -> None:
    keys = Counter(key for _, key in shop_bindings(channel))
    assert keys == dict.fromkeys(EVENT_TYPES, 1)


def test_every_bound_key_has_a_handler(channel: Channel) -> None:
    for _, key in shop_bindings(channel):
        assert EVENTS.types.get(str(key), key) in EVENT_TYPES


def test_money_has_a_queue_of_its_own(channel: Channel) -> None:
    critical = {key for queue, key in shop_bindings(channel) if queue == "order_ops.critical"}
    assert critical == MONEY_EVENTS


def test_every_class_has_a_durable_quorum_queue_that_dead_letters(channel: Channel) -> None:
    for name in ("order_ops.critical", "order_ops.normal", "order_ops.bulk"):
        declared = channel.queues[name]
        assert declared["durable"] is True
        assert declared["arguments"] == {
            "x-queue-type": "quorum",
            "x-delivery-limit": 20,
            "x-dead-letter-exchange": "order_ops.dead",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }


def test_a_dead_letter_reaches_the_parked_queue_whatever_its_key(channel: Channel) -> None:
    assert channel.exchanges["order_ops.dead"] == {"kind": "topic", "durable": True}
    assert ("order_ops.parked", "order_ops.dead", "#") in channel.bindings
    arguments = channel.queues["order_ops.parked"]["arguments"]
    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-delivery-limit"] >= 10**6, "a parked message is never dropped"
    assert "x-message-ttl" not in arguments
    assert "x-max-length" not in arguments


def test_what_nobody_listens_to_is_kept(channel: Channel) -> None:
    out = channel.exchanges["order_ops.out"]
    assert out["arguments"] == {"alternate-exchange": "order_ops.unroutable"}
    assert channel.exchanges["order_ops.unroutable"] == {"kind": "fanout", "durable": True}
    assert ("order_ops.unroutable", "order_ops.unroutable", None) in channel.bindings


def test_everything_survives_a_restart_of_the_broker(channel: Channel) -> None:
    declared = [*channel.exchanges.values(), *channel.queues.values()]
    assert all(one["durable"] is True for one in declared)
    assert len(declared) == 4 + 5


def test_declaring_again_declares_the_same(channel: Channel) -> None:
    again = Channel()
    topology.declare(again, EVENTS)
    topology.declare(again, EVENTS)
    assert (again.exchanges, again.queues) == (channel.exchanges, channel.queues)
    assert set(again.bindings) == set(channel.bindings)


def test_a_foreign_exchange_is_looked_for_and_never_made() -> None:
    foreign = Events.model_validate(
        {
            **EVENTS.model_dump(),
            "exchange": {"name": "legacy", "passive": True},
            "routing": {"pay.ok": "critical", "pay.slip": "bulk"},
        }
    )
    channel = Channel()
    topology.declare(channel, foreign)
    assert channel.exchanges["legacy"] == {"kind": None, "passive": True}
    bound = [(queue, key) for queue, to, key in channel.bindings if to == "legacy"]
    assert bound == [("order_ops.critical", "pay.ok"), ("order_ops.bulk", "pay.slip")]


def test_what_we_say_ourselves_is_not_bound_to_us(channel: Channel) -> None:
    spoken = {"order.changed", *COMMANDS.values()}
    assert not spoken & {key for _, _, key in channel.bindings}


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("#", {"a", "a.b", "a.b.c", "axb"}),
        ("a.#", {"a", "a.b", "a.b.c"}),
        ("a.*", {"a.b"}),
        ("#.c", {"a.b.c"}),
        ("a.b", {"a.b"}),
    ],
)
def test_patterns_match_as_a_topic_exchange_does(pattern: str, keys: set[str]) -> None:
    assert {key for key in ("a", "a.b", "a.b.c", "axb") if topology.matches(pattern, key)} == keys
