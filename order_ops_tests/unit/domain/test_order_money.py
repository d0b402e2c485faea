"""What payments and refunds make of an order, and that no more goes back than was paid."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_ops.domain.events import EVENT_TYPES, Event
from order_ops.domain.handlers import apply
from order_ops.domain.orders import CLOSED, LEGAL_MOVES, Rejected, State, TooEarly
from order_ops_tests.unit.domain.tellings import (
    CANCELLED,
    CREATED,
    PAID,
    REFUNDED,
    RESERVED,
    T0,
    after,
    event,
    in_state,
)


def test_a_paid_order_is_confirmed_with_its_history() -> None:
    order = after(CREATED, RESERVED)
    assert (order.state, order.stock_held, order.reservations) == ("RESERVED", True, {"mug": 2})
    assert order.expires_at == T0 + timedelta(minutes=15)
    order, changes = apply(order, event("payment.succeeded", **PAID))
    assert [(c.kind, c.from_state, c.to_state, c.version) for c in changes] == [
        ("paid", "RESERVED", "RESERVED", 3),
        ("confirmed", "RESERVED", "CONFIRMED", 4),
    ]
    assert order.paid_minor() == 1000
    assert order.payments["pi_1"].succeeded_at == T0


def test_half_a_payment_confirms_nothing_and_both_halves_do() -> None:
    half = {**PAID, "amount_minor": 500}
    order = after(CREATED, event("order.reserved", expires_at=T0.isoformat()))
    order, _ = apply(order, event("payment.succeeded", **half))
    assert order.state is State.RESERVED
    order, _ = apply(order, event("payment.succeeded", **{**half, "payment": "pi_2"}))
    assert order.state is State.CONFIRMED


def test_a_free_order_has_nothing_to_wait_for() -> None:
    free = event("order.created", total_minor=0, currency="BRL")
    order = after(free, event("order.reserved", expires_at=T0.isoformat()))
    assert order.state is State.CONFIRMED


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_money_after_the_close_is_kept_and_wakes_somebody(state: State) -> None:
    order, changes = apply(in_state(state), event("payment.succeeded", **PAID))
    assert [(c.kind, c.alert) for c in changes] == [("paid_after_close", True)]
    assert (order.state, order.paid_minor()) == (state, 1000)


@pytest.mark.parametrize(("refunded", "open_minor"), [(0, 1000), (400, 600)])
def test_cancelling_a_paid_order_wakes_somebody(refunded: int, open_minor: int) -> None:
    order = after(CREATED, RESERVED, event("payment.succeeded", **PAID))
    if refunded:
        order, _ = apply(order, event("refund.succeeded", **{**REFUNDED, "amount_minor": refunded}))
    _, changes = apply(order, CANCELLED)
    assert [(c.kind, c.alert) for c in changes] == [("cancelled", True)]
    assert changes[0].detail == {"reason": "changed my mind", "amount": open_minor}


def test_cancelling_an_unpaid_order_wakes_nobody() -> None:
    _, changes = apply(after(CREATED, RESERVED), CANCELLED)
    assert [(c.kind, c.alert) for c in changes] == [("cancelled", False)]


def test_a_cancellation_that_its_refund_overtook_changes_nothing() -> None:
    paid_back = (event("payment.succeeded", **PAID), event("refund.succeeded", **REFUNDED))
    order, changes = apply(after(CREATED, RESERVED, *paid_back), CANCELLED)
    assert (order.state, changes) == (State.REFUNDED, [])


def test_a_reservation_that_payment_and_refund_overtook_ends_refunded() -> None:
    paid_back = (event("payment.succeeded", **PAID), event("refund.succeeded", **REFUNDED))
    order, changes = apply(after(CREATED, *paid_back), RESERVED)
    assert [c.kind for c in changes] == ["reserved", "confirmed", "refunded"]
    assert order.state is State.REFUNDED


@pytest.mark.parametrize("state", [State.CONFIRMED, State.COMPLETED])
def test_refunds_in_parts_end_in_refunded(state: State) -> None:
    order = after(CREATED, RESERVED, event("payment.succeeded", **PAID))
    order.state = state
    parts = [{**REFUNDED, "refund": f"re_{n}", "amount_minor": 500} for n in (1, 2)]
    order, first = apply(order, event("refund.succeeded", **parts[0]))
    assert ([c.kind for c in first], order.state) == (["partly_refunded"], state)
    order, second = apply(order, event("refund.succeeded", **parts[1]))
    assert ([c.kind for c in second], order.state) == (["refunded"], State.REFUNDED)


def test_a_failed_refund_moves_no_money_and_wakes_somebody() -> None:
    order = after(CREATED, RESERVED, event("payment.succeeded", **PAID))
    order, changes = apply(order, event("refund.failed", **REFUNDED))
    assert [(c.kind, c.alert) for c in changes] == [("refund_failed", True)]
    assert (order.refunded_minor(), order.state) == (0, State.CONFIRMED)


def test_a_declined_payment_may_still_succeed() -> None:
    order = after(CREATED, RESERVED, event("payment.failed", **PAID, reason="declined"))
    assert (order.paid_minor(), order.state) == (0, State.RESERVED)
    order, _ = apply(order, event("payment.succeeded", **PAID))
    assert (order.paid_minor(), order.state) == (1000, State.CONFIRMED)


_WITH_DATA = {"order.created", "order.reserved"}
_AMOUNTS = st.integers(min_value=0, max_value=1200)
_EVENTS = st.one_of(
    st.builds(
        lambda kind, ref, amount: event(
            kind, payment=ref, account="cards", amount_minor=amount, currency="BRL"
        ),
        st.sampled_from([kind for kind in EVENT_TYPES if kind.startswith("payment.")]),
        st.sampled_from(["pi_1", "pi_2"]),
        _AMOUNTS,
    ),
    st.builds(
        lambda kind, ref, refund, amount: event(
            kind,
            payment=ref,
            refund=refund,
            account="cards",
            amount_minor=amount,
            currency="BRL",
        ),
        st.sampled_from(["refund.succeeded", "refund.failed"]),
        st.sampled_from(["pi_1", "pi_2"]),
        st.sampled_from(["re_1", "re_2", "re_3"]),
        _AMOUNTS,
    ),
    st.sampled_from([CREATED, RESERVED]),
    st.sampled_from(
        [kind for kind in EVENT_TYPES if kind.startswith("order.") and kind not in _WITH_DATA]
    ).map(event),
)


@given(st.lists(_EVENTS, max_size=25))
def test_whatever_comes_refunds_never_exceed_payments(events: list[Event]) -> None:
    order = after(CREATED)
    for one in events:
        before = order.copy()
        try:
            order, changes = apply(order.copy(), one)
        except (Rejected, TooEarly):
            order = before
            continue
        assert order.version == before.version + len(changes)
        for payment in order.payments.values():
            refunded = sum(
                r.amount_minor
                for r in order.refunds.values()
                if r.payment == payment.payment and r.status == "succeeded"
            )
            assert refunded <= (payment.amount_minor if payment.status == "succeeded" else 0)
        assert order.refunded_minor() <= order.paid_minor()
        for change in changes:
            same = change.from_state is change.to_state
            assert same or (change.from_state, change.to_state) in LEGAL_MOVES
        paid = {p.payment for p in before.payments.values() if p.status == "succeeded"}
        assert all(order.payments[ref] == before.payments[ref] for ref in paid)
        if one.type != "payment.succeeded":
            assert order.paid_minor() == before.paid_minor()
        if one.type != "refund.succeeded":
            assert order.refunded_minor() == before.refunded_minor()
        _, again = apply(order.copy(), one)
        assert again == [], "the same event again is known"


def paid_at(minute: int, amount: int, payment: str) -> Event:
    data = {**PAID, "amount_minor": amount, "payment": payment}
    return event("payment.succeeded", minute=minute, **data)


def back_at(minute: int, amount: int, payment: str) -> Event:
    data = {**PAID, "amount_minor": amount, "payment": payment, "refund": f"re_{payment}"}
    return event("refund.succeeded", minute=minute, **data)


@pytest.mark.parametrize(
    ("money", "state"),
    [
        ([paid_at(1, 600, "a"), back_at(2, 600, "a"), paid_at(3, 400, "b")], State.RESERVED),
        ([paid_at(1, 600, "a"), paid_at(2, 400, "b"), back_at(3, 600, "a")], State.CONFIRMED),
        ([paid_at(1, 600, "a"), back_at(2, 100, "a"), paid_at(3, 500, "b")], State.CONFIRMED),
    ],
    ids=["never there at once", "paid, then part back", "part back, then the rest"],
)
def test_an_order_is_confirmed_if_its_whole_amount_was_there_at_a_time(
    money: list[Event], state: State
) -> None:
    assert after(CREATED, RESERVED, *money).state is state
    assert after(CREATED, *money, RESERVED).state is state, "in whatever order it is heard of"
