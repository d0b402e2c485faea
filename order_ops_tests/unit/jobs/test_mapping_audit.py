"""Every event has a routing key, and every routing key a handler, where that can be told."""

from typing import Any

import pytest

from order_ops.domain.events import EVENT_TYPES
from order_ops.jobs.messages.mapping_audit import mapping_findings
from order_ops.mapping import Events, load_mapping

BUNDLED = load_mapping().events.model_dump()


def events(type_path: str = "body.type", **changed: Any) -> Events:
    envelope = BUNDLED["envelope"] | {"type": type_path}
    return Events.model_validate(BUNDLED | {"envelope": envelope} | changed)


def told(shop: Events) -> str:
    return "\n".join(str(found) for found in mapping_findings(shop))


@pytest.mark.parametrize("path", ["body.type", "routing_key"])
def test_the_bundled_mapping_hears_everything(path: str) -> None:
    assert told(events(path)) == ""


@pytest.mark.parametrize("path", ["body.type", "routing_key"])
def test_a_type_without_a_key_is_a_finding(path: str) -> None:
    routing = {key: name for key, name in BUNDLED["routing"].items() if key != "refund.failed"}
    assert "no routing key leads to refund.failed" in told(events(path, routing=routing))


def test_a_key_that_nothing_handles_is_a_finding() -> None:
    shop = events("routing_key", routing=BUNDLED["routing"] | {"stock.counted": "bulk"})
    assert "'stock.counted' leads to the type 'stock.counted'" in told(shop)
    assert "'stock.counted'" not in told(events(routing=BUNDLED["routing"] | {"x.y": "bulk"}))


def test_a_foreign_type_is_a_key_of_its_event() -> None:
    routing = {f"legacy.{name}": "normal" for name in EVENT_TYPES}
    types = {f"legacy.{name}": name for name in EVENT_TYPES}
    assert told(events("routing_key", routing=routing, types=types)) == ""
    assert told(events("routing_key", routing=routing)).count("nothing handles") == len(EVENT_TYPES)


def test_keys_of_another_language_are_not_guessed_at() -> None:
    types = {"PAID": "payment.succeeded"}
    assert told(events(routing={"pay.ok": "critical"}, types=types)) == ""


def test_a_pattern_hears_what_it_matches() -> None:
    assert told(events(routing={"#": "normal"})) == ""
    shop = events(routing={"order.*": "normal", "payment.#": "critical"})
    unheard = [name for name in EVENT_TYPES if name.startswith(("refund.", "dispute."))]
    assert [f"no routing key leads to {name}" in told(shop) for name in unheard] == [True] * 5
    assert told(shop).count("\n") == 4


def test_a_constant_type_leaves_the_others_unheard() -> None:
    shop = events("=payment.succeeded", routing={"pay.ok": "critical"})
    assert len(mapping_findings(shop)) == len(EVENT_TYPES) - 1
