"""What the broker says, and what it does not, become findings."""

from typing import Any

import pytest
from pika.exceptions import ChannelClosedByBroker

from order_ops.mapping import load_mapping
from order_ops.messaging import audit, broker_api
from order_ops.messaging.declared import Declared

EVENTS = load_mapping().events
DECLARED = Declared.of(EVENTS)
SHOP = EVENTS.exchange.name


@pytest.mark.parametrize("version", ["3.9.29", "2.8", "", "unknown"])
def test_an_old_broker_is_a_finding(version: str) -> None:
    (found,) = audit.version_findings("broker b:1", version, DECLARED)
    assert "older than 3.10" in found.problem
    assert "upgrade it to 3.10" in found.remedy


@pytest.mark.parametrize("version", ["3.10.8", "3.13.7", "4.1.0", "10.0"])
def test_what_we_declare_is_known_to_every_supported_broker(version: str) -> None:
    assert audit.version_findings("broker b:1", version, DECLARED) == []


@pytest.mark.parametrize(
    ("argument", "version", "needed"),
    [("x-delayed-retry-min", "4.2.1", "4.3"), ("x-consumer-timeout", "3.10.8", "3.12")],
)
def test_an_argument_that_the_broker_ignores_is_a_finding(
    argument: str, version: str, needed: str
) -> None:
    declared = Declared(queues={"q": {"arguments": {"x-queue-type": "quorum", argument: 1}}})
    (found,) = audit.version_findings("broker b:1", version, declared)
    assert f"queue q: RabbitMQ {version} ignores {argument}" in str(found)
    assert needed in found.remedy
    assert audit.version_findings("broker b:1", needed, declared) == []


def explained(kind: str, code: int, text: str, *, foreign: bool = False) -> tuple[str, str]:
    return audit._explain(kind, ChannelClosedByBroker(code, text), foreign=foreign)


def test_another_argument_is_named_with_both_values() -> None:
    text = "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'q' in vhost '/':"
    problem, remedy = explained("queue", 406, f"{text} received '20' but current is '5'")
    assert problem == "has another x-delivery-limit: expected '20' but current is '5'"
    assert remedy == "delete the queue after draining it, or use a new name"


def test_what_is_absent_says_who_declares_it() -> None:
    text = "NOT_FOUND - no exchange 'x' in vhost '/'"
    assert "order-ops consume" in explained("exchange", 404, text)[1]
    assert "its owner declares it" in explained("exchange", 404, text, foreign=True)[1]


def test_a_queue_whose_node_is_down_is_not_called_absent() -> None:
    text = "NOT_FOUND - home node 'rabbit@b' of durable queue 'q' is down or inaccessible"
    assert explained("queue", 404, text)[0] == text


def test_a_missing_right_names_the_remedy() -> None:
    text = "ACCESS_REFUSED - access to queue 'q' in vhost '/' refused for user 'u'"
    assert "set_permissions" in explained("queue", 403, text)[1]


def test_the_bindings_of_the_mapping_are_no_finding() -> None:
    assert (SHOP, "order_ops.critical", "payment.succeeded") in DECLARED.bindings
    assert broker_api.binding_findings(DECLARED, DECLARED.bindings) == []


def test_missing_and_extra_bindings_are_findings() -> None:
    gone = (SHOP, "order_ops.critical", "payment.succeeded")
    moved = (SHOP, "order_ops.bulk", "payment.succeeded")
    more = (SHOP, "order_ops.bulk", "stock.counted")
    bound = DECLARED.bindings - {gone} | {moved, more}
    told = [str(found) for found in broker_api.binding_findings(DECLARED, bound)]
    assert len(told) == 3
    assert "order_ops.critical: 'payment.succeeded' of shop.events is not bound" in told[0]
    assert "which belongs to order_ops.critical" in told[1]
    assert "which the mapping does not handle" in told[2]


def test_a_queue_of_another_type_is_a_finding() -> None:
    assert broker_api.type_findings(DECLARED, {"order_ops.bulk": "quorum"}) == []
    (found,) = broker_api.type_findings(DECLARED, {"order_ops.bulk": "classic"})
    assert str(found).startswith("queue order_ops.bulk: is a classic queue, not a quorum queue")


@pytest.mark.parametrize(("resource", "word"), [("memory", "memory"), ("disk", "disk space")])
def test_an_alarm_names_its_node(resource: str, word: str) -> None:
    answer: dict[str, Any] = {"alarms": [{"node": "rabbit@b", "resource": resource}]}
    (found,) = broker_api.alarm_findings(answer)
    assert found.subject == "broker node rabbit@b"
    assert word in found.remedy
    assert broker_api.alarm_findings({"status": "ok"}) == []


def test_the_password_of_the_api_is_not_told() -> None:
    api = broker_api.BrokerApi("http://u:hunter2@127.0.0.1:1", "/")
    (found,) = broker_api.api_findings(api, EVENTS)
    assert "broker API 127.0.0.1:1: no answer: " in str(found)
    assert "hunter2" not in f"{found}{api}"
