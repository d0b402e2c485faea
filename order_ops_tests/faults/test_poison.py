"""Poison: what cannot be read or kills its reader is parked with its cause; the rest lives."""

import signal

import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.messaging import topology
from order_ops_tests.faults.launcher import KILLER
from order_ops_tests.faults.system import System
from order_ops_tests.shop import created, message

POISON = {
    "bad UTF-8": (b'{"id": "\xff\xfe"}', "not UTF-8"),
    "NUL": (message("order.cancelled", "o0", 3, reason="a\x00b").body, "NUL"),
    "10 MB": (
        created("o0").body.replace(b"{", b'{"filler": "' + b"x" * 10_000_000 + b'", ', 1),
        "oversize",
    ),
    "no id": (created("o0").body.replace(b'"id"', b'"no_id"'), "no id"),
    "unknown type": (created("o0").body.replace(b"order.created", b"order.flown"), "unknown type"),
}


@pytest.mark.parametrize(("body", "cause"), POISON.values(), ids=POISON.keys())
def test_poison(system: System, body: bytes, cause: str) -> None:
    lives = system.workload.lives(40)
    system.workload.publish(lives[:60])
    system.workload.publish([Message(body, "order.created", {})], parked=True)
    system.workload.publish(lives[60:])
    system.check()
    ((parked, note, error),) = system.rows("""
        SELECT i.body, i.note, l.error FROM intake.inbox i
        JOIN ops.dead_letter l ON l.origin_id = i.id::text WHERE i.state = 'parked'""")
    assert bytes(parked) == body
    assert cause in note
    assert cause in error


def test_poison_that_kills_the_consumer(system: System) -> None:
    """It kills whoever parses it: the broker gives it up, and then it is kept unread."""
    lives = system.workload.lives(40)
    system.workload.publish(lives[:60])
    system.workload.publish([created(KILLER)], parked=True)
    system.workload.publish(lives[60:])
    parked = "SELECT count(*) FROM intake.inbox WHERE state = 'parked'"
    deaths = 0
    while not system.one(parked):
        consumer = system.start("consumer-poisoned")
        wait_until(lambda one=consumer: not one.runs() or system.one(parked), 60, "its end")  # type: ignore[misc]
        deaths += not consumer.runs()
        assert consumer.runs() or consumer.ended_by() is signal.SIGKILL
        assert deaths <= topology.DELIVERY_LIMIT + 3, "it kills the intake for ever"
    assert deaths > topology.DELIVERY_LIMIT, "it was given its chances"
    system.check()
    assert "delivery limit" in system.one("SELECT note FROM intake.inbox WHERE state = 'parked'")


def test_poison_that_kills_the_worker(system: System) -> None:
    """Only it is blamed: the others of its chunk lose one attempt at most."""
    attempts = 3
    system.workload.publish([*system.workload.lives(40)])
    system.workload.publish([created(KILLER)], parked=True)
    system.start("consume")
    system.all_staged()
    dead = "SELECT error FROM ops.dead_letter"
    deaths = 0
    while not system.rows(dead):
        worker = system.start("worker-poisoned", lease_s=1.5, event_attempts=attempts)
        wait_until(lambda one=worker: not one.runs() or system.rows(dead), 60, "its end")  # type: ignore[misc]
        deaths += not worker.runs()
        assert worker.runs() or worker.ended_by() is signal.SIGKILL
        assert deaths <= attempts, "it kills workers for ever"
    assert deaths == attempts
    system.check()
    assert f"its worker died {attempts} times" in system.one(dead)
    assert system.one("SELECT max(attempts) FROM intake.inbox WHERE state = 'done'") <= 2
