"""Where an order may move, and which events are known, too early or a contradiction."""

from itertools import product

import pytest

from order_ops.domain.events import Event
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


def test_a_completed_order_cannot_be_cancelled() -> None:
    with pytest.raises(Rejected, match="COMPLETED -> CANCELLED"):
        apply(in_state(State.COMPLETED), CANCELLED)


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
