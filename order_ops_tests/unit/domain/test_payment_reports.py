"""A payment's status: its last word counts until it is paid, and paid is for good."""

import pytest

from order_ops.domain.events import Event
from order_ops.domain.failures import FailureKind
from order_ops.domain.handlers import apply
from order_ops.domain.orders import CLOSED, Order, Payment, Rejected, State
from order_ops_tests.unit.domain.tellings import CREATED, PAID, RESERVED, T0, after, event, paid

PROCESSING = event("payment.processing", **PAID)
DECLINED = event("payment.failed", **PAID, reason="declined")
CANCELED = event("payment.canceled", **PAID, reason="abandoned")
UNPAID = [PROCESSING, DECLINED, CANCELED]


def with_payment(status: str | None) -> Order:
    order = after(CREATED, event("order.reserved", expires_at=T0.isoformat()))
    if status is not None:
        settled = T0 if status == "succeeded" else None
        order.payments["pi_1"] = Payment("pi_1", "cards", 1000, "BRL", status, settled)
    return order


@pytest.mark.parametrize(
    ("before", "told", "status"),
    [
        (None, PROCESSING, "processing"),
        ("pending", PROCESSING, "processing"),
        ("failed", PROCESSING, "processing"),
        (None, DECLINED, "failed"),
        ("pending", DECLINED, "failed"),
        ("processing", DECLINED, "failed"),
        (None, CANCELED, "canceled"),
        ("pending", CANCELED, "canceled"),
        ("processing", CANCELED, "canceled"),
        ("failed", CANCELED, "canceled"),
    ],
)
def test_what_is_not_paid_takes_the_status_it_is_told(
    before: str | None, told: Event, status: str
) -> None:
    order, changes = apply(with_payment(before), told)
    assert order.payments["pi_1"] == Payment("pi_1", "cards", 1000, "BRL", status)
    assert (order.state, order.paid_minor()) == (State.RESERVED, 0)
    assert [(c.kind, c.from_state, c.alert) for c in changes] == [
        (f"payment_{status}", "RESERVED", False)
    ]
    assert apply(order.copy(), told) == (order, [])


@pytest.mark.parametrize(
    ("before", "late"),
    [
        ("processing", PROCESSING),
        ("succeeded", PROCESSING),
        ("canceled", PROCESSING),
        ("failed", DECLINED),
        ("succeeded", DECLINED),
        ("canceled", DECLINED),
        ("canceled", CANCELED),
    ],
)
def test_what_came_late_changes_nothing(before: str, late: Event) -> None:
    assert apply(with_payment(before), late) == (with_payment(before), [])


def test_a_paid_payment_cannot_have_been_cancelled() -> None:
    order = with_payment("succeeded")
    with pytest.raises(Rejected, match="pi_1 is known as succeeded") as refused:
        apply(order, CANCELED)
    assert refused.value.kind is FailureKind.CONFLICT
    assert order == with_payment("succeeded")


@pytest.mark.parametrize("before", [None, "pending", "processing", "failed", "canceled"])
def test_captured_money_is_kept_whatever_was_said_before(before: str | None) -> None:
    order, changes = apply(with_payment(before), paid())
    assert (order.state, order.paid_minor()) == (State.CONFIRMED, 1000)
    odd = before == "canceled"
    assert [(c.kind, c.alert) for c in changes] == [
        ("paid_after_cancel" if odd else "paid", odd),
        ("confirmed", False),
    ]
    assert changes[0].detail == {"payment": "pi_1", "amount": 1000}


def test_a_retry_after_a_failure_says_so() -> None:
    _, changes = apply(with_payment("failed"), PROCESSING)
    assert changes[0].detail == {"payment": "pi_1", "before": "failed"}
    _, changes = apply(with_payment(None), PROCESSING)
    assert changes[0].detail == {"payment": "pi_1", "before": None}


def test_a_cancellation_keeps_its_reason() -> None:
    _, changes = apply(with_payment("pending"), CANCELED)
    assert changes[0].detail == {"payment": "pi_1", "reason": "abandoned"}


@pytest.mark.parametrize("told", UNPAID, ids=lambda told: told.type)
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount_minor", 999, "known as 1000 at cards, the event says 999"),
        ("account", "boleto", "says 1000 at boleto"),
        ("currency", "EUR", "is in BRL, the event in EUR"),
    ],
)
@pytest.mark.parametrize("before", ["pending", "succeeded"])
def test_a_payment_that_changed_on_the_way_is_a_conflict(
    told: Event, field: str, value: object, words: str, before: str
) -> None:
    order = with_payment(before)
    with pytest.raises(Rejected, match=words) as refused:
        apply(order, event(told.type, **{**PAID, field: value}))
    assert refused.value.kind is FailureKind.CONFLICT
    assert order == with_payment(before)


@pytest.mark.parametrize("told", UNPAID, ids=lambda told: told.type)
def test_a_payment_unheard_of_is_in_the_orders_currency_or_a_conflict(told: Event) -> None:
    with pytest.raises(Rejected, match="in BRL"):
        apply(after(CREATED), event(told.type, **{**PAID, "currency": "EUR"}))


@pytest.mark.parametrize("told", UNPAID, ids=lambda told: told.type)
def test_a_reservation_that_a_payment_overtook_keeps_its_status(told: Event) -> None:
    order = after(CREATED, told, RESERVED)
    assert order.payments["pi_1"].status == told.type.removeprefix("payment.")


@pytest.mark.parametrize("told", UNPAID, ids=lambda told: told.type)
@pytest.mark.parametrize("state", sorted(CLOSED))
def test_what_is_not_paid_wakes_nobody_after_the_close(told: Event, state: State) -> None:
    order = with_payment("pending")
    order.state = state
    order, changes = apply(order, told)
    assert [c.alert for c in changes] == [False]
    order, changes = apply(order, paid())
    assert [(c.kind, c.alert) for c in changes] == [("paid_after_close", True)]
    assert order.state is state


def test_a_failure_after_the_success_is_a_contradiction_and_before_it_is_known() -> None:
    order, _ = apply(with_payment(None), event("payment.succeeded", minute=5, **PAID))
    assert apply(order.copy(), event("payment.failed", minute=4, **PAID)) == (order, [])
    with pytest.raises(Rejected, match="the event says that it failed after that") as refused:
        apply(order, event("payment.failed", minute=6, **PAID))
    assert refused.value.kind is FailureKind.CONFLICT


def test_a_refund_that_the_bank_returns_is_no_refund_any_more_and_wakes_somebody() -> None:
    refund = {**PAID, "amount_minor": 300, "refund": "re_1"}
    order = after(CREATED, RESERVED, paid())
    order, _ = apply(order, event("refund.succeeded", minute=5, **refund))
    assert apply(order.copy(), event("refund.failed", minute=4, **refund)) == (order, [])
    order, changes = apply(order, event("refund.failed", minute=6, **refund))
    assert [(c.kind, c.alert) for c in changes] == [("refund_returned", True)]
    assert order.refunded_minor() == 0
    assert apply(order.copy(), event("refund.failed", minute=6, **refund)) == (order, [])


def test_a_success_that_is_older_than_the_return_does_not_bring_the_refund_back() -> None:
    refund = {**PAID, "amount_minor": 300, "refund": "re_1"}
    order = after(CREATED, RESERVED, paid(), event("refund.failed", minute=5, **refund))
    assert apply(order.copy(), event("refund.succeeded", minute=3, **refund)) == (order, [])
    order, _ = apply(order, event("refund.succeeded", minute=6, **refund))
    assert order.refunded_minor() == 300, "tried again, and paid back"


def test_all_that_was_paid_back_of_a_cancelled_order_is_told_as_refunded() -> None:
    order = after(CREATED, RESERVED, paid(), event("order.cancelled"))
    _, changes = apply(order, event("refund.succeeded", **PAID, refund="re_1"))
    assert [(c.kind, c.to_state) for c in changes] == [("refunded", State.CANCELLED)]
