"""What becomes of each event of a lane: applied, known, waiting, held, a dead letter."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from order_ops.domain.failures import FailureKind
from order_ops.domain.orders import Order, State
from order_ops.jobs.orders import lane_events
from order_ops.jobs.orders.lane_events import fold
from order_ops.jobs.orders.staged import failed
from order_ops_tests.unit.jobs.lanes import (
    CANCELLED,
    CODEC,
    CREATED,
    DECLINED,
    PAID,
    RESERVED,
    SHOP,
    WAITING,
    labels,
    lane,
    money,
    order_of,
)


def test_a_payment_in_one_batch_with_its_order_needs_no_waiting() -> None:
    result = fold(None, lane(PAID, CREATED, RESERVED), CODEC, WAITING)
    assert set(labels(result).values()) == {"applied"}
    assert order_of(result).state is State.CONFIRMED


def test_an_early_event_holds_back_its_producer_and_nobody_else() -> None:
    early = money("refund.succeeded", "pi_9", 10, "re_9")
    events = lane(CREATED, early, PAID, RESERVED)
    result = fold(None, events, CODEC, WAITING)
    assert labels(result) == {1: "applied", 2: "waiting", 3: "waiting", 4: "applied"}
    notes = {outcome.event.id: outcome.note for outcome in result.outcomes}
    assert notes[2] == "payment pi_9 of order o-1 is not known as paid"
    assert notes[3] == "waits for an earlier event of its producer"
    assert all(o.delay_s > 0 for o in result.outcomes if o.label == "waiting")
    assert order_of(result).state is State.RESERVED


def test_an_event_that_is_not_due_holds_back_its_producer() -> None:
    created, payment, failure = lane(CREATED, PAID, DECLINED)
    result = fold(None, [created, replace(payment, due=False), failure], CODEC, WAITING)
    assert labels(result) == {1: "applied", 3: "waiting"}
    assert order_of(result).payments == {}


@pytest.mark.parametrize(("age_s", "least", "most"), [(0, 1, 2), (60, 15, 31), (7200, 30, 60)])
def test_an_early_event_is_looked_at_the_less_the_older_it_is(
    age_s: int, least: float, most: float
) -> None:
    received = datetime.now(UTC) - timedelta(seconds=age_s)
    for _ in range(20):
        (outcome,) = fold(None, lane(PAID, received_at=received), CODEC, WAITING).outcomes
        assert (outcome.label, outcome.state) == ("waiting", "retry")
        assert least <= outcome.delay_s <= most


def test_an_early_event_past_its_deadline_is_a_dead_letter_that_holds_its_producer() -> None:
    orphan = money("refund.succeeded", "pi_9", 10, "re_9")
    created, dead, payment, reserved = lane(CREATED, orphan, PAID, RESERVED)
    dead = replace(dead, received_at=datetime.now(UTC) - timedelta(seconds=86_401))
    result = fold(None, [created, dead, payment, reserved], CODEC, WAITING)
    assert labels(result) == {1: "applied", 2: "dead", 3: "held", 4: "applied"}
    letter = next(o.letter for o in result.outcomes if o.letter)
    assert letter.category is FailureKind.PERMANENT
    assert "orphan: payment pi_9 of order o-1 is not known as paid" in letter.error
    assert (letter.payload, letter.holds) == (dead.body, True)
    (held,) = [o for o in result.outcomes if o.label == "held"]
    assert (held.state, held.delay_s, held.attempts) == ("retry", None, 0)
    assert order_of(result).paid_minor() == 0


def test_what_a_dead_letter_holds_waits_and_what_comes_before_it_does_not() -> None:
    created, first, second, third = lane(CREATED, DECLINED, PAID, DECLINED)
    held = [replace(second, held=True), replace(third, held=True)]
    result = fold(None, [created, first, *held], CODEC, WAITING)
    assert labels(result) == {1: "applied", 2: "applied", 3: "held", 4: "held"}
    assert order_of(result).payments["pi_1"].status == "failed"


def test_without_a_sequence_an_early_event_holds_back_nobody() -> None:
    one_till = [(SHOP, kind, data) for _, kind, data in (PAID, CREATED, RESERVED)]
    uncounted = [replace(event, sequence=None) for event in lane(*one_till)]
    result = fold(None, uncounted, CODEC, WAITING)
    assert set(labels(result).values()) == {"applied"}
    counted = fold(None, lane(*one_till), CODEC, WAITING)
    assert labels(counted) == {1: "waiting", 2: "waiting", 3: "waiting"}


def test_without_a_sequence_a_dead_letter_holds_what_came_after_it() -> None:
    wrong = money("payment.succeeded", "pi_1", 999)
    events = [
        replace(event, sequence=None) for event in lane(CREATED, RESERVED, DECLINED, wrong, PAID)
    ]
    result = fold(None, events, CODEC, WAITING)
    assert labels(result) == {1: "applied", 2: "applied", 3: "applied", 4: "dead", 5: "held"}


def test_a_dead_letter_about_money_holds_money_alone() -> None:
    one_till = [(SHOP, kind, data) for _, kind, data in (PAID, CREATED, RESERVED, DECLINED)]
    wrong, *others = [replace(event, sequence=None) for event in lane(*one_till)]
    wrong = replace(wrong, received_at=datetime.now(UTC) - timedelta(seconds=86_401))
    result = fold(None, [wrong, *others[1:]], CODEC, WAITING)
    assert labels(result)[1] == "dead"
    held = [replace(event, held=True) for event in others]
    result = fold(None, held, CODEC, WAITING)
    assert labels(result) == {2: "applied", 3: "applied", 4: "held"}


def test_a_replayed_orphan_waits_and_is_no_new_dead_letter() -> None:
    old = datetime.now(UTC) - timedelta(seconds=86_401)
    replayed = replace(WAITING, attempts=1, replay_of=7)
    (outcome,) = fold(None, lane(PAID, received_at=old), CODEC, replayed).outcomes
    assert (outcome.label, outcome.letter) == ("waiting", None)


def test_without_a_sequence_the_order_of_arrival_counts() -> None:
    events = [replace(event, sequence=None) for event in lane(CREATED, RESERVED, DECLINED, PAID)]
    result = fold(None, events[::-1], CODEC, WAITING)
    assert set(labels(result).values()) == {"applied"}
    assert order_of(result).state is State.CONFIRMED


def test_a_contradiction_is_a_dead_letter_with_its_money_and_leaves_the_order() -> None:
    wrong = money("payment.succeeded", "pi_1", 999)
    result = fold(None, lane(CREATED, RESERVED, wrong, DECLINED), CODEC, WAITING)
    assert labels(result) == {1: "applied", 2: "applied", 3: "dead", 4: "held"}
    letter = next(o.letter for o in result.outcomes if o.letter)
    assert (letter.category, letter.amount_minor, letter.currency) == ("conflict", 999, "BRL")
    assert (letter.order_id, letter.name, letter.origin_id) == ("o-1", "payment.succeeded", "3")
    assert (letter.stack or "").rstrip().endswith(letter.error)
    assert order_of(result).payments["pi_1"].status == "pending"


def test_a_dead_letter_that_moves_no_money_names_none() -> None:
    again = (SHOP, "order.created", {"total_minor": 1, "currency": "BRL"})
    result = fold(None, lane(CREATED, again), CODEC, WAITING)
    letter = next(o.letter for o in result.outcomes if o.letter)
    assert (letter.amount_minor, letter.currency, letter.holds) == (None, None, False)


def test_a_row_that_can_no_longer_be_read_is_a_dead_letter() -> None:
    created, broken = lane(CREATED, PAID)
    result = fold(None, [created, replace(broken, body=b"{")], CODEC, WAITING)
    assert labels(result) == {1: "applied", 2: "dead"}
    letter = next(o.letter for o in result.outcomes if o.letter)
    assert (letter.category, letter.payload) == (FailureKind.PERMANENT, b"{")
    assert letter.error.startswith("Unreadable: not JSON")


@pytest.mark.parametrize(
    ("error", "attempts", "label"),
    [
        (ConnectionError("reset"), 1, "retry"),
        (ConnectionError("reset"), 4, "retry"),
        (ConnectionError("reset"), 5, "dead"),
        (KeyError("nobody foresaw this"), 1, "retry"),
        (KeyError("nobody foresaw this"), 5, "dead"),
    ],
)
def test_a_failing_event_is_tried_again_and_blocks_its_producer_alone(
    monkeypatch: pytest.MonkeyPatch, error: Exception, attempts: int, label: str
) -> None:
    real = lane_events.apply

    def apply(order: Order | None, event: Any) -> Any:
        if event.type == "payment.failed":
            raise error
        return real(order, event)

    monkeypatch.setattr(lane_events, "apply", apply)
    events = lane(CREATED, DECLINED, PAID, RESERVED, attempts=attempts)
    result = fold(None, events, CODEC, WAITING)
    later = "waiting" if label == "retry" else "held"
    assert labels(result) == {1: "applied", 2: label, 3: later, 4: "applied"}
    outcome = next(o for o in result.outcomes if o.event.id == 2)
    assert type(error).__name__ in str(outcome.note if label == "retry" else outcome.letter)
    assert 0 <= outcome.delay_s <= 300


def test_a_lane_that_fails_as_a_whole_is_recorded_without_its_event() -> None:
    (event,) = lane(PAID, attempts=5)
    outcome = failed(event, RuntimeError("disk"), WAITING)
    assert (outcome.label, outcome.state) == ("dead", "parked")
    assert outcome.letter is not None
    assert (outcome.letter.category, outcome.letter.attempts) == (FailureKind.UNKNOWN, 5)
    assert outcome.letter.critical


def test_an_order_that_nothing_happened_to_is_touched_without_changes() -> None:
    known = order_of(fold(None, lane(CREATED, RESERVED, PAID), CODEC, WAITING))
    result = fold(known, lane(CREATED, PAID), CODEC, WAITING)
    assert set(labels(result).values()) == {"known"}
    assert result.touched is not None
    assert (result.touched.read_version, result.touched.changes) == (4, [])


def test_what_is_not_about_money_goes_past_what_is_held() -> None:
    one_till = [(SHOP, kind, data) for _, kind, data in (CREATED, RESERVED, PAID, CANCELLED)]
    created, reserved, payment, cancelled = lane(*one_till)
    result = fold(None, [created, reserved, replace(payment, held=True), cancelled], CODEC, WAITING)
    assert labels(result) == {1: "applied", 2: "applied", 3: "held", 4: "applied"}
    assert order_of(result).state is State.CANCELLED
