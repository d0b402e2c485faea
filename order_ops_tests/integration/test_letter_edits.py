"""Dead letters that cannot be read, or were edited: what a body may become."""

import json

import pytest

from order_ops.domain.messages import Message
from order_ops.jobs.letters import letter_sets
from order_ops.jobs.letters.dead_letters import edit
from order_ops.jobs.letters.letter_sets import Selection, find
from order_ops.jobs.letters.replays import Replayer, replay
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.letters import ANA, Replay, letter_of, orphaned
from order_ops_tests.shop import created, message, paid, reserved


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


def test_an_id_may_hold_what_a_conflict_is_marked_with(shop: Shop, again: Replay) -> None:
    odd = replace_id(paid("o1"), "evt#12")
    (letter,) = orphaned(shop, odd)
    edit(shop.worker(), letter, odd.body + b" ", ANA)
    assert again(letter).became == "replayed"


def replace_id(one: Message, name: str) -> Message:
    body = {**json.loads(one.body), "id": name}
    return Message(json.dumps(body).encode(), one.routing_key, {})
