"""Dead letters, chosen and given up: sets that are named, and the audit."""

from dataclasses import replace

import pytest
from psycopg import errors

from order_ops.domain.messages import Message
from order_ops.jobs.letters import letter_sets
from order_ops.jobs.letters.dead_letters import discard, edit
from order_ops.jobs.letters.letter_sets import LetterError, Selection, chosen, find
from order_ops.jobs.letters.replays import Replayer, replay
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.letters import ANA, Replay, letter_of, orphaned
from order_ops_tests.shop import paid


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
