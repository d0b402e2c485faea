"""What the shop says of an order moves it only as far as the ledger's money goes."""

from itertools import permutations

import pytest

from order_ops.domain.events import Event
from order_ops.domain.failures import FailureKind
from order_ops.domain.handlers import apply
from order_ops.domain.orders import CLOSED, Order, Payment, Rejected, State, TooEarly
from order_ops_tests.unit.domain.tellings import (
    CANCELLED,
    CREATED,
    RESERVED,
    T0,
    after,
    event,
    in_state,
    paid,
    paid_back,
)

CONFIRMED = event("order.confirmed")
EXPIRED = event("order.expired")
FAILED = event("order.failed", reason="out of stock")
ALL_BACK = event("order.refunded")
OPEN = [State.PENDING, State.RESERVED]


def refused(order: Order, one: Event) -> tuple[type[Exception], FailureKind | None]:
    """How an event is refused; the order must stay as it was."""
    before = order.copy()
    with pytest.raises((Rejected, TooEarly)) as error:
        apply(order, one)
    assert order == before
    return error.type, getattr(error.value, "kind", None)


def changes_nothing(order: Order, one: Event) -> bool:
    before = order.copy()
    after_it, changes = apply(order, one)
    return changes == [] and after_it == before


@pytest.mark.parametrize("state", [State.CONFIRMED, State.COMPLETED, State.REFUNDED])
def test_a_confirmation_of_what_is_confirmed_is_known(state: State) -> None:
    assert changes_nothing(in_state(state), CONFIRMED)


@pytest.mark.parametrize(
    "before",
    [
        (CREATED,),
        (CREATED, paid()),
        (CREATED, RESERVED),
        (CREATED, RESERVED, paid(999, "pi_2")),
        (CREATED, RESERVED, event("payment.failed", **paid().data.model_dump())),
        (CREATED, RESERVED, event("payment.processing", **paid().data.model_dump())),
    ],
    ids=["created", "paid, not reserved", "reserved", "paid in part", "declined", "under way"],
)
def test_a_confirmation_alone_is_noted_once_and_moves_nothing(before: tuple[Event, ...]) -> None:
    order, changes = apply(after(*before), CONFIRMED)
    assert [(c.kind, c.from_state, c.alert) for c in changes] == [
        ("shop_says_confirmed", order.state, False)
    ]
    assert order.shop_state is State.CONFIRMED
    assert changes_nothing(order, CONFIRMED)


def test_a_confirmation_before_its_payment_is_followed_by_it() -> None:
    order, _ = apply(after(CREATED, RESERVED), CONFIRMED)
    assert order.state is State.RESERVED
    order, _ = apply(order, paid())
    assert order.state is State.CONFIRMED
    assert changes_nothing(order, CONFIRMED)


@pytest.mark.parametrize("total", [0, 1000])
def test_a_paid_reservation_that_nobody_confirmed_is_confirmed_once(total: int) -> None:
    order = in_state(State.RESERVED)
    order.total_minor = total
    if total:
        order.payments["pi_1"] = Payment("pi_1", "cards", total, "BRL", "succeeded", T0)
    order, changes = apply(order, CONFIRMED)
    assert [(c.kind, c.to_state) for c in changes] == [
        ("shop_says_confirmed", "RESERVED"),
        ("confirmed", "CONFIRMED"),
    ]
    assert order.stock_held
    assert changes_nothing(order, CONFIRMED)


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_a_confirmation_reinstates_nothing_even_if_paid(state: State) -> None:
    assert refused(in_state(state), CONFIRMED) == (Rejected, FailureKind.CONFLICT)
    order, _ = apply(in_state(state), paid())
    assert refused(order, CONFIRMED) == (Rejected, FailureKind.CONFLICT)


@pytest.mark.parametrize("state", OPEN)
def test_an_open_order_expires_and_its_stock_is_let_go(state: State) -> None:
    order, changes = apply(in_state(state), EXPIRED)
    assert [(c.kind, c.from_state, c.to_state, c.alert) for c in changes] == [
        ("expired_by_shop", state, "EXPIRED", False)
    ]
    assert not order.stock_held
    assert changes_nothing(order, EXPIRED)


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_an_expiry_of_what_is_closed_is_known(state: State) -> None:
    assert changes_nothing(in_state(state), EXPIRED)


@pytest.mark.parametrize("state", [State.CONFIRMED, State.COMPLETED, State.REFUNDED])
def test_what_is_paid_does_not_expire(state: State) -> None:
    assert refused(in_state(state), EXPIRED) == (Rejected, FailureKind.CONFLICT)


@pytest.mark.parametrize(
    ("before", "open_minor"),
    [
        ((CREATED, paid()), 1000),
        ((CREATED, RESERVED, paid(400, "pi_2")), 400),
        ((CREATED, RESERVED, paid(400, "pi_2"), paid_back(100, "pi_2")), 300),
        ((CREATED, RESERVED, paid(400, "pi_2"), paid_back(400, "pi_2")), 0),
        ((CREATED, RESERVED), 0),
    ],
)
@pytest.mark.parametrize("end", [EXPIRED, FAILED, CANCELLED], ids=lambda end: end.type)
def test_an_order_that_ends_with_money_wakes_somebody(
    before: tuple[Event, ...], open_minor: int, end: Event
) -> None:
    _, changes = apply(after(*before), end)
    assert [c.alert for c in changes] == [open_minor > 0]
    assert changes[0].detail["amount"] == open_minor


@pytest.mark.parametrize("state", [*OPEN, State.CONFIRMED])
def test_a_failed_order_is_cancelled_with_its_reason(state: State) -> None:
    order, changes = apply(in_state(state), FAILED)
    assert [(c.kind, c.from_state, c.to_state) for c in changes] == [("failed", state, "CANCELLED")]
    assert changes[0].detail == {"reason": "out of stock", "amount": 0}
    assert not order.stock_held
    assert changes_nothing(order, FAILED)


@pytest.mark.parametrize("state", State)
def test_a_failure_goes_as_far_as_a_cancellation(state: State) -> None:
    def end_of(one: Event) -> object:
        try:
            order, changes = apply(in_state(state), one)
        except Rejected as error:
            return error.kind
        return order, len(changes)

    assert end_of(FAILED) == end_of(CANCELLED)


def test_a_refunded_order_stays_refunded() -> None:
    assert changes_nothing(in_state(State.REFUNDED), ALL_BACK)


@pytest.mark.parametrize("state", [state for state in State if state is not State.REFUNDED])
def test_the_shops_word_alone_refunds_nothing(state: State) -> None:
    order, changes = apply(in_state(state), ALL_BACK)
    assert [(c.kind, c.to_state) for c in changes] == [("shop_says_refunded", state)]
    assert order.shop_state is State.REFUNDED
    assert changes_nothing(order, ALL_BACK)


@pytest.mark.parametrize("back", [0, 1, 999])
@pytest.mark.parametrize("end", [None, CANCELLED], ids=["confirmed", "cancelled"])
def test_the_last_refund_follows_what_the_shop_said(back: int, end: Event | None) -> None:
    order = after(CREATED, RESERVED, paid(), *[end] * (end is not None))
    if back:
        order, _ = apply(order, paid_back(back))
    order, _ = apply(order, ALL_BACK)
    assert order.state is (State.CANCELLED if end else State.CONFIRMED)
    order, _ = apply(order, paid_back(1000 - back, refund="re_2"))
    assert order.state is (State.CANCELLED if end else State.REFUNDED)
    assert changes_nothing(order, ALL_BACK)


@pytest.mark.parametrize("state", [State.CONFIRMED, State.COMPLETED])
def test_refunds_that_moved_nothing_are_moved_by_the_shops_word(state: State) -> None:
    order = after(CREATED, RESERVED, paid(), paid_back())
    order.state = state
    order, changes = apply(order, ALL_BACK)
    assert [(c.kind, c.from_state, c.to_state) for c in changes] == [
        ("refunded", state, "REFUNDED")
    ]


def test_sums_that_agree_hold_nothing_back_and_move_nothing_illegally() -> None:
    overtaken = after(CREATED, paid(), paid_back())
    assert changes_nothing(overtaken, ALL_BACK)
    order, _ = apply(overtaken, RESERVED)
    assert order.state is State.REFUNDED


@pytest.mark.parametrize(
    ("shop", "money", "end"),
    [
        ((RESERVED, CONFIRMED), (paid(),), State.CONFIRMED),
        ((RESERVED, CONFIRMED, CANCELLED), (paid(),), State.CANCELLED),
        ((RESERVED, CONFIRMED, ALL_BACK), (paid(), paid_back()), State.REFUNDED),
        ((RESERVED, FAILED, ALL_BACK), (paid(), paid_back()), None),
        ((RESERVED, EXPIRED), (event("payment.canceled", **paid().data.model_dump()),), "EXPIRED"),
    ],
    ids=["confirmed", "cancelled", "refunded", "failed and refunded", "expired"],
)
def test_shop_and_provider_may_overtake_each_other(
    shop: tuple[Event, ...], money: tuple[Event, ...], end: str | None
) -> None:
    for turns in set(permutations("s" * len(shop) + "m" * len(money))):
        queues = {"s": list(shop), "m": list(money)}
        order = after(CREATED)
        for turn in [*turns, *"sm" * 3]:
            while queues[turn]:
                try:
                    order, _ = apply(order.copy(), queues[turn][0])
                except TooEarly:
                    break
                queues[turn].pop(0)
        assert queues == {"s": [], "m": []}
        assert order.state in ({end} if end else {"CANCELLED", "REFUNDED"})
