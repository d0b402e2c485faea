"""The judge of the demo: strict on what was found, strict on what was not."""

from dataclasses import replace

import pytest

from order_ops.devstack.shop.model import Label, ShopDay
from order_ops.devstack.shop.truth import FoundBreak, Pair, Truth, score


def perfect(day: ShopDay) -> tuple[list[Pair], list[FoundBreak], list[bytes]]:
    """What a system without fault would hand in."""
    once: dict[str, str] = {}
    for entry, line in sorted(day.links):
        once.setdefault(entry, line)
    breaks = [
        FoundBreak(label.expected_class, frozenset({label.order_id}), label.amount_minor)
        for label in day.labels
        if label.expected_class
    ]
    return list(once.items()), breaks, [label.body for label in day.labels if label.body]


def label_of(day: ShopDay, fault: str) -> Label:
    return next(label for label in day.labels if label.fault == fault)


def judge(day: ShopDay, **changed: object) -> Truth:
    matches, breaks, parked = perfect(day)
    given = {"matches": matches, "breaks": breaks, "parked": parked} | changed
    return score(day, **given)  # type: ignore[arg-type]


def test_a_perfect_answer(shop_day: ShopDay) -> None:
    assert judge(shop_day) == Truth(1.0, 1.0, (), ())


def test_pairs_that_have_a_break_may_be_matched_or_not(shop_day: ShopDay) -> None:
    broken = {lb.entry_id for lb in shop_day.labels if lb.expected_class and not lb.expected_match}
    pairs = [pair for pair in perfect(shop_day)[0] if pair[0] not in broken]
    assert len(pairs) == shop_day.expected.matched
    assert judge(shop_day, matches=pairs) == Truth(1.0, 1.0, (), ())


def test_nothing_found(shop_day: ShopDay) -> None:
    truth = score(shop_day, [], [], [])
    assert truth.precision == 1.0
    assert truth.recall == 0.0
    assert len(truth.missed) > 5_000


def test_the_poison_is_not_judged_when_it_is_not_handed_in(shop_day: ShopDay) -> None:
    assert judge(shop_day, parked=None) == Truth(1.0, 1.0, (), ())
    assert "poison not parked" in judge(shop_day, parked=[]).missed[0]


def test_an_unlabelled_break_is_wrong(shop_day: ShopDay) -> None:
    breaks = perfect(shop_day)[1]
    truth = judge(shop_day, breaks=[*breaks, FoundBreak("missing_provider", frozenset({"pi_x"}))])
    assert truth.precision < 1.0
    assert truth.recall == 1.0
    assert truth.wrong == ("break, but nothing was put in: missing_provider of pi_x",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"break_class": "ambiguous"}, "the fault is"),
        ({"amount_minor": 1}, "are at stake"),
    ],
)
def test_a_break_of_another_class_or_amount_is_wrong_and_missed(
    shop_day: ShopDay, change: dict[str, object], words: str
) -> None:
    first, *others = perfect(shop_day)[1]
    truth = judge(shop_day, breaks=[replace(first, **change), *others])  # type: ignore[arg-type]
    assert len(truth.wrong) == len(truth.missed) == 1
    assert words in truth.wrong[0]


def test_a_break_found_twice_is_wrong(shop_day: ShopDay) -> None:
    breaks = perfect(shop_day)[1]
    truth = judge(shop_day, breaks=[*breaks, breaks[0]])
    assert "found twice" in truth.wrong[0]


def test_a_break_may_name_the_payment_alone(shop_day: ShopDay) -> None:
    breaks = [
        FoundBreak(label.expected_class, frozenset({label.payment_ref}))
        for label in shop_day.labels
        if label.expected_class
    ]
    assert judge(shop_day, breaks=breaks) == Truth(1.0, 1.0, (), ())


def test_a_false_pair_is_wrong_and_leaves_its_payments_missed(shop_day: ShopDay) -> None:
    (one, first), (two, second), *others = perfect(shop_day)[0]
    truth = judge(shop_day, matches=[(one, second), (two, first), *others])
    assert len(truth.wrong) == 2
    assert truth.precision < 1.0
    assert truth.recall < 1.0


def test_both_lines_of_a_duplicate_for_one_payment_is_matched_twice(shop_day: ShopDay) -> None:
    label = label_of(shop_day, "duplicate_provider")
    pairs = [(str(label.entry_id), line) for line in label.lines]
    others = [pair for pair in perfect(shop_day)[0] if pair[0] != label.entry_id]
    truth = judge(shop_day, matches=[*others, *pairs])
    assert len(truth.wrong) == 1
    assert "matched twice" in truth.wrong[0]


def test_a_harmless_fault_must_still_match(shop_day: ShopDay) -> None:
    label = label_of(shop_day, "lost_reference")
    pairs = [pair for pair in perfect(shop_day)[0] if pair[0] != label.entry_id]
    truth = judge(shop_day, matches=pairs)
    assert truth.missed == (f"not matched: lost_reference of order {label.order_id} "
                            f"at {label.account}",)  # fmt: skip
