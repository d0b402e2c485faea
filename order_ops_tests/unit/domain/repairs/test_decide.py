"""One case for each row of the repair table: where the order stands, and what the provider says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from order_ops.domain.orders import Dispute, Order, Payment, Refund, State
from order_ops.domain.repairs import ActKind, GiveBack, SeenPayment, Terms, decide
from order_ops_tests.unit.domain.repairs.cases import NOW, TERMS, TOTAL, back, order, seen

LATER = {"ref": "pi_2", "created": NOW + timedelta(minutes=5)}
WAITING = [State.PENDING, State.RESERVED]
CLOSED = [State.EXPIRED, State.CANCELLED]


def codes(subject: Order, *said: SeenPayment, terms: Terms = TERMS) -> list[str]:
    decision = decide(subject, said, terms)
    assert decision.plan is None
    assert not decision.settled
    return [one.code for one in decision.findings]


def test_reserved_and_paid_is_confirmed() -> None:
    plan = decide(order(State.RESERVED), [seen()], TERMS).plan
    assert plan is not None
    assert (plan.kind, plan.to, plan.amount_minor) == (ActKind.CONFIRM, State.CONFIRMED, TOTAL)


def test_paid_without_stock_goes_back_and_the_order_is_cancelled() -> None:
    plan = decide(order(State.RESERVED, stock_held=False), [seen()], TERMS).plan
    assert plan is not None
    assert (plan.kind, plan.to) == (ActKind.REFUND, State.CANCELLED)
    assert plan.give_back == (GiveBack("pi_1", "cards", TOTAL),)


def test_placed_and_paid_is_given_time_to_be_reserved() -> None:
    young = order(State.PENDING, expires_at=None)
    assert decide(young, [seen()], TERMS).plan is None
    late = replace(TERMS, stale=timedelta(minutes=30))
    plan = decide(young, [seen()], late).plan
    assert plan is not None
    assert plan.kind is ActKind.REFUND


@pytest.mark.parametrize("status", ["requires_payment", "canceled"])
def test_reserved_and_unpaid_expires_once_it_cannot_be_paid(status: str) -> None:
    plan = decide(order(State.RESERVED), [seen(status)], TERMS).plan
    assert plan is not None
    assert (plan.kind, plan.to) == (ActKind.EXPIRE, State.EXPIRED)
    assert plan.cancel == (("pi_1",) if status == "requires_payment" else ())


def test_before_its_time_nothing_expires() -> None:
    early = order(State.RESERVED, expires_at=NOW - timedelta(seconds=30))
    assert decide(early, [seen("requires_payment")], TERMS).plan is None


@pytest.mark.parametrize("status", ["processing", "unknown"])
@pytest.mark.parametrize("state", WAITING)
def test_undecided_waits(state: State, status: str) -> None:
    assert codes(order(state), seen(status)) == ["undecided"]


@pytest.mark.parametrize("amount", [400, TOTAL + 1])
def test_paid_otherwise_is_looked_at(amount: int) -> None:
    unheard = order(State.RESERVED)
    unheard.payments.clear()
    assert codes(unheard, seen(amount=amount)) == ["paid_otherwise"]


@pytest.mark.parametrize("state", [*WAITING, State.CONFIRMED, *CLOSED, State.REFUNDED])
def test_another_amount_or_currency_is_never_repaired(state: State) -> None:
    assert codes(order(state), seen(amount=TOTAL - 1)) == ["other_amount"]
    foreign = order(state)
    foreign.payments.clear()
    assert codes(foreign, seen(currency="USD")) == ["other_currency"]


@pytest.mark.parametrize("status", ["canceled", "unknown", "processing", "requires_payment"])
@pytest.mark.parametrize("state", [State.RESERVED, State.CONFIRMED, State.COMPLETED])
def test_paid_here_and_not_there_is_critical(state: State, status: str) -> None:
    decision = decide(order(state, paid=TOTAL), [seen(status)], TERMS)
    assert decision.plan is None
    assert [(one.code, one.critical) for one in decision.findings] == [("not_paid_there", True)]


@pytest.mark.parametrize("state", CLOSED)
def test_money_that_came_after_the_end_goes_back(state: State) -> None:
    decision = decide(order(state, paid=TOTAL), [seen()], TERMS)
    assert decision.plan is not None
    assert (decision.plan.kind, decision.plan.to) == (ActKind.REFUND, None)
    assert decision.plan.give_back == (GiveBack("pi_1", "cards", TOTAL),)
    assert [one.code for one in decision.findings] == ["paid_after_close"]


def test_only_what_is_still_there_goes_back() -> None:
    partly = seen(
        refunds=(back(amount=300), back("re_2", 200, "pending"), back("re_3", 9, "failed"))
    )
    known = order(State.CANCELLED, paid=TOTAL)
    known.refunds["re_1"] = Refund("re_1", "pi_1", "cards", 300, "BRL", "succeeded", NOW)
    known.refunds["re_2"] = Refund("re_2", "pi_1", "cards", 200, "BRL", "pending")
    plan = decide(known, [partly], TERMS).plan
    assert plan is not None
    assert plan.give_back == (GiveBack("pi_1", "cards", 500),)


def test_the_order_comes_back_where_the_shop_wants_that() -> None:
    terms = replace(TERMS, after_close="reinstate")
    plan = decide(order(State.EXPIRED, paid=TOTAL), [seen()], terms).plan
    assert plan is not None
    assert (plan.kind, plan.to) == (ActKind.REINSTATE, State.CONFIRMED)
    partly = seen(refunds=(back(amount=1),))
    known = order(State.EXPIRED, paid=TOTAL)
    known.refunds["re_1"] = Refund("re_1", "pi_1", "cards", 1, "BRL", "succeeded", NOW)
    plan = decide(known, [partly], terms).plan
    assert plan is not None
    assert plan.kind is ActKind.REFUND, "what is not there whole cannot pay the order"


@pytest.mark.parametrize("state", CLOSED)
def test_what_could_still_be_paid_is_cancelled(state: State) -> None:
    plan = decide(order(state), [seen("requires_payment")], TERMS).plan
    assert plan is not None
    assert (plan.kind, plan.cancel) == (ActKind.CANCEL, ("pi_1",))


@pytest.mark.parametrize("state", CLOSED)
def test_stock_that_is_held_by_a_closed_order_is_released(state: State) -> None:
    plan = decide(order(state, stock_held=True), [seen("canceled")], TERMS).plan
    assert plan is not None
    assert plan.kind is ActKind.RELEASE


@pytest.mark.parametrize("state", CLOSED)
def test_a_closed_order_whose_payment_is_under_way_is_watched(state: State) -> None:
    assert codes(order(state), seen("processing")) == ["undecided"]


def test_the_later_of_two_payments_goes_back() -> None:
    twice = order(State.CONFIRMED, paid=TOTAL)
    twice.payments["pi_2"] = Payment("pi_2", "cards", TOTAL, "BRL", "succeeded", NOW)
    for said in ([seen(), seen(**LATER)], [seen(**LATER), seen()]):
        decision = decide(twice, said, TERMS)
        assert decision.plan is not None
        assert decision.plan.kind is ActKind.REFUND
        assert decision.plan.give_back == (GiveBack("pi_2", "cards", TOTAL),)
        assert [one.code for one in decision.findings] == ["paid_more_than_once"]


def test_a_second_payment_nobody_told_us_of_is_written_down_first() -> None:
    plan = decide(order(State.CONFIRMED, paid=TOTAL), [seen(), seen(**LATER)], TERMS).plan
    assert plan is not None
    assert plan.kind is ActKind.SETTLE
    assert "pi_2" in plan.reason


def test_reserved_and_paid_twice_is_confirmed_by_the_first() -> None:
    plan = decide(order(State.RESERVED), [seen(), seen(**LATER)], TERMS).plan
    assert plan is not None
    assert plan.kind is ActKind.CONFIRM


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_a_refund_that_has_ended_is_settled(status: str) -> None:
    known = order(State.CANCELLED, paid=TOTAL)
    known.refunds["re_1"] = Refund("re_1", "pi_1", "cards", TOTAL, "BRL", "pending")
    plan = decide(known, [seen(refunds=(back(status=status),))], TERMS).plan
    assert plan is not None
    assert plan.kind is ActKind.SETTLE


def test_a_refund_made_at_the_provider_alone_is_settled() -> None:
    plan = decide(order(State.CANCELLED, paid=TOTAL), [seen(refunds=(back(),))], TERMS).plan
    assert plan is not None
    assert plan.kind is ActKind.SETTLE


def test_a_refund_that_failed_is_made_again() -> None:
    known = order(State.CANCELLED, paid=TOTAL)
    known.refunds["re_1"] = Refund("re_1", "pi_1", "cards", TOTAL, "BRL", "failed", NOW)
    plan = decide(known, [seen(refunds=(back(status="failed"),))], TERMS).plan
    assert plan is not None
    assert plan.give_back == (GiveBack("pi_1", "cards", TOTAL),)


def test_a_refund_that_fails_again_and_again_is_looked_at() -> None:
    known = order(State.CANCELLED, paid=TOTAL)
    for ref in ("re_1", "re_2", "re_3"):
        known.refunds[ref] = Refund(ref, "pi_1", "cards", TOTAL, "BRL", "failed", NOW)
    assert codes(known, seen()) == ["paid_after_close", "refund_fails"]


def test_a_refund_under_way_is_waited_for() -> None:
    known = order(State.CANCELLED, paid=TOTAL)
    known.refunds["re_1"] = Refund("re_1", "pi_1", "cards", TOTAL, "BRL", "pending")
    decision = decide(known, [seen(refunds=(back(status="pending"),))], TERMS)
    assert (decision.plan, decision.settled) == (None, False)


def test_a_refund_of_ours_that_the_provider_does_not_know_is_looked_at() -> None:
    known = order(State.CANCELLED, paid=TOTAL)
    known.refunds["re_1"] = Refund("re_1", "pi_1", "cards", TOTAL, "BRL", "succeeded", NOW)
    assert codes(known, seen()) == ["refund_not_there"]


@pytest.mark.parametrize("where", ["books", "provider"])
def test_an_open_dispute_locks_refunds(where: str) -> None:
    disputed = order(State.CANCELLED, paid=TOTAL)
    if where == "books":
        disputed.disputes["dp_1"] = Dispute("dp_1", "pi_1", "cards", TOTAL, "BRL")
    said = seen(disputed=where == "provider")
    assert codes(disputed, said) == ["paid_after_close", "refund_locked"]


def test_a_confirmation_that_nobody_acted_upon_is_said_again() -> None:
    standing = order(State.CONFIRMED, paid=TOTAL)
    assert decide(standing, [seen()], TERMS).settled
    terms = replace(TERMS, fulfilment=timedelta(minutes=5))
    plan = decide(standing, [seen()], terms).plan
    assert plan is not None
    assert plan.kind is ActKind.REPEAT
    assert decide(replace(standing, state=State.COMPLETED), [seen()], terms).settled


@pytest.mark.parametrize("state", [State.COMPLETED, *CLOSED])
def test_what_is_right_is_settled(state: State) -> None:
    said = seen() if state is State.COMPLETED else seen("canceled")
    known = order(state, paid=TOTAL if state is State.COMPLETED else None)
    assert decide(known, [said], TERMS).settled


@pytest.mark.parametrize(
    ("waits", "since", "expires"),
    [
        (None, timedelta(days=9), False),
        (timedelta(hours=3), timedelta(hours=1), False),
        (timedelta(hours=3), timedelta(hours=4), True),
    ],
)
def test_a_provider_that_cannot_be_asked_has_a_stated_policy(
    waits: timedelta | None, since: timedelta, *, expires: bool
) -> None:
    held = order(State.RESERVED, expires_at=NOW - since)
    decision = decide(held, [], replace(TERMS, blind={"cards": waits}))
    assert (decision.plan is not None) is expires
    held.payments["pi_1"] = replace(held.payments["pi_1"], status="processing")
    assert codes(held, terms=replace(TERMS, blind={"cards": waits})) == ["cannot_be_asked"]


def test_what_the_shop_says_is_not_expired_under_it() -> None:
    told = order(State.RESERVED, shop_state=State.CONFIRMED)
    assert codes(told, seen("requires_payment")) == ["shop_says_otherwise"]
