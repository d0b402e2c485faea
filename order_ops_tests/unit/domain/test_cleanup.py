"""A reservation past its expiry: expired, confirmed or left, never on a guess."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_ops.domain.cleanup import Verdict, decide_expiry


@dataclass(frozen=True)
class Seen:
    ref: str
    status: str
    amount_minor: int = 1000
    currency: str = "BRL"


@pytest.mark.parametrize(
    ("seen", "verdict", "cancel", "reason"),
    [
        ([], "expire", (), "not paid at the provider"),
        ([Seen("pi_1", "requires_payment")], "expire", ("pi_1",), "not paid at the provider"),
        (
            [Seen("pi_1", "canceled"), Seen("pi_2", "requires_payment")],
            "expire",
            ("pi_2",),
            "not paid at the provider",
        ),
        ([Seen("pi_1", "succeeded")], "confirm", (), "the provider has the whole amount"),
        (
            [Seen("pi_1", "succeeded", 400), Seen("pi_2", "succeeded", 600)],
            "confirm",
            (),
            "the provider has the whole amount",
        ),
        (
            [Seen("pi_1", "succeeded", 400), Seen("pi_2", "requires_payment", 600)],
            "leave",
            (),
            "the provider has 400 of 1000 (minor units)",
        ),
        (
            [Seen("pi_1", "succeeded"), Seen("pi_2", "succeeded")],
            "leave",
            (),
            "the provider has 2000 of 1000 (minor units)",
        ),
        ([Seen("pi_1", "succeeded", 0)], "leave", (), "the provider has 0 of 1000 (minor units)"),
        (
            [Seen("pi_1", "succeeded", 1000, "EUR")],
            "leave",
            (),
            "paid in EUR, ordered in BRL",
        ),
        ([Seen("pi_1", "processing")], "leave", (), "the provider has not decided on pi_1"),
        (
            [Seen("pi_1", "succeeded"), Seen("pi_2", "unknown"), Seen("pi_3", "processing")],
            "leave",
            (),
            "the provider has not decided on pi_2, pi_3",
        ),
    ],
)
def test_the_verdict_follows_the_provider(
    seen: list[Seen], verdict: str, cancel: tuple[str, ...], reason: str
) -> None:
    decision = decide_expiry(1000, "BRL", seen)
    assert (decision.verdict, decision.cancel, decision.reason) == (verdict, cancel, reason)


_STATUSES = ["requires_payment", "processing", "succeeded", "canceled", "unknown"]
_SEEN = st.builds(
    Seen,
    ref=st.sampled_from(["pi_1", "pi_2", "pi_3"]),
    status=st.sampled_from(_STATUSES),
    amount_minor=st.integers(0, 1000),
    currency=st.sampled_from(["BRL", "EUR"]),
)


@given(st.lists(_SEEN, max_size=4), st.integers(0, 1000))
def test_nothing_undecided_or_paid_is_ever_expired(seen: list[Seen], total: int) -> None:
    decision = decide_expiry(total, "BRL", seen)
    statuses = {one.status for one in seen}
    if decision.verdict is Verdict.EXPIRE:
        assert not statuses & {"succeeded", "processing", "unknown"}
        payable = {one.ref for one in seen if one.status == "requires_payment"}
        assert set(decision.cancel) == payable
    else:
        assert decision.cancel == (), "only an order that expires loses its payments"
    if decision.verdict is Verdict.CONFIRM:
        paid = [one for one in seen if one.status == "succeeded"]
        assert sum(one.amount_minor for one in paid) == total
        assert {one.currency for one in paid} == ({"BRL"} if paid else set())
        assert paid or total == 0
