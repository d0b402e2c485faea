"""What each event does to an order, and that nothing else can move one."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_ops.domain.events import EVENT_TYPES, Event
from order_ops.domain.failures import FailureKind
from order_ops.domain.handlers import apply
from order_ops.domain.orders import (
    CLOSED,
    LEGAL_MOVES,
    REINSTATEMENTS,
    Rejected,
    State,
    TooEarly,
    move,
)
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


@pytest.mark.parametrize(("start", "to"), list(product(State, State)))
def test_a_move_is_legal_or_refused(start: State, to: State) -> None:
    order = in_state(start)
    if (start, to) in LEGAL_MOVES:
        change = move(order, to, kind="moved", at=T0, cause="test")
        assert (change.from_state, change.to_state, change.version) == (start, to, 8)
        assert (order.state, order.version) == (to, 8)
        return
    with pytest.raises(Rejected, match=f"{start} -> {to} is not a legal move") as refused:
        move(order, to, kind="moved", at=T0, cause="test")
    assert refused.value.kind is FailureKind.PERMANENT
    assert order == in_state(start), "a refused move changes nothing"


def test_the_legal_moves_are_these_ten_of_49() -> None:
    table = {start: sorted(to for from_, to in LEGAL_MOVES if from_ is start) for start in State}
    assert table == {
        "PENDING": ["CANCELLED", "EXPIRED", "RESERVED"],
        "RESERVED": ["CANCELLED", "CONFIRMED", "EXPIRED"],
        "CONFIRMED": ["CANCELLED", "COMPLETED", "REFUNDED"],
        "COMPLETED": ["REFUNDED"],
        "CANCELLED": [],
        "EXPIRED": [],
        "REFUNDED": [],
    }


def test_a_reinstatement_is_no_ordinary_move() -> None:
    assert not REINSTATEMENTS & LEGAL_MOVES
    assert {start for start, _ in REINSTATEMENTS} == CLOSED


@pytest.mark.parametrize(("start", "to"), sorted(LEGAL_MOVES))
def test_stock_is_let_go_exactly_when_an_order_closes(start: State, to: State) -> None:
    order = in_state(start)
    move(order, to, kind="moved", at=T0, cause="test")
    assert order.stock_held is (to not in CLOSED)


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


@pytest.mark.parametrize(
    ("before", "again"),
    [
        ((CREATED,), CREATED),
        ((CREATED, RESERVED), RESERVED),
        ((CREATED, CANCELLED), CANCELLED),
        ((CREATED, event("payment.succeeded", **PAID)), event("payment.succeeded", **PAID)),
        ((CREATED, event("payment.failed", **PAID)), event("payment.failed", **PAID)),
        ((CREATED, event("payment.succeeded", **PAID)), event("payment.failed", **PAID)),
        (
            (CREATED, event("payment.succeeded", **PAID), event("refund.succeeded", **REFUNDED)),
            event("refund.succeeded", **REFUNDED),
        ),
        (
            (CREATED, event("payment.succeeded", **PAID), event("refund.failed", **REFUNDED)),
            event("refund.failed", **REFUNDED),
        ),
        ((CREATED, CANCELLED), RESERVED),
    ],
    ids=lambda value: value.type if hasattr(value, "type") else "",
)
def test_what_is_known_changes_nothing(before: tuple[Event, ...], again: Event) -> None:
    order, changes = apply(after(*before).copy(), again)
    assert changes == []
    assert order == after(*before)


@pytest.mark.parametrize(
    ("before", "early"),
    [
        ((), RESERVED),
        *(
            ((), event(kind))
            for kind in (
                "order.confirmed",
                "order.cancelled",
                "order.expired",
                "order.failed",
                "order.refunded",
            )
        ),
        *(
            ((), event(f"payment.{status}", **PAID))
            for status in ("processing", "succeeded", "failed", "canceled")
        ),
        ((), event("refund.succeeded", **REFUNDED)),
        ((), event("refund.failed", **REFUNDED)),
        ((CREATED, RESERVED), event("refund.succeeded", **REFUNDED)),
        ((CREATED, RESERVED), event("refund.failed", **REFUNDED)),
        (
            (CREATED, RESERVED, event("payment.failed", **PAID)),
            event("refund.succeeded", **REFUNDED),
        ),
    ],
    ids=lambda value: value.type if hasattr(value, "type") else str(len(value)),
)
def test_what_speaks_of_the_unheard_of_waits(before: tuple[Event, ...], early: Event) -> None:
    order = after(*before) if before else None
    with pytest.raises(TooEarly):
        apply(order, early)


@pytest.mark.parametrize(
    ("before", "wrong", "words"),
    [
        ((CREATED,), event("order.created", total_minor=1, currency="BRL"), "created before"),
        ((CREATED,), event("order.created", total_minor=1000, currency="EUR"), "created before"),
        ((CREATED,), event("payment.succeeded", **{**PAID, "currency": "EUR"}), "in BRL"),
        ((CREATED,), event("payment.failed", **{**PAID, "currency": "EUR"}), "in BRL"),
        (
            (CREATED, RESERVED),
            event("payment.succeeded", **{**PAID, "amount_minor": 999}),
            "known as 1000 at cards, the event says 999",
        ),
        (
            (CREATED, RESERVED),
            event("payment.failed", **{**PAID, "account": "boleto"}),
            "says 1000 at boleto",
        ),
        (
            (CREATED, RESERVED, event("payment.succeeded", **PAID)),
            event("refund.succeeded", **{**REFUNDED, "amount_minor": 1001}),
            "more than the 1000 that was paid",
        ),
        (
            (CREATED, RESERVED, event("payment.succeeded", **PAID)),
            event("refund.succeeded", **{**REFUNDED, "currency": "EUR"}),
            "in BRL",
        ),
    ],
)
def test_a_contradiction_is_a_conflict(before: tuple[Event, ...], wrong: Event, words: str) -> None:
    order = after(*before)
    with pytest.raises(Rejected, match=words) as refused:
        apply(order, wrong)
    assert refused.value.kind is FailureKind.CONFLICT
    assert order == after(*before)


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


def test_a_completed_order_cannot_be_cancelled() -> None:
    with pytest.raises(Rejected, match="COMPLETED -> CANCELLED"):
        apply(in_state(State.COMPLETED), CANCELLED)


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


def test_a_copy_shares_nothing_that_an_event_changes() -> None:
    order = after(CREATED)
    copied = order.copy()
    for one in (
        RESERVED,
        event("payment.succeeded", **PAID),
        event("refund.succeeded", **REFUNDED),
    ):
        copied, _ = apply(copied, one)
    assert order == after(CREATED)
    assert copied.state is State.REFUNDED


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
