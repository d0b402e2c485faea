"""The invariants themselves: each is broken on purpose on a real database, and must say so."""

from collections.abc import Iterator
from hashlib import sha256

import psycopg
import pytest

from order_ops.domain.messages import Message
from order_ops.jobs.messages.consume import store_messages
from order_ops.jobs.orders.apply_events import apply_due_events
from order_ops.jobs.orders.apply_lanes import worker
from order_ops.settings import Settings
from order_ops_tests.faults.invariants import Found, violations
from order_ops_tests.faults.servers import Servers
from order_ops_tests.faults.workload import Sent, Workload
from order_ops_tests.shop import created, paid, reserved

DEAD = "paid-by-nobody"


def _record(messages: list[Message]) -> Workload:
    """A workload that has confirmed these messages."""
    workload = Workload("", 1)
    workload.attempted = {sha256(one.body).digest() for one in messages}
    dead = (b"{", paid(DEAD, payment="pi_o1", sequence=2).body)
    workload.confirmed = [Sent(m.body, m.routing_key, m.body in dead) for m in messages]
    workload.orders = {"o1": 1_000, "o2": 1_000}
    return workload


@pytest.fixture
def found(servers: Servers) -> Iterator[Found]:
    """Two confirmed orders, one message that cannot be read and one event that failed."""
    events = [event for order in ("o1", "o2") for event in (created(order), reserved(order))]
    events += [paid("o1"), paid("o2"), created(DEAD), Message(b"{", "order.created", {})]
    events.append(paid(DEAD, payment="pi_o1", sequence=2))
    with servers.postgres.database() as name:
        settings = Settings(database_url=servers.postgres.url(name))
        for share, run in ((events[:-1], "run-1"), (events[-1:], "run-2")):
            made = worker(settings, run)
            store_messages(made.pool, made.codec, share)
            apply_due_events(made)
        made.pool.dispose()
        yield Found(settings.database_url, _record(events))


BREAKS = {
    "i1 lost": ("DELETE FROM intake.inbox WHERE event_type = 'order.created'", "not in the inbox"),
    "i1 twice": (
        "UPDATE intake.inbox a SET body = b.body FROM intake.inbox b WHERE a.id = 1 AND b.id = 2",
        "2 inbox rows",
    ),
    "i1 never sent": ("UPDATE intake.inbox SET body = 'else' WHERE id = 1", "never sent"),
    "i2 twice": (
        """INSERT INTO orders.order_events SELECT tenant_id, order_id, 9, kind, from_state,
        to_state, occurred_at, cause FROM orders.order_events WHERE kind = 'paid'""",
        "effect 2 times",
    ),
    "i2 without": ("DELETE FROM orders.order_events WHERE kind = 'reserved'", "without an effect"),
    "i2 uncaused": (
        "UPDATE orders.order_events SET cause = 'none' WHERE kind = 'confirmed'",
        "effect of no done event",
    ),
    "i2 untold": ("DELETE FROM ops.outbox WHERE id = 1", "is not told of once"),
    "i2 sums": ("UPDATE orders.payments SET amount_minor = 999", "paid 999 of 1000"),
    "i3 gap": ("UPDATE orders.order_events SET version = 9 WHERE version = 3", "does not follow"),
    "i3 order": (
        "UPDATE intake.inbox SET sequence = 7 WHERE event_type = 'order.created'",
        "order-service 2 after 7",
    ),
    "i4 none": ("DELETE FROM ops.dead_letter", "0 letters"),
    "i4 cause": ("UPDATE ops.dead_letter SET error = ''", "is parked"),
    "i4 stack": ("UPDATE ops.dead_letter SET stack = NULL", "is parked"),
    "i4 body": ("UPDATE ops.dead_letter SET payload = 'else'", "is parked"),
    "i4 alert": ("DELETE FROM ops.alert", "woke nobody"),
    "i4 not failed": (
        "UPDATE intake.inbox SET state = 'done' WHERE state = 'parked' AND order_id <> ''",
        "is done",
    ),
    "i4 run": (
        """INSERT INTO ops.dead_letter (origin, origin_id, name, category, error, attempts,
        fingerprint) VALUES ('run', 'r1', 'job', 'unknown', 'e', 1, 'f')""",
        "a run that did not fail: r1",
    ),
    "i5 claim": (
        """INSERT INTO intake.claim (owner, lease_until, tenant_ids, order_ids)
        VALUES ('w', now(), '{shop}', '{o1}')""",
        "claim 3 of w is left",
    ),
    "i5 suspect": (
        "INSERT INTO intake.suspect (tenant_id, order_id) VALUES ('shop', 'o1')",
        "still a suspect",
    ),
    "i5 lease": (
        "INSERT INTO ops.lease VALUES ('relay', 'w', 1, now() + interval '1 hour')",
        "lease relay of w",
    ),
    "i7 gap": (
        "UPDATE intake.inbox SET sequence = 12 WHERE id = (SELECT max(id) FROM intake.inbox)",
        "payment-service of shop: 2 to 11",
    ),
    "fates": ("UPDATE intake.inbox SET state = 'retry' WHERE id = 1", "is retry"),
}


def test_a_healthy_system_violates_nothing(found: Found) -> None:
    assert violations(found) == []


@pytest.mark.parametrize(("change", "told"), BREAKS.values(), ids=BREAKS.keys())
def test_each_invariant_can_fail(found: Found, change: str, told: str) -> None:
    with psycopg.connect(found.database_url.replace("+psycopg", "")) as conn:
        assert conn.execute(change.encode()).rowcount > 0
    assert any(told in one for one in violations(found)), violations(found)


def test_failed_and_held_runs_are_violations(found: Found) -> None:
    found.failed_runs, found.held_runs = ["r7"], ["run r8 is STARTED for 900 s"]
    told = violations(found)
    assert any("failed run r7: 0 letters" in one for one in told)
    assert any("r8 is STARTED" in one for one in told)


def test_an_open_transaction_is_a_violation(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("order_ops_tests.faults.invariants.HELD_FOR_AT_MOST_S", -1.0)
    with psycopg.connect(found.database_url.replace("+psycopg", "")) as conn:
        conn.execute("SELECT 1")
        assert any("idle in transaction" in one for one in violations(found))
