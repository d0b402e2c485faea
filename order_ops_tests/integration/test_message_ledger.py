"""The ledger of messages: every number that does not come is found, and what comes closes it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_ops.domain.messages import Message
from order_ops.jobs.letters.dead_letters import edit
from order_ops.jobs.letters.letter_sets import Selection, find
from order_ops.jobs.letters.replays import Replayer, replay
from order_ops.jobs.messages import message_ledger
from order_ops.jobs.messages.message_ledger import Balance, GapError, accept, hours, refresh
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import PRODUCER, message, numbered

ANA = Actor("ana", "restored from a backup")


def now(shop: Shop, grace_s: float = 0) -> Balance:
    return refresh(shop.pool, "shop", grace_s)


def missing(shop: Shop) -> list[tuple[int, int]]:
    return [(gap.first, gap.last) for gap in now(shop).gaps]


def test_numbers_that_did_not_come_are_a_gap_until_they_come(shop: Shop) -> None:
    shop.stage(*numbered(1, 2, 5, 6, 9))
    assert missing(shop) == [(3, 4), (7, 8)]
    shop.stage(*numbered(4, 8))
    assert missing(shop) == [(3, 3), (7, 7)]
    shop.stage(*numbered(3, 7))
    assert now(shop).gap == 0


def test_what_is_left_of_a_gap_is_as_old_as_the_gap(shop: Shop) -> None:
    shop.stage(*numbered(1, 5))
    now(shop)
    shop.rows("UPDATE intake.gap SET found_at = now() - interval '2 hours' RETURNING 1")
    shop.stage(*numbered(3))
    now(shop)
    ages = shop.rows("SELECT now() - found_at > interval '1 hour' AS old FROM intake.gap")
    assert [row.old for row in ages] == [True, True]


def test_a_gap_counts_once_messages_cannot_overtake_each_other_any_more(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    assert now(shop, grace_s=600).gap == 0
    assert shop.one("SELECT count(*) FROM ops.alert") == 0
    shop.rows("UPDATE intake.gap SET found_at = now() - interval '11 minutes' RETURNING 1")
    found = now(shop, grace_s=600)
    assert (found.gap, str(found)) == (1, "order-service of shop: 2")


def test_a_gap_is_one_alert_that_ends_with_it(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    now(shop)
    now(shop)
    open_ones = "SELECT title, severity FROM ops.alert WHERE resolved_at IS NULL"
    ((title, severity),) = shop.rows(open_ones)
    assert (severity, title) == ("critical", "Messages are missing: order-service of shop: 2")
    shop.stage(*numbered(2))
    now(shop)
    assert shop.rows(open_ones) == []


@given(numbers=st.lists(st.integers(0, 30), min_size=1, max_size=25), cut=st.integers(0, 25))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_arrival_leaves_the_gaps_that_there_are(
    shop: Shop, numbers: list[int], cut: int
) -> None:
    with transaction(shop.pool) as conn:
        conn.execute("TRUNCATE intake.inbox, intake.sequence, intake.gap, intake.hour, ops.outbox")
    for batch in (numbers[:cut], numbers[cut:]):
        if batch:
            shop.stage(*numbered(*batch))
        found = {n for gap in now(shop).gaps for n in range(gap.first, gap.last + 1)}
    assert found == set(range(min(numbers), max(numbers))) - set(numbers)


def test_producers_are_counted_apart(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    paid = {"payment": "p", "account": "shop-cards", "amount_minor": 1, "currency": "BRL"}
    shop.stage(message("payment.succeeded", "o1", 7, **paid))
    assert [str(gap) for gap in now(shop).gaps] == ["order-service of shop: 2"]


def test_unreadable_is_missing_to_the_ledger_until_it_is_mended(shop: Shop) -> None:
    shop.stage(*numbered(1, 3), Message(numbered(2)[0].body[:-1], "order.created", {}))
    assert missing(shop) == [(2, 2)]
    assert shop.one("SELECT parked FROM intake.hour") == 1
    (letter,) = find(shop.pool, Selection())
    # long before, so that the ledger looks for it among what was settled, not what came
    shop.rows("UPDATE intake.inbox SET received_at = now() - interval '3 hours' RETURNING 1")
    now(shop)
    edit(shop.worker(), letter.id, numbered(2)[0].body, ANA)
    (acted,) = replay(Replayer(shop.worker(), ANA, None), [letter.id])
    assert acted.ok, acted.why
    assert now(shop).gaps == []


def test_each_producer_has_its_own_alert(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    now(shop)
    paid = {"payment": "p", "account": "shop-cards", "amount_minor": 1, "currency": "BRL"}
    shop.stage(*(message("payment.succeeded", "o1", n, **paid) for n in (1, 9_000)))
    now(shop)
    keys = "SELECT dedupe_key FROM ops.alert WHERE resolved_at IS NULL ORDER BY 1"
    assert [row.dedupe_key for row in shop.rows(keys)] == [
        "messages:gap:shop:shop:order-service",
        "messages:gap:shop:shop:payment-service",
    ]
    shop.stage(*numbered(2))
    now(shop)
    assert [row.dedupe_key for row in shop.rows(keys)] == ["messages:gap:shop:shop:payment-service"]


def test_a_gap_of_another_source_is_not_accepted_with_it(shop: Shop) -> None:
    shop.stage(*numbered(1, 3))
    now(shop)
    with pytest.raises(GapError, match="its gaps: none"):
        accept(shop.pool, "old", "shop", PRODUCER, 2, 2, ANA)


def test_an_idle_ledger_counts_no_hour_again(shop: Shop) -> None:
    shop.stage(*numbered(*range(1, 9)))
    shop.apply()
    shop.rows("UPDATE ops.outbox SET published_at = now() RETURNING 1")
    past = "now() - interval '3 hours'"
    shop.rows(f"UPDATE intake.inbox SET received_at = {past}, settled_at = {past} RETURNING 1")
    shop.rows(f"UPDATE ops.outbox SET created_at = {past}, published_at = {past} RETURNING 1")
    now(shop)
    shop.rows("UPDATE intake.hour SET updated_at = now() - interval '1 hour' RETURNING 1")
    now(shop)
    (hour,) = hours(shop.pool, 9)
    assert (hour.received, hour.published) == (8, 8)
    assert shop.one("SELECT now() - updated_at > interval '50 minutes' FROM intake.hour")


@pytest.mark.parametrize("number", [10**15, 10**15 - 1])
def test_the_largest_number_leaves_the_ledger_alive(shop: Shop, number: int) -> None:
    shop.stage(*numbered(1, number, 10**15 + 1))
    assert shop.one("SELECT count(*) FROM intake.inbox WHERE state = 'parked'") == 1
    assert now(shop).gap == number - 2
    assert message_ledger.totals(shop.pool).missing == number - 2


def test_a_message_of_ours_that_nobody_confirmed_is_part_of_the_gap(shop: Shop) -> None:
    shop.stage(*numbered(1))
    shop.apply()
    found = now(shop)
    assert (found.gap, str(found)) == (1, "1 of our own messages are not confirmed")
    shop.rows("UPDATE ops.outbox SET published_at = now() RETURNING 1")
    assert now(shop).gap == 0
    assert [(row.to_publish, row.published) for row in hours(shop.pool, 9)] == [(1, 1)]


def test_each_hour_says_what_came_and_what_became_of_it(shop: Shop) -> None:
    shop.stage(*numbered(1, 2), *numbered(2), Message(b"{", "order.created", {}))
    shop.rows("UPDATE intake.inbox SET received_at = received_at - interval '3 hours' RETURNING 1")
    shop.stage(*numbered(4))
    now(shop)
    shop.apply()
    now(shop)
    latest, before = hours(shop.pool, 9)
    assert (latest.received, latest.done, latest.pending, latest.missing) == (1, 1, 0, 1)
    assert (before.received, before.copies, before.done, before.parked) == (3, 4, 2, 1)
    for row in (latest, before):
        became = row.pending + row.done + row.parked + row.skipped + row.discarded
        assert became == row.received
    sums = message_ledger.totals(shop.pool)
    assert (sums.received, sums.copies, sums.missing) == (4, 5, 1)


def test_a_gap_that_never_closes_is_accepted_by_name(shop: Shop) -> None:
    shop.stage(*numbered(1, 10))
    now(shop)
    with pytest.raises(GapError, match=r"5 to 11 is no gap of order-service; its gaps: .*2 to 9"):
        accept(shop.pool, "shop", "shop", PRODUCER, 5, 11, ANA)
    accept(shop.pool, "shop", "shop", PRODUCER, 3, 9, ANA)
    assert missing(shop) == [(2, 2)]
    row = shop.rows("SELECT actor, subject, reason, detail FROM ops.audit")[0]
    assert row == ("ana", "producer:shop:shop:order-service", ANA.reason, {"first": 3, "last": 9})
