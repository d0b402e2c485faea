"""What was taken back or given back: of ended orders, of earlier days, and of refunds."""

from collections.abc import Sequence

import pytest

from order_ops_tests.unit.reconciliation.entries import Row, only_break, ours, run, theirs

PAID = {"ref": "pi", "order": "o1"}


def ended(**told: str) -> Row:
    return ours("p1", **PAID, order_state="CANCELLED", **told)


def refunds(*amounts: int, ceiling: int | None = None) -> tuple[list[Row], list[Row]]:
    """Refunds of the order that both sides know; the last one has the ceiling."""
    shared = [
        (f"{at}", -amount, f"re_{at}", {"kind": "refund"}) for at, amount in enumerate(amounts)
    ]
    last = shared[-1][0]
    return (
        [
            ours(f"r{at}", amount, ref, order="o1", ceiling=ceiling if at == last else None, **kind)
            for at, amount, ref, kind in shared
        ],
        [theirs(f"x{at}", amount, ref, **kind) for at, amount, ref, kind in shared],
    )


@pytest.mark.parametrize(
    ("amounts", "ceiling"), [([10000], None), ([4000, 6000], None), ([4000], 4000)]
)
def test_what_was_paid_after_its_order_had_ended_and_given_back_is_settled(
    amounts: Sequence[int], ceiling: int | None
) -> None:
    ours_back, theirs_back = refunds(*amounts, ceiling=ceiling)
    result = run([ended(), *ours_back], [theirs("t1", **PAID), *theirs_back])
    assert result.verdict == "RECONCILED"
    assert "p1~t1" in result.matches["match_id"].to_list()


@pytest.mark.parametrize(("amounts", "ceiling"), [([4000], None), ([4000], 10000)])
def test_given_back_in_part_is_not_settled(amounts: Sequence[int], ceiling: int | None) -> None:
    ours_back, theirs_back = refunds(*amounts, ceiling=ceiling)
    result = run([ended(), *ours_back], [theirs("t1", **PAID), *theirs_back])
    assert only_break(result)["class"] == "captured_after_cancel"


def test_a_refund_that_the_provider_does_not_list_settles_nothing() -> None:
    ours_back, _ = refunds(10000)
    result = run([ended(), *ours_back], [theirs("t1", **PAID)])
    assert set(result.breaks["class"]) == {"captured_after_cancel", "refund_missing_provider"}


def test_one_refund_is_not_of_two_payments() -> None:
    ours_back, theirs_back = refunds(10000, ceiling=10000)
    second = ours("p2", ref="pi_2", order="o1", order_state="CANCELLED")
    lines = [theirs("t1", **PAID), theirs("t2", ref="pi_2", order="o1"), *theirs_back]
    result = run([ended(), second, *ours_back], lines)
    assert result.breaks["class"].to_list() == ["captured_after_cancel"] * 2


def test_given_back_and_never_booked_as_paid_is_told_so() -> None:
    ours_back, theirs_back = refunds(10000)
    result = run([ended(status="failed"), *ours_back], [theirs("t1", **PAID), *theirs_back])
    assert only_break(result)["class"] == "paid_not_recorded"


@pytest.mark.parametrize(
    ("amount", "kind", "again", "found", "words"),
    [
        (-10000, "reversal", True, "recorded_not_paid", "took BRL 100.00 back; we still have"),
        (-4000, "reversal", False, "amount_short", "took BRL 40.00 of a payment back"),
        (5000, "refund", True, "refund_missing_provider", "A refund of BRL 50.00 came back"),
        (5000, "refund", False, "refund_missing_internal", "A refund of BRL 50.00 came back"),
    ],
)
def test_what_takes_back_what_an_earlier_day_has_matched(
    amount: int, kind: str, found: str, words: str, *, again: bool
) -> None:
    line = theirs("t2", amount, "pi", kind=kind)
    result = run([], [line], repeats=lambda _, ids: ids if again else ())
    told = only_break(result)
    assert (told["class"], told["kind"], told["at_stake_minor"]) == (found, "reversal", abs(amount))
    assert words in told["explanation"]


@pytest.mark.parametrize(
    ("kind", "there", "found", "words"),
    [
        ("refund", -8000, "amount_short", "lists -BRL 80.00 where we recorded -BRL 100.00: BRL 20"),
        ("refund", -12000, "amount_over", "BRL 20.00 over"),
        ("dispute", -8000, "amount_short", "BRL 20.00 short"),
        ("charge", 8000, "amount_short", "BRL 20.00 short"),
    ],
)
def test_less_is_short_whatever_its_sign(kind: str, there: int, found: str, words: str) -> None:
    here = 10000 if there > 0 else -10000
    result = run([ours("p1", here, "re", kind=kind)], [theirs("t1", there, "re", kind=kind)])
    told = only_break(result)
    assert (told["class"], told["at_stake_minor"]) == (found, 2000)
    assert words in told["explanation"]
