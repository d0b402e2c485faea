"""Claims on a real database: who may apply which lanes, and whom a dead worker harms."""

from collections import Counter
from dataclasses import replace
from threading import Timer

import pytest

from order_ops.jobs.orders import apply_events
from order_ops.store import claims
from order_ops.store.claims import ClaimLost
from order_ops.store.engine import transaction
from order_ops.store.queries import intake
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, paid, reserved


def _let_leases_pass(shop: Shop) -> None:
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.claim SET lease_until = now() - interval '1 second'")


def test_a_worker_that_died_after_its_claim_loses_nothing(shop: Shop) -> None:
    shop.stage(created("o1"), created("o2"), reserved("o1"))
    assert len(shop.claim().lanes) == 2
    assert shop.apply("early").events == {}, "the lease has not passed"
    _let_leases_pass(shop)
    assert shop.apply("heir").events["applied"] == 3
    attempts = shop.rows("SELECT attempts FROM intake.inbox")
    assert {row.attempts for row in attempts} == {2}, "the lost attempt counts"
    assert shop.one("SELECT count(*) FROM intake.claim") == 0
    assert shop.one("SELECT count(*) FROM intake.suspect") == 0


def test_lanes_of_a_lost_claim_are_claimed_one_at_a_time(shop: Shop) -> None:
    shop.stage(created("o1"), created("o2"))
    shop.claim()
    _let_leases_pass(shop)
    shop.stage(created("o3"))
    first = apply_events._claim_suspect(shop.worker())
    assert first is not None
    assert (len(first.lanes), first.alone) == (1, True)
    assert shop.claim().lanes == (("shop", "o3"),), "suspects are in no chunk"


def test_an_event_that_kills_its_worker_is_blamed_alone(shop: Shop) -> None:
    """Lost with a chunk once, then alone until its attempts are used up."""
    shop.stage(created("o1"), reserved("o1"), created("o2"))
    shop.claim()
    limit = shop.settings.event_attempts
    killer = shop.one("SELECT id FROM intake.inbox WHERE order_id = 'o1' AND sequence = 1")
    for _ in range(limit - 1):
        _let_leases_pass(shop)
        worker = shop.worker()
        while (claim := apply_events._claim_suspect(worker)) is not None:
            if claim.lanes[0][1] == "o1":
                with transaction(shop.pool) as conn:
                    claims.trying(conn, claim, killer, lease_s=45)
                break
            apply_events._apply_one_by_one(worker, claim, 0)
            apply_events._end(worker, claim)
    _let_leases_pass(shop)
    assert dict(shop.apply().events) == {"dead": 1, "waiting": 1}
    letter = shop.rows("SELECT error, order_id, attempts FROM ops.dead_letter")[0]
    assert (letter.order_id, letter.attempts) == ("o1", limit)
    assert f"its worker died {limit} times" in letter.error
    others = "SELECT max(attempts) FROM intake.inbox WHERE id <> %(killer)s"
    assert shop.one(others, killer=killer) == 2, "the others lost one claim, and no more"


def test_a_worker_past_its_lease_cannot_write(shop: Shop) -> None:
    shop.stage(created("o1"))
    stale = shop.worker("stale")
    claim = shop.claim()
    _let_leases_pass(shop)
    assert shop.apply("heir").events["applied"] == 1
    with pytest.raises(ClaimLost):
        apply_events._apply(stale, claim)
    assert shop.one("SELECT count(*) FROM orders.order_events") == 1


def test_a_worker_that_lingers_applies_what_comes_meanwhile(shop: Shop) -> None:
    shop.stage(created("o1"))
    later = Timer(0.5, shop.stage, [created("o2")])
    later.start()
    done = apply_events.apply_while_due(shop.worker(), linger_s=3)
    later.join()
    assert done.events == {"applied": 2}


def test_a_claim_reads_the_index_of_due_events_and_not_the_backlog(shop: Shop) -> None:
    with transaction(shop.pool) as conn:
        conn.execute("""
            INSERT INTO intake.inbox (source, message_id, sha256, tenant_id, order_id, producer,
                sequence, event_type, priority, routing_key, body, state)
            SELECT 'shop', n, '', 'shop', n / 5, 'p', n, 'order.created', n % 3, 'k', '', 'pending'
            FROM generate_series(1, 50000) AS n""")
        conn.execute("ANALYZE intake.inbox")
        values = {"owner": "me", "lanes": 500, "events": 2_000, "lease_s": 45}
        plan = conn.execute("EXPLAIN (ANALYZE) " + intake.claim_due.sql, values).fetchall()
    text = "\n".join(row[0] for row in plan)
    assert "Index Scan using ix_inbox_due" in text, text
    assert "Seq Scan on inbox" not in text, text
    assert "Sort Key: inbox" not in text, text


def test_money_overtakes_bulk_and_bulk_is_not_starved(shop: Shop) -> None:
    shop.stage(*(created(f"bulk{n}") for n in range(300)))
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.inbox SET priority = 2")
    shop.stage(*(paid(f"money{n}") for n in range(300)))
    settings = shop.settings.model_copy(update={"apply_lanes": 34})
    claim = apply_events._claim_due(replace(shop.worker(), settings=settings))
    assert claim is not None
    kinds = Counter(order[:4] for _, order in claim.lanes)
    assert kinds == {"mone": 32, "bulk": 2}
