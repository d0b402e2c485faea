"""One message per change, with an id that is the change's own."""

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from order_ops.domain.failures import ClassifiedError
from order_ops.domain.orders import Change, Order, State
from order_ops.mapping import load_mapping
from order_ops.messaging.codec import Codec, Unreadable
from order_ops.store import outbox
from order_ops.store.engine import Connection

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONNECTION = cast(Connection, object())


def order(tenant: str = "shop", order_id: str = "o-1") -> Order:
    return Order(tenant, order_id, "BRL", 1000, T0)


def change(kind: str, version: int = 2, *, cause: str = "evt-1") -> Change:
    detail = {"secret": "x"}
    moved = (State.RESERVED, State.CONFIRMED)
    return Change(kind, *moved, version, T0, cause, detail, correlation_id="c-1")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, list[Any]]]:
    """The columns of every statement."""
    calls: list[dict[str, list[Any]]] = []
    monkeypatch.setattr(outbox.ops, "add_outbox", lambda conn, **columns: calls.append(columns))
    return calls


Written = list[dict[str, list[Any]]]


def test_many_changes_are_one_statement(written: Written) -> None:
    outbox.add(CONNECTION, [(order(), change("reserved", 2)), (order(), change("confirmed", 3))])
    (columns,) = written
    assert {name: len(cells) for name, cells in columns.items()} == {
        "message_id": 2,
        "tenant_id": 2,
        "order_id": 2,
        "routing_key": 2,
        "body": 2,
        "headers": 2,
        "correlation_id": 2,
    }


def test_no_change_is_no_statement(written: Written) -> None:
    outbox.add(CONNECTION, [])
    assert written == []


def test_a_message_that_no_broker_should_carry_is_refused_with_its_change(written: Written) -> None:
    with pytest.raises(
        ClassifiedError, match=r"order.changed of order o-1 would be 100\d\d\d bytes"
    ):
        outbox.add(CONNECTION, [(order(), change("reserved", cause="x" * 100_000))])
    assert written == []


def test_a_message_says_what_changed_and_why(written: Written) -> None:
    outbox.add(CONNECTION, [(order(), change("confirmed", 3))])
    (columns,) = written
    (message_id,) = columns["message_id"]
    assert json.loads(columns["body"][0]) == {
        "id": message_id,
        "version": 1,
        "type": "order.confirm",
        "tenant": "shop",
        "producer": "order_ops",
        "sequence": 3,
        "order": "o-1",
        "occurred_at": "2026-03-01T12:00:00+00:00",
        "correlation": "c-1",
        "data": {
            "change": "confirmed",
            "from": "RESERVED",
            "to": "CONFIRMED",
            "cause": "evt-1",
        },
    }
    assert columns["headers"] == ['{"cause":"evt-1","correlation_id":"c-1"}']


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("confirmed", "order.confirm"),
        ("expired", "order.expire"),
        ("created", "order.changed"),
        ("cancelled", "order.changed"),
        ("partly_refunded", "order.changed"),
        ("paid_after_close", "order.changed"),
    ],
)
def test_decisions_are_commands_and_the_rest_is_news(written: Written, kind: str, key: str) -> None:
    outbox.add(CONNECTION, [(order(), change(kind))])
    assert written[0]["routing_key"] == [key]
    assert json.loads(written[0]["body"][0])["type"] == key


def test_the_same_change_never_leaves_under_two_ids(written: Written) -> None:
    outbox.add(CONNECTION, [(order(), change("confirmed"))])
    outbox.add(CONNECTION, [(order(), change("confirmed", cause="evt-redelivered"))])
    assert written[0]["message_id"] == written[1]["message_id"]


def test_another_version_order_or_tenant_has_another_id(written: Written) -> None:
    facts = [
        (order(), change("confirmed", 2)),
        (order(), change("confirmed", 3)),
        (order(order_id="o-2"), change("confirmed", 2)),
        (order(tenant="other"), change("confirmed", 2)),
    ]
    outbox.add(CONNECTION, facts)
    assert len(set(written[0]["message_id"])) == 4


def test_ids_stay_what_they_were(written: Written) -> None:
    """They are the consumers' deduplication keys: a release must not change them."""
    outbox.add(CONNECTION, [(order(), change("confirmed", 3))])
    assert written[0]["message_id"] == ["6728fd4c-c48a-5d9d-924a-65f863582d80"]


def test_our_own_words_would_be_parked_if_they_came_back(written: Written) -> None:
    outbox.add(CONNECTION, [(order(), change("confirmed")), (order(), change("reserved"))])
    codec = Codec(load_mapping().events, 100_000)
    for body, key in zip(written[0]["body"], written[0]["routing_key"], strict=True):
        with pytest.raises(Unreadable, match="unknown type"):
            codec.decode(body, key, {})
