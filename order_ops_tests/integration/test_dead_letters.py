"""Dead letters in people's hands, on a real database: once, refused, linked, audited."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from psycopg import errors

from order_ops.devstack.provider import Answer, ProviderServer
from order_ops.devstack.shop.model import Intent
from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.jobs import apply_lanes, letter_sets
from order_ops.jobs.dead_letters import Acted, discard, edit
from order_ops.jobs.letter_sets import LetterError, Selection, chosen, find
from order_ops.jobs.message_ledger import refresh
from order_ops.jobs.provider_clients import ProviderClients
from order_ops.jobs.replays import Replayer, replay
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops.store.inbox import stage
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, message, paid, reserved

ANA = Actor("ana", "asked the shop")


@pytest.fixture
def provider(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        monkeypatch.setenv("ORDER_OPS_PROVIDER_API_BASE", server.url)
        monkeypatch.setenv("ORDER_OPS_PROVIDER_KEYS", json.dumps({"shop-cards": "sk_test_x"}))
        yield server


Replay = Callable[..., Acted]


@pytest.fixture
def again(shop: Shop) -> Replay:
    """Replays one letter, the provider unasked."""

    def run(letter: int, *, dry_run: bool = False) -> Acted:
        (acted,) = replay(Replayer(shop.worker(), ANA, None), [letter], dry_run=dry_run)
        return acted

    return run


def orphaned(shop: Shop, *messages: Message) -> list[int]:
    """Dead letters of events whose order never came in time; the order comes afterwards."""
    shop.stage(*messages)
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.inbox SET received_at = now() - interval '2 days'")
    shop.apply()
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    return [letter.id for letter in find(shop.pool, Selection())]


def held(shop: Shop) -> list[str]:
    rows = shop.rows("SELECT event_type FROM intake.inbox WHERE next_at = 'infinity' ORDER BY id")
    return [row.event_type for row in rows]


def letter_of(shop: Shop, letter: int) -> Any:
    return letter_sets.story(shop.pool, letter).letter


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
from order_ops.jobs import replays
from order_ops.jobs.apply_lanes import worker
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


def test_unreadable_is_refused_until_it_is_edited(shop: Shop, again: Replay) -> None:
    broken = created("o1").body[:-1]
    shop.stage(Message(broken, "order.created", {}))
    (letter,) = find(shop.pool, Selection())
    refused = again(letter.id)
    assert (refused.became, "not JSON" in refused.why) == ("refused", True)
    assert "order-ops dlq edit" in refused.why
    dry = edit(shop.worker(), letter.id, broken + b"}", ANA, dry_run=True)
    assert (dry.became, dry.dry) == ("edited", True)
    assert letter_of(shop, letter.id).edited is None
    edit(shop.worker(), letter.id, broken + b"}", ANA)
    assert again(letter.id).became == "replayed"
    assert shop.one("SELECT state FROM orders.orders") == "PENDING"
    assert bytes(letter_of(shop, letter.id).payload) == broken, "as it came"
    row = shop.rows("SELECT message_id, state, producer FROM intake.inbox")[0]
    assert row == ("order-service-o1-1", "done", "order-service")
    assert shop.stage(created("o1")).conflicts == 1, "what the shop sends later is not applied too"


def test_an_edited_event_keeps_its_id(shop: Shop, again: Replay) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1", 999))
    shop.apply()
    (letter,) = find(shop.pool, Selection())
    other = edit(shop.worker(), letter.id, paid("o1", sequence=7).body, ANA)
    assert other.became == "refused"
    assert "an edited body keeps its id: payment-service-o1-1, not payment-service" in other.why
    edit(shop.worker(), letter.id, paid("o1", 998).body, ANA)
    edit(shop.worker(), letter.id, paid("o1").body, ANA)
    assert again(letter.id).became == "replayed"
    assert shop.one("SELECT state FROM orders.orders") == "CONFIRMED"
    assert [one.action for one in letter_sets.story(shop.pool, letter.id).audit] == [
        "dlq.edit", "dlq.edit", "dlq.replay",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the body has 0 bytes"),
        (b" " * 100_001, "it needs 1, and 100000 at most"),
        (paid("o2").body, "keeps its order: o1, not o2"),
        (paid("o1").body.replace(b'"shop"', b'"else"'), "keeps its tenant: shop, not else"),
        (
            paid("o1").body.replace(b'"producer": "p', b'"producer": "x'),
            "keeps its producer: payment-service, not xayment-service",
        ),
    ],
    ids=["empty", "too large", "another order", "another tenant", "another producer"],
)
def test_a_body_that_makes_it_another_event_is_refused(shop: Shop, body: bytes, why: str) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    for dry_run in (True, False):
        acted = edit(shop.worker(), letter, body, ANA, dry_run=dry_run)
        assert (acted.became, why in acted.why) == ("refused", True), acted
        assert ("would be refused" in str(acted)) is dry_run
    assert letter_of(shop, letter).edited is None


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_edit_says_what_the_new_body_reads_as(shop: Shop, *, dry_run: bool) -> None:
    shop.stage(Message(b"{", "order.created", {}))
    (letter,) = find(shop.pool, Selection())
    acted = edit(shop.worker(), letter.id, b"{ ", ANA, dry_run=dry_run)
    assert "1 bytes become 2; it cannot be read: not JSON" in acted.why
    acted = edit(shop.worker(), letter.id, created("o1").body, ANA, dry_run=dry_run)
    assert "reads as order.created of order o1 of shop, id order-service-o1-1" in acted.why


def test_a_mended_message_that_has_come_since_is_refused(shop: Shop, again: Replay) -> None:
    shop.stage(Message(created("o1").body[:-1], "order.created", {}), created("o1"))
    shop.apply()
    (letter,) = find(shop.pool, Selection())
    edit(shop.worker(), letter.id, created("o1").body, ANA)
    acted = again(letter.id)
    assert acted.became == "refused"
    assert "message order-service-o1-1 is there as inbox row" in acted.why


def test_a_conflicting_body_can_be_replayed_and_both_stay_on_record(
    shop: Shop, again: Replay
) -> None:
    cancel = {"kind": "order.cancelled", "order": "o1", "sequence": 3}
    shop.stage(created("o1"), reserved("o1"), message(**cancel, reason="a"))
    shop.stage(message(**cancel, reason="b"))
    shop.apply()
    (letter,) = find(shop.pool, Selection())
    assert again(letter.id).why.startswith("no effect: known already")
    assert shop.one("SELECT count(*) FROM intake.inbox WHERE state = 'done'") == 4


def test_a_message_about_money_that_cannot_be_read_holds_and_wakes_somebody(shop: Shop) -> None:
    """Its envelope says whose it is; only its payload is broken."""
    broken = paid("o1").body.replace(b'"amount_minor": 1000', b'"amount_minor": -1')
    failed = {"payment": "pi_o1", "account": "shop-cards", "amount_minor": 1_000, "currency": "BRL"}
    shop.stage(created("o1"), reserved("o1"), Message(broken, "payment.succeeded", {}))
    shop.stage(message("payment.failed", "o1", 2, **failed))
    assert dict(shop.apply().events) == {"applied": 2, "held": 1}
    (letter,) = find(shop.pool, Selection(order_id="o1"))
    assert (letter.name, letter.tenant_id) == ("payment.succeeded", "shop")
    assert shop.one("SELECT severity FROM ops.alert") == "critical"
    edit(shop.worker(), letter.id, paid("o1").body, ANA)
    (acted,) = replay(Replayer(shop.worker(), ANA, None), [letter.id])
    assert acted.became == "replayed", acted.why
    assert shop.one("SELECT state FROM orders.orders") == "CONFIRMED"


def test_what_the_database_refuses_of_money_wakes_somebody_with_its_amount(shop: Shop) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.stage(created("o2"), reserved("o2"), paid("o2", payment="pi_o1"))
    shop.apply()
    (letter,) = find(shop.pool, Selection())
    assert (letter.order_id, letter.amount_minor) == ("o2", 1_000)
    assert shop.one("SELECT severity FROM ops.alert") == "critical"


@pytest.mark.parametrize("part", ["order", "producer", "tenant"])
def test_an_edit_cannot_make_another_event_of_it(shop: Shop, again: Replay, part: str) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1", 999))
    shop.apply()
    (letter,) = find(shop.pool, Selection())
    body = {**json.loads(paid("o1").body), part: "another"}
    edit_anyway(shop, letter.id, json.dumps(body).encode())
    acted = again(letter.id)
    assert (acted.became, f"an edited body keeps its {part}" in acted.why) == ("refused", True)


def edit_anyway(shop: Shop, letter: int, body: bytes) -> None:
    query = "UPDATE ops.dead_letter SET edited = %(body)s WHERE id = %(id)s RETURNING 1"
    assert shop.rows(query, body=body, id=letter)


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


def test_an_id_may_hold_what_a_conflict_is_marked_with(shop: Shop, again: Replay) -> None:
    odd = replace_id(paid("o1"), "evt#12")
    (letter,) = orphaned(shop, odd)
    edit(shop.worker(), letter, odd.body + b" ", ANA)
    assert again(letter).became == "replayed"


def replace_id(one: Message, name: str) -> Message:
    body = {**json.loads(one.body), "id": name}
    return Message(json.dumps(body).encode(), one.routing_key, {})


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


def asking(shop: Shop) -> Replayer:
    settings = type(shop.settings)()
    return Replayer(shop.worker(), ANA, ProviderClients(settings, shop.mapping))


@pytest.mark.parametrize(
    ("intent", "became", "why"),
    [
        (("succeeded", 1_000), "replayed", "the provider says succeeded"),
        (("processing", 1_000), "refused", "the event is payment.succeeded, the provider says"),
        (("succeeded", 999), "refused", "the event says 1000 BRL, the provider 999 BRL"),
        (None, "refused", "the provider says unknown"),
    ],
    ids=["agrees", "not paid", "another amount", "never heard of"],
)
def test_a_payment_is_replayed_if_the_provider_says_the_same(
    shop: Shop,
    provider: ProviderServer,
    intent: tuple[str, int] | None,
    became: str,
    why: str,
) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    if intent is not None:
        provider.put([Intent("pi_o1", "shop-cards", "o1", intent[1], intent[0])])
    (acted,) = replay(asking(shop), [letter])
    assert (acted.became, why in acted.why) == (became, True), acted
    state = shop.one("SELECT state FROM orders.orders")
    assert state == ("CONFIRMED" if became == "replayed" else "RESERVED")


def test_a_refund_and_a_dispute_are_asked_about_by_their_own_id(
    shop: Shop, provider: ProviderServer
) -> None:
    of_payment = {
        "payment": "pi_o1",
        "account": "shop-cards",
        "amount_minor": 300,
        "currency": "BRL",
    }
    refund = message("refund.succeeded", "o1", 2, refund="re_1", **of_payment)
    dispute = message("dispute.created", "o1", 3, dispute="dp_1", **of_payment)
    for event in (refund, dispute):
        shop.stage(event)
        with transaction(shop.pool) as conn:
            conn.execute("UPDATE intake.inbox SET received_at = now() - interval '2 days'")
            conn.execute("UPDATE ops.dead_letter SET holds = false")
        shop.apply()
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    body = {"id": "re_1", "amount": 300, "currency": "brl", "status": "pending"}
    provider.script(
        "/v1/refunds/re_1", Answer(body=body), Answer(body={**body, "status": "succeeded"})
    )
    provider.script(
        "/v1/disputes/dp_1",
        Answer(body={"id": "dp_1", "amount": 300, "currency": "brl", "status": "needs_response"}),
    )
    ids = [letter.id for letter in find(shop.pool, Selection())]
    first, second = replay(asking(shop), ids)
    assert (first.became, "the provider says pending" in first.why) == ("refused", True)
    assert (second.became, "the provider says open" in second.why) == ("replayed", True)
    (third,) = replay(asking(shop), [first.id])
    assert (third.became, "the provider says succeeded" in third.why) == ("replayed", True)


def test_a_provider_that_cannot_be_asked_is_a_refusal(shop: Shop, provider: ProviderServer) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    provider.script("/v1/payment_intents/pi_o1", *[Answer(401, {"error": {"message": "no"}})] * 3)
    (acted,) = replay(asking(shop), [letter])
    assert acted.became == "refused"
    assert "the provider cannot be asked" in acted.why
    assert "--without-provider" in acted.why


# -- choosing


def test_a_group_that_changed_meanwhile_is_refused(shop: Shop) -> None:
    shop.stage(Message(b"{", "order.created", {}), Message(b"{ ", "order.created", {}))
    letters = find(shop.pool, Selection())
    (group,) = {letter.fingerprint for letter in letters}
    wanted = Selection(fingerprint=group)
    seen = letter_sets.set_name(letters)
    with pytest.raises(LetterError, match="2 letters are selected: look first") as refusal:
        chosen(shop.pool, wanted, None)
    assert seen not in str(refusal.value), "nobody gets the name without a look"
    assert len(chosen(shop.pool, wanted, seen)) == 2
    discard(shop.pool, [letters[0].id], ANA)
    shop.stage(Message(b"{  ", "order.created", {}))
    with pytest.raises(LetterError, match=f"is not {seen} any more: look again"):
        chosen(shop.pool, wanted, seen)


def test_an_edit_between_the_look_and_the_act_makes_another_set(shop: Shop) -> None:
    shop.stage(Message(b"{", "order.created", {}))
    (letter,) = find(shop.pool, Selection())
    for wanted in (Selection(ids=(letter.id,)), Selection(name="order.created")):
        seen = letter_sets.set_name(chosen(shop.pool, wanted, None, looking=True))
        edit(shop.worker(), letter.id, b"{ %d" % len(seen + str(wanted)), ANA)
        with pytest.raises(LetterError, match="look again"):
            chosen(shop.pool, wanted, seen)
        now = letter_sets.set_name(find(shop.pool, Selection()))
        assert [one.id for one in chosen(shop.pool, wanted, now)] == [letter.id]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Selection(), "say which"),
        (Selection(ids=()), "say which"),
        (Selection(ids=(1,), tenant_id="shop"), "not both"),
        (Selection(ids=(10**30,)), f"there is no dead letter {10**30}"),
    ],
    ids=["nothing", "no ids", "ids and a filter", "no id"],
)
def test_a_choice_that_is_none_is_refused_even_in_a_dry_run(
    shop: Shop, wanted: Selection, why: str
) -> None:
    with pytest.raises(LetterError, match=why):
        chosen(shop.pool, wanted, None, looking=True)


def test_an_unknown_id_is_refused_by_name(shop: Shop) -> None:
    with pytest.raises(LetterError, match="there is no dead letter 41, 42"):
        chosen(shop.pool, Selection(ids=(41, 42)), None)
    with pytest.raises(LetterError, match="there is no dead letter 41"):
        letter_sets.story(shop.pool, 41)


def test_filters_choose(shop: Shop) -> None:
    orphaned(shop, paid("o1"))
    shop.stage(Message(b"{", "order.created", {}))
    by = {
        "name": Selection(name="payment.succeeded"),
        "order": Selection(order_id="o1"),
        "category": Selection(category="permanent", name="order.created"),
        "tenant": Selection(tenant_id="shop"),
    }
    assert {name: len(find(shop.pool, wanted)) for name, wanted in by.items()} == {
        "name": 1, "order": 1, "category": 1, "tenant": 1,
    }  # fmt: skip
    now = shop.one("SELECT now()")
    assert find(shop.pool, Selection(since=now)) == []
    assert len(find(shop.pool, Selection(until=now))) == 2
    assert find(shop.pool, Selection(origin="run")) == []
    assert find(shop.pool, Selection(tenant_id="another")) == []


def test_groups_sum_what_is_at_stake(shop: Shop) -> None:
    shop.stage(*(paid(order, 100) for order in ("a", "b", "c")))
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.inbox SET received_at = now() - interval '2 days'")
    shop.apply()
    (group,) = letter_sets.groups(shop.pool)
    assert (group.letters, group.money, group.name) == (3, {"BRL": 300}, "payment.succeeded")


def test_a_discarded_letter_stays_and_its_event_is_never_applied(shop: Shop, again: Replay) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    (dry,) = discard(shop.pool, [letter], ANA, dry_run=True)
    assert (dry.dry, letter_of(shop, letter).state) == (True, "open")
    discard(shop.pool, [letter], ANA)
    row = shop.rows("SELECT state, note FROM intake.inbox WHERE event_type = 'payment.succeeded'")[
        0
    ]
    assert row == ("discarded", "discarded by ana: asked the shop")
    assert "is discarded already: by ana" in again(letter).why
    (twice,) = discard(shop.pool, [letter], ANA)
    assert twice.became == "refused"


def test_audit_rows_are_only_added(shop: Shop, again: Replay) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    again(letter)
    statements = ("UPDATE ops.audit SET actor = 'x'", "DELETE FROM ops.audit", "TRUNCATE ops.audit")
    for statement in statements:
        with pytest.raises(errors.IntegrityConstraintViolation), transaction(shop.pool) as conn:
            conn.execute(statement)


def test_an_actor_is_named_on_what_was_replayed(shop: Shop) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    bo = replace(ANA, name="bo")
    replay(Replayer(shop.worker("replay:bo"), bo, None), [letter])
    assert letter_of(shop, letter).reviewer == "bo"
    assert (
        shop.one("SELECT last_run_id FROM intake.inbox WHERE event_type LIKE 'payment.%%'")
        == "replay:bo"
    )
