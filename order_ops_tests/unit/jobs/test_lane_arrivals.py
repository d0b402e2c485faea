"""A lane comes to the same end in whatever order its producers' events arrive."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_ops.domain.orders import Order, State
from order_ops.jobs.orders.lane_events import fold
from order_ops.jobs.orders.staged import Outcome, StagedEvent
from order_ops_tests.unit.jobs.lanes import (
    CANCELLED,
    CODEC,
    CONFIRMED,
    CREATED,
    DECLINED,
    PAID,
    RESERVED,
    RESERVED_FOR_TWO,
    SHOP,
    WAITING,
    Spec,
    dispute,
    lane,
    money,
)

LIVES: dict[str, tuple[list[Spec], State]] = {
    "paid": ([CREATED, RESERVED, PAID], State.CONFIRMED),
    "declined first": ([CREATED, RESERVED, DECLINED, PAID], State.CONFIRMED),
    "never paid": ([CREATED, RESERVED, DECLINED], State.RESERVED),
    "cancelled": ([CREATED, RESERVED, CANCELLED], State.CANCELLED),
    "cancelled when created": ([CREATED, CANCELLED], State.CANCELLED),
    "paid and cancelled": ([CREATED, RESERVED, PAID, CANCELLED], State.CANCELLED),
    "paid, part back": (
        [CREATED, RESERVED, PAID, money("refund.succeeded", "pi_1", 300, "re_1")],
        State.CONFIRMED,
    ),
    "paid, all back in parts": (
        [
            CREATED,
            RESERVED,
            PAID,
            money("refund.failed", "pi_1", 300, "re_1"),
            money("refund.succeeded", "pi_1", 300, "re_1"),
            money("refund.succeeded", "pi_1", 700, "re_2"),
        ],
        State.REFUNDED,
    ),
    "paid twice over": (
        [
            CREATED,
            RESERVED_FOR_TWO,
            money("payment.succeeded", "pi_1", 600),
            money("payment.succeeded", "pi_2", 400),
        ],
        State.CONFIRMED,
    ),
    "confirmed by the shop": ([CREATED, RESERVED, PAID, CONFIRMED], State.CONFIRMED),
    "confirmed by the shop, then cancelled": (
        [CREATED, RESERVED, PAID, CONFIRMED, CANCELLED],
        State.CANCELLED,
    ),
    "expired by the shop": (
        [CREATED, RESERVED, DECLINED, (SHOP, "order.expired", {})],
        State.EXPIRED,
    ),
    "failed": ([CREATED, RESERVED, (SHOP, "order.failed", {"reason": "out"})], State.CANCELLED),
    "under way, then abandoned": (
        [
            CREATED,
            RESERVED,
            money("payment.processing", "pi_1", 1000),
            money("payment.canceled", "pi_1", 1000),
        ],
        State.RESERVED,
    ),
    "refunded, and the shop says so": (
        [
            CREATED,
            RESERVED,
            PAID,
            money("refund.succeeded", "pi_1", 1000, "re_1"),
            (SHOP, "order.refunded", {}),
        ],
        State.REFUNDED,
    ),
    "disputed and lost": (
        [
            CREATED,
            RESERVED,
            PAID,
            dispute("dispute.created"),
            dispute("dispute.updated", reason="fraudulent"),
            dispute("dispute.closed", outcome="lost"),
        ],
        State.CONFIRMED,
    ),
    "cancelled, part back": (
        [CREATED, RESERVED, PAID, CANCELLED, money("refund.succeeded", "pi_1", 300, "re_1")],
        State.CANCELLED,
    ),
}


def amounts(order: Order) -> tuple[object, ...]:
    return (
        {p.payment: (p.status, p.amount_minor) for p in order.payments.values()},
        {r.refund: (r.status, r.amount_minor) for r in order.refunds.values()},
        {d.dispute: (d.status, d.reason) for d in order.disputes.values()},
        order.paid_minor(),
        order.refunded_minor(),
    )


@st.composite
def arrivals(draw: st.DrawFn, specs: Sequence[Spec]) -> list[list[StagedEvent]]:
    """Batches of a life: copies added, producers interleaved, each in its own order."""
    events = lane(*specs)
    copies = draw(st.lists(st.sampled_from(events), max_size=4))
    ids = count(len(events) + 1)
    queues: dict[str, list[StagedEvent]] = {}
    for event in events:
        queues.setdefault(event.producer, []).append(event)
        queues[event.producer] += [replace(c, id=next(ids)) for c in copies if c is event]
    arrived: list[StagedEvent] = []
    while any(queues.values()):
        producer = draw(st.sampled_from(sorted(name for name, queue in queues.items() if queue)))
        arrived.append(queues[producer].pop(0))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(arrived) - 1)), max_size=4)))
    bounds = [0, *cuts, len(arrived)]
    batches = [arrived[a:b] for a, b in pairwise(bounds)]
    return [draw(st.permutations(batch)) for batch in batches]


def play(batches: Sequence[Sequence[StagedEvent]]) -> tuple[Order, list[Outcome]]:
    """Fold batch after batch; what waits comes again with the next."""
    order, left = None, []
    settled: list[Outcome] = []
    for batch in batches:
        result = fold(order, [*left, *batch], CODEC, WAITING)
        order = result.touched.order if result.touched else None
        left = [outcome.event for outcome in result.outcomes if outcome.state == "retry"]
        settled += [outcome for outcome in result.outcomes if outcome.state != "retry"]
    assert left == [], "at the end of its life nothing of a coherent order waits"
    assert order is not None
    return order, settled


@pytest.mark.parametrize("life", LIVES)
@given(data=st.data())
def test_every_arrival_of_a_life_ends_in_the_same_order(data: st.DataObject, life: str) -> None:
    specs, state = LIVES[life]
    order, settled = play(data.draw(arrivals(specs)))
    expected, _ = play([lane(*specs)])
    assert order.state is state
    assert expected.state is state
    assert amounts(order) == amounts(expected)
    assert (order.stock_held, order.reservations) == (expected.stock_held, expected.reservations)
    assert {outcome.label for outcome in settled} <= {"applied", "known"}


@given(data=st.data())
def test_a_refund_and_its_cancellation_may_overtake_each_other(data: st.DataObject) -> None:
    specs = [CREATED, RESERVED, PAID, CANCELLED, money("refund.succeeded", "pi_1", 1000, "re_1")]
    order, settled = play(data.draw(arrivals(specs)))
    assert order.state in {State.CANCELLED, State.REFUNDED}
    assert (order.paid_minor(), order.refunded_minor()) == (1000, 1000)
    assert {outcome.label for outcome in settled} <= {"applied", "known"}


@given(data=st.data())
def test_versions_count_every_change_once(data: st.DataObject) -> None:
    specs, _ = LIVES["paid, all back in parts"]
    arrived = [event for batch in data.draw(arrivals(specs)) for event in batch]
    touched = fold(None, arrived, CODEC, WAITING).touched
    assert touched is not None
    versions = [change.version for change in touched.changes]
    assert versions == list(range(1, touched.order.version + 1))
