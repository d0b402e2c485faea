"""What an act leaves in the books, and that money and stock are the same before and after."""

from dataclasses import replace

import pytest

from order_ops.domain.orders import Rejected, State
from order_ops.domain.repairs import ActKind, Plan, decide
from order_ops.domain.repairs.changes import GivenBack, Writing, carry_out, write_down
from order_ops_tests.unit.domain.repairs.cases import NOW, TERMS, TOTAL, back, order, seen

WRITING = Writing("act:7", NOW)


def test_confirming_writes_the_payment_down_first() -> None:
    subject = order(State.RESERVED)
    plan = decide(subject, [seen()], TERMS).plan
    assert plan is not None
    changes = carry_out(subject, plan, [seen()], [], WRITING)
    assert [one.kind for one in changes] == ["paid", "confirmed"]
    assert [one.version for one in changes] == [4, 5]
    assert (subject.state, subject.paid_minor(), subject.stock_held) == (
        State.CONFIRMED,
        TOTAL,
        True,
    )
    assert subject.state_since == NOW


def test_expiring_releases_stock_and_cancels_the_payment() -> None:
    subject = order(State.RESERVED)
    plan = decide(subject, [seen("requires_payment")], TERMS).plan
    assert plan is not None
    changes = carry_out(subject, plan, [seen("canceled")], [], WRITING)
    assert [one.kind for one in changes] == ["expired"]
    assert (subject.stock_held, subject.payments["pi_1"].status) == (False, "canceled")


@pytest.mark.parametrize(
    ("status", "told", "refunded"),
    [
        ("succeeded", "refunded", TOTAL),
        ("pending", "refund_pending", 0),
        ("failed", "refund_failed", 0),
    ],
)
def test_what_goes_back_is_written_as_the_provider_has_it(
    status: str, told: str, refunded: int
) -> None:
    subject = order(State.EXPIRED, paid=TOTAL)
    plan = decide(subject, [seen()], TERMS).plan
    assert plan is not None
    given = GivenBack("pi_1", "cards", back(status=status))
    changes = carry_out(subject, plan, [seen()], [given], WRITING)
    assert [one.kind for one in changes] == [told]
    assert (subject.state, subject.refunded_minor()) == (State.EXPIRED, refunded)


def test_paid_without_stock_ends_cancelled_and_paid_back() -> None:
    subject = order(State.RESERVED, stock_held=False)
    plan = decide(subject, [seen()], TERMS).plan
    assert plan is not None
    given = GivenBack("pi_1", "cards", back())
    kinds = [one.kind for one in carry_out(subject, plan, [seen()], [given], WRITING)]
    assert kinds == ["paid", "refunded", "cancelled"]
    assert (subject.state, subject.paid_minor(), subject.refunded_minor()) == (
        State.CANCELLED,
        TOTAL,
        TOTAL,
    )


def test_reinstated_it_stands_with_its_stock() -> None:
    subject = order(State.EXPIRED, paid=TOTAL)
    plan = Plan(ActKind.REINSTATE, "there is stock", TOTAL, to=State.CONFIRMED)
    [one] = carry_out(subject, plan, [seen()], [], WRITING)
    assert (one.kind, one.from_state, one.to_state) == (
        "reinstated",
        State.EXPIRED,
        State.CONFIRMED,
    )
    assert subject.stock_held
    with pytest.raises(Rejected, match="only a closed one"):
        carry_out(order(State.CONFIRMED), plan, [], [], WRITING)


def test_released_stock_is_released_once() -> None:
    subject = order(State.CANCELLED, stock_held=True)
    plan = decide(subject, [seen("canceled")], TERMS).plan
    assert plan is not None
    assert [one.kind for one in carry_out(subject, plan, [], [], WRITING)] == ["released"]
    assert not subject.stock_held
    assert decide(subject, [seen("canceled")], TERMS).settled


def test_the_same_facts_are_written_once() -> None:
    subject = order(State.CANCELLED)
    said = [seen(refunds=(back(),))]
    assert [one.kind for one in write_down(subject, said, [], WRITING)] == ["paid", "refunded"]
    again = [GivenBack("pi_1", "cards", back())]
    assert write_down(subject, said, again, WRITING) == []


def test_after_each_act_there_is_nothing_more_to_do() -> None:
    subject = order(State.EXPIRED, paid=TOTAL)
    plan = decide(subject, [seen()], TERMS).plan
    assert plan is not None
    given = GivenBack("pi_1", "cards", back())
    carry_out(subject, plan, [seen()], [given], WRITING)
    now = decide(subject, [seen(refunds=(back(),))], replace(TERMS, now=NOW))
    assert (now.plan, now.findings, now.settled) == (None, (), True)
