"""A dispute wakes somebody, keeps its last report, ends once, and moves no order."""

from datetime import timedelta
from typing import Any

import pytest

from order_ops.domain.events import Event
from order_ops.domain.failures import FailureKind
from order_ops.domain.handlers import apply
from order_ops.domain.orders import Order, Rejected, State, TooEarly
from order_ops_tests.unit.domain.tellings import CREATED, PAID, RESERVED, T0, after, event, paid

DUE = T0 + timedelta(days=7)


def dispute(kind: str, **data: Any) -> Event:
    return event(f"dispute.{kind}", **{**PAID, "dispute": "dp_1", **data})


OPENED = dispute("created", reason="fraudulent", respond_by=DUE.isoformat())
LOST = dispute("closed", outcome="lost")


def disputed(*events: Event) -> Order:
    return after(CREATED, RESERVED, paid(), *events)


def test_an_opened_dispute_wakes_somebody_and_says_until_when() -> None:
    order, changes = apply(disputed(), OPENED)
    (told,) = changes
    assert (told.kind, told.alert, told.to_state) == ("disputed", True, State.CONFIRMED)
    assert told.detail == {
        "dispute": "dp_1",
        "payment": "pi_1",
        "amount": 1000,
        "reason": "fraudulent",
        "respond_by": DUE.isoformat(),
    }
    known = order.disputes["dp_1"]
    assert (known.status, known.respond_by, known.opened_at) == ("open", DUE, T0)
    assert apply(order.copy(), OPENED) == (order, [])


def test_a_report_is_absolute_and_keeps_what_it_leaves_out() -> None:
    order, changes = apply(disputed(OPENED), dispute("updated", amount_minor=400))
    assert [(c.kind, c.alert) for c in changes] == [("dispute_updated", False)]
    known = order.disputes["dp_1"]
    assert (known.amount_minor, known.reason, known.respond_by) == (400, "fraudulent", DUE)


def test_an_update_of_an_unheard_dispute_opens_it_and_a_late_opening_is_known() -> None:
    order, changes = apply(disputed(), dispute("updated", amount_minor=400))
    assert [(c.kind, c.alert) for c in changes] == [("disputed", True)]
    assert apply(order.copy(), OPENED) == (order, [])


@pytest.mark.parametrize("outcome", ["lost", "won", "withdrawn"])
@pytest.mark.parametrize("heard", [(), (OPENED,)], ids=["unheard", "opened"])
def test_a_dispute_ends_once(outcome: str, heard: tuple[Event, ...]) -> None:
    end = dispute("closed", outcome=outcome)
    order, changes = apply(disputed(*heard), end)
    assert [(c.kind, c.alert, c.to_state) for c in changes] == [
        (f"dispute_{outcome}", outcome == "lost", State.CONFIRMED)
    ]
    known = order.disputes["dp_1"]
    assert (known.status, known.closed_at) == (outcome, T0)
    assert known.reason == ("fraudulent" if heard else "")
    for late in (end, OPENED, dispute("updated", amount_minor=1)):
        assert apply(order.copy(), late) == (order, [])


def test_two_ends_of_a_dispute_are_a_conflict() -> None:
    with pytest.raises(Rejected, match="is known as lost, the event says won") as refused:
        apply(disputed(OPENED, LOST), dispute("closed", outcome="won"))
    assert refused.value.kind is FailureKind.CONFLICT


@pytest.mark.parametrize(
    "wrong", [{"account": "boleto"}, {"payment": "pi_2"}], ids=["account", "payment"]
)
def test_a_dispute_stays_with_its_payment(wrong: dict[str, str]) -> None:
    order = disputed(paid(500, "pi_2"), OPENED)
    with pytest.raises(Rejected, match="dp_1 is known as one of pi_1 at cards") as refused:
        apply(order, dispute("updated", **wrong))
    assert refused.value.kind is FailureKind.CONFLICT


def test_a_dispute_in_another_currency_is_refused() -> None:
    with pytest.raises(Rejected, match="is in BRL, the event in EUR"):
        apply(disputed(), dispute("created", currency="EUR"))


@pytest.mark.parametrize("before", [(CREATED, RESERVED), (CREATED,)], ids=["unpaid", "created"])
def test_a_dispute_waits_for_its_payment(before: tuple[Event, ...]) -> None:
    with pytest.raises(TooEarly, match="pi_1 of order o-1 is not known as paid"):
        apply(after(*before), OPENED)
