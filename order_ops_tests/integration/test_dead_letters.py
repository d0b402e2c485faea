"""Dead letters in people's hands, on a real database: replayed once, and what they hold."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.jobs.letters import letter_sets
from order_ops.jobs.letters.dead_letters import Acted, discard
from order_ops.jobs.letters.letter_sets import Selection, find
from order_ops.jobs.letters.replays import Replayer, replay
from order_ops.jobs.messages.message_ledger import refresh
from order_ops.jobs.orders import apply_lanes
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops.store.inbox import stage
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.letters import ANA, Replay, asking, held, letter_of, orphaned
from order_ops_tests.shop import created, message, paid, reserved


def test_a_replayed_event_is_applied_and_its_letter_and_alert_end(
    shop: Shop, again: Replay
) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    acted = again(letter)
    assert acted.became == "replayed"
    assert "paid, confirmed (RESERVED -> CONFIRMED)" in acted.why
    assert shop.one("SELECT state FROM orders.orders") == "CONFIRMED"
    done = letter_of(shop, letter)
    assert (done.state, done.reviewer, done.reason) == ("replayed", "ana", "asked the shop")
    assert shop.one("SELECT count(*) FROM ops.alert WHERE resolved_at IS NULL") == 0
    ((audit,),) = [letter_sets.story(shop.pool, letter).audit]
    assert (audit.actor, audit.action) == ("ana", "dlq.replay")
    assert audit.detail["changes"] == ["paid", "confirmed (RESERVED -> CONFIRMED)"]


def test_a_dry_run_says_the_same_and_changes_nothing(shop: Shop, again: Replay) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    tables = ("orders.orders", "orders.order_events", "ops.dead_letter", "ops.audit",
              "intake.inbox", "ops.outbox", "ops.alert")  # fmt: skip
    before = [shop.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]
    acted = again(letter, dry_run=True)
    assert (acted.became, acted.dry) == ("replayed", True)
    assert "confirmed (RESERVED -> CONFIRMED)" in acted.why
    assert [shop.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables] == before


def test_two_replays_at_once_are_one(shop: Shop) -> None:
    (letter,) = orphaned(shop, paid("o1"))

    def one(name: str) -> Acted:
        actor = Actor(name, "both want it")
        (acted,) = replay(Replayer(shop.worker(name), actor, None), [letter])
        return acted

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(one, ["a", "b", "c", "d"]))
    assert sorted(acted.became for acted in done) == ["refused"] * 3 + ["replayed"]
    assert all("is replayed already: by" in a.why for a in done if a.became == "refused")
    assert shop.one("SELECT count(*) FROM orders.order_events WHERE kind = 'paid'") == 1
    assert shop.one("SELECT count(*) FROM ops.audit") == 1


KILLED = """
import os, signal, sys
from order_ops.jobs.letters import replays
from order_ops.jobs.orders.apply_lanes import worker
from order_ops.settings import get_settings
from order_ops.store import audit
from order_ops.store.audit import Actor
# the event is applied and the letter reviewed when the audit row is asked for: die there
audit.record = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
made = replays.Replayer(worker(get_settings(), "killed"), Actor("ana", "why"), None)
replays.replay(made, [int(sys.argv[1])])
"""


def test_a_replay_killed_in_the_middle_has_not_happened_and_can_be_had_again(
    shop: Shop, again: Replay
) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    ended = subprocess.run([sys.executable, "-c", KILLED, str(letter)], env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert letter_of(shop, letter).state == "open"
    assert shop.one("SELECT count(*) FROM orders.order_events WHERE kind = 'paid'") == 0
    assert again(letter).became == "replayed"
    assert shop.one("SELECT count(*) FROM orders.order_events WHERE kind = 'paid'") == 1


def test_a_replay_that_fails_again_opens_a_new_letter_linked_to_the_old_one(
    shop: Shop, again: Replay
) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1", 999))
    shop.apply()
    (first,) = [letter.id for letter in find(shop.pool, Selection())]
    for old in (first, first + 1):  # a replay of a replay too
        acted = again(old)
        assert acted.became == "failed again"
        assert "is known as 1000" in acted.why
        (new,) = find(shop.pool, Selection())
        assert (new.replay_of, new.category, new.state) == (old, "conflict", "open")
        assert letter_of(shop, new.id).stack
        assert [one.id for one in letter_sets.story(shop.pool, old).replays] == [new.id]
        assert letter_of(shop, old).state == "replayed"
    assert shop.one("SELECT count(*) FROM ops.alert WHERE resolved_at IS NULL") == 1


def test_what_the_database_refuses_again_is_a_new_letter(shop: Shop, again: Replay) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    with transaction(shop.pool) as conn:
        conn.execute(
            "ALTER TABLE orders.payments ADD CONSTRAINT made_up CHECK (status <> 'succeeded')"
        )
    acted = again(letter)
    assert acted.became == "failed again"
    assert "made_up" in acted.why
    assert shop.one("SELECT state FROM orders.orders") == "RESERVED"


def test_an_event_that_is_still_too_early_is_refused_and_nothing_is_changed(
    shop: Shop, again: Replay
) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1", 999))
    shop.apply()
    with transaction(shop.pool) as conn:
        conn.execute("DELETE FROM orders.payments")
        conn.execute("DELETE FROM orders.orders")
    (letter,) = find(shop.pool, Selection())
    acted = again(letter.id)
    assert acted.became == "refused"
    assert "cannot be applied yet: order o1 has not been heard of" in acted.why
    assert letter_of(shop, letter.id).state == "open"


def test_a_dead_letter_about_money_holds_what_its_producer_says_next(
    shop: Shop, again: Replay
) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    refund = {"payment": "pi_o1", "account": "shop-cards", "amount_minor": 1_000, "currency": "BRL"}
    shop.stage(message("refund.succeeded", "o1", 2, refund="re_1", **refund))
    shop.stage(message("order.confirmed", "o1", 3))
    assert dict(shop.apply().events) == {"held": 1, "applied": 1}
    assert held(shop) == ["refund.succeeded"]
    assert shop.apply().lanes == 0, "it costs nothing while it is held"
    assert again(letter).became == "replayed"
    assert dict(shop.apply().events) == {"applied": 1}
    assert shop.one("SELECT state FROM orders.orders") == "REFUNDED"


def test_events_behind_a_dead_letter_in_one_batch_are_held_too(shop: Shop) -> None:
    wrong = paid("o1", 999)
    failed = {"payment": "pi_2", "account": "shop-cards", "amount_minor": 1, "currency": "BRL"}
    shop.stage(created("o1"), reserved("o1"), wrong, message("payment.failed", "o1", 2, **failed))
    assert dict(shop.apply().events) == {"applied": 2, "dead": 1, "held": 1}
    (letter,) = find(shop.pool, Selection())
    (acted,) = discard(shop.pool, [letter.id], ANA)
    assert acted.became == "discarded"
    assert dict(shop.apply().events) == {"applied": 1}
    assert shop.one("SELECT status FROM orders.payments WHERE payment = 'pi_2'") == "failed"


def test_a_second_dead_letter_goes_on_holding(shop: Shop) -> None:
    letters = orphaned(shop, paid("o1"))
    refund = {"payment": "pi_o1", "account": "shop-cards", "amount_minor": 1_000, "currency": "BRL"}
    shop.stage(
        paid("o1", 998, sequence=2),
        message("refund.succeeded", "o1", 3, refund="re_1", **refund),
    )
    shop.apply()
    assert held(shop) == ["payment.succeeded", "refund.succeeded"]
    discard(shop.pool, letters, ANA)
    assert dict(shop.apply().events) == {"dead": 1, "held": 1}
    assert held(shop) == ["refund.succeeded"]


def test_a_letter_that_is_dealt_with_while_a_worker_holds_behind_it_lets_go(shop: Shop) -> None:
    """The worker has read that the letter is open; it is discarded; the worker settles."""
    (letter,) = orphaned(shop, paid("o1"))
    refund = {"payment": "pi_o1", "account": "shop-cards", "amount_minor": 1_000, "currency": "BRL"}
    shop.stage(message("refund.failed", "o1", 2, refund="re_1", **refund))
    real = apply_lanes.fold

    def discarded_meanwhile(*arguments: Any) -> Any:
        folded = real(*arguments)
        if any(outcome.label == "held" for outcome in folded.outcomes):
            assert discard(shop.pool, [letter], ANA)[0].ok
        return folded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply_lanes, "fold", discarded_meanwhile)
        shop.apply()
    assert held(shop) == []


def test_an_event_behind_one_of_two_letters_is_due_when_that_one_is_dealt_with(shop: Shop) -> None:
    """The letter of another producer about the same order holds nothing of ours."""
    (ours,) = orphaned(shop, paid("o1"))
    dispute = {"payment": "pi_o1", "account": "shop-cards", "amount_minor": 1, "currency": "BRL"}
    other = message("dispute.created", "o1", 9, dispute="dp_1", **dispute).body
    shop.stage(Message(other.replace(b"payment-service", b"disputes"), "dispute.created", {}))
    shop.rows("UPDATE intake.inbox SET received_at = now() - interval '2 days' RETURNING 1")
    shop.apply()
    assert len(find(shop.pool, Selection())) == 2
    refund = {"payment": "pi_o1", "account": "shop-cards", "amount_minor": 1_000, "currency": "BRL"}
    shop.stage(message("refund.failed", "o1", 2, refund="re_1", **refund))
    real = apply_lanes.fold

    def discarded_meanwhile(*arguments: Any) -> Any:
        folded = real(*arguments)
        if any(outcome.label == "held" for outcome in folded.outcomes):
            discard(shop.pool, [ours], ANA)
        return folded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply_lanes, "fold", discarded_meanwhile)
        shop.apply()
    assert held(shop) == []


def test_what_nobody_holds_any_more_is_found_and_let_go(shop: Shop) -> None:
    orphaned(shop, paid("o1"))
    refund = {"payment": "pi_o1", "account": "shop-cards", "amount_minor": 1_000, "currency": "BRL"}
    shop.stage(message("refund.failed", "o1", 2, refund="re_1", **refund))
    shop.apply()
    refresh(shop.pool, "shop", 600)
    assert held(shop) == ["refund.failed"]
    shop.rows("UPDATE ops.dead_letter SET holds = false RETURNING 1")
    refresh(shop.pool, "shop", 600)
    assert held(shop) == []


def test_an_alert_stays_while_another_letter_of_its_cause_is_being_written(shop: Shop) -> None:
    shop.stage(Message(b"{", "order.created", {}))
    (first,) = find(shop.pool, Selection())
    codec = shop.codec()
    with ThreadPoolExecutor(1) as threads:
        with transaction(shop.pool) as conn:
            stage(conn, [codec.stage(Message(b"{ ", "order.created", {}))])
            discarding = threads.submit(discard, shop.pool, [first.id], ANA)
            wait_until(lambda: _waits_for_a_lock(shop), 10, "the discard waits for us")
        assert discarding.result()[0].ok
    assert len(find(shop.pool, Selection())) == 1
    assert shop.one("SELECT count(*) FROM ops.alert WHERE resolved_at IS NULL") == 1


def _waits_for_a_lock(shop: Shop) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(shop.one(f"{waiting} AND datname = current_database()"))


def test_one_letter_that_cannot_be_replayed_stops_no_other(shop: Shop) -> None:
    first, *_ = orphaned(shop, paid("o1"))
    elsewhere = {"payment": "pi_9", "account": "unknown", "amount_minor": 1, "currency": "BRL"}
    shop.stage(created("o2"), message("payment.succeeded", "o2", 1, **elsewhere))
    shop.apply()
    second = find(shop.pool, Selection(order_id="o2"))[0].id
    done = replay(asking(shop), [second, first])
    assert [acted.became for acted in done] == ["refused", "refused"]
    assert any("no account 'unknown' in the mapping" in acted.why for acted in done)


def test_letters_of_a_lane_are_replayed_by_sequence(shop: Shop) -> None:
    shop.stage(paid("o1", 400, payment="pi_2", sequence=2), paid("o1", 600, payment="pi_1"))
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.inbox SET received_at = now() - interval '2 days'")
    shop.apply()
    shop.rows("UPDATE ops.dead_letter SET holds = false RETURNING 1")
    refresh(shop.pool, "shop", 600)
    shop.apply()
    shop.stage(created("o1"))
    shop.apply()
    ids = [letter.id for letter in find(shop.pool, Selection())]
    done = replay(Replayer(shop.worker(), ANA, None), ids[::-1])
    assert [acted.became for acted in done] == ["replayed", "replayed"]
    notes = shop.rows(
        "SELECT detail->>'payment' AS p FROM orders.order_events WHERE kind = 'paid' "
        "ORDER BY version"
    )
    assert [row.p for row in notes] == ["pi_1", "pi_2"]


# -- the provider is asked about money
