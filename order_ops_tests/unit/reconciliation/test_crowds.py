"""Several entries under one reference: attempts, twins, parts, and what amounts tell apart."""

import pytest

from order_ops_tests.unit.reconciliation.entries import only_break, ours, rules_with, run, theirs


def test_one_of_several_failed_attempts_is_the_paid_one() -> None:
    attempts = [ours("p1", ref="pi", status="failed"), ours("p2", ref="pi", status="pending")]
    found = only_break(run(attempts, [theirs("t1", ref="pi")]))
    assert (found["class"], found["at_stake_minor"]) == ("paid_not_recorded", 10000)


def test_attempts_that_failed_there_are_no_duplicates() -> None:
    failed = [theirs("t1", ref="pi", status="failed"), theirs("t2", ref="pi", status="failed")]
    found = only_break(run([ours("p1", ref="pi")], failed))
    assert (found["class"], found["difference_minor"]) == ("recorded_not_paid", -10000)


def test_attempts_that_failed_on_both_sides_are_nothing() -> None:
    ours_failed = [ours("p1", ref="pi", status="failed"), ours("p2", ref="pi", status="failed")]
    theirs_failed = [theirs(f"t{n}", ref="pi", status="failed") for n in range(3)]
    result = run(ours_failed, theirs_failed)
    assert (result.verdict, result.matched, result.breaks.height) == ("RECONCILED", 0, 0)


def test_attempts_are_told_apart_by_their_amounts() -> None:
    attempts = [ours("p1", 9000, "pi", status="failed"), ours("p2", ref="pi", status="failed")]
    result = run(attempts, [theirs("t1", ref="pi")])
    assert only_break(result)["class"] == "paid_not_recorded"
    assert result.break_members["entry_id"].to_list() == ["p2", "t1"]


def test_a_booked_dispute_is_matched_and_its_end_is_told() -> None:
    result = run(
        [ours("p1", -10000, "dp", kind="dispute")],
        [
            theirs("t1", -10000, "dp", kind="dispute"),
            theirs("t2", 10000, "dp", kind="dispute", minute=1),
        ],
    )
    assert result.matches["match_id"].to_list() == ["p1~t1"]
    assert only_break(result)["class"] == "dispute_unrecorded"
    assert result.break_members["entry_id"].to_list() == ["t2"]


@pytest.mark.parametrize(
    ("status", "found"), [("failed", []), ("succeeded", ["recorded_not_paid"])]
)
def test_a_refund_that_came_back_is_none(status: str, found: list[str]) -> None:
    result = run(
        [ours("p1", -5000, "re", kind="refund", status=status)],
        [theirs("t1", -5000, "re", kind="refund"), theirs("t2", 5000, "re", kind="refund")],
    )
    assert result.breaks["class"].to_list() == found


def test_a_twin_beside_another_amount_is_still_a_twin() -> None:
    lines = [theirs("t1", ref="pi"), theirs("t2", ref="pi", minute=1), theirs("t3", 3000, "pi")]
    result = run([ours("p1", ref="pi")], lines)
    assert result.matches["match_id"].to_list() == ["p1~t1"]
    found = only_break(result)
    assert (found["class"], found["difference_minor"]) == ("duplicate_provider", 13000)


def test_what_remains_on_both_sides_stays_ambiguous() -> None:
    result = run(
        [ours("p1", ref="pi"), ours("p2", 4000, "pi")],
        [theirs("t1", ref="pi"), theirs("t2", 5000, "pi")],
    )
    assert result.matches["match_id"].to_list() == ["p1~t1"]
    assert only_break(result)["class"] == "ambiguous"
    assert sorted(result.break_members["entry_id"]) == ["p2", "t2"]


def test_equal_figures_in_two_currencies_tell_nothing_apart() -> None:
    result = run(
        [ours("p1", ref="pi")],
        [theirs("t1", ref="pi", currency="USD"), theirs("t2", 3000, "pi", currency="USD")],
    )
    assert result.matched == 0
    assert set(result.breaks["class"]) == {"ambiguous"}


def test_another_currency_is_told_by_our_own_reference_too() -> None:
    result = run([ours("p1", order="o1")], [theirs("t1", 2000, order="o1", currency="USD")])
    assert only_break(result)["class"] == "currency_mismatch"


def test_what_was_exchanged_into_ours_is_found_by_our_own_reference() -> None:
    paid = theirs("t1", 2000, order="o1", currency="USD", balance="BRL", settled=10000)
    result = run([ours("p1", order="o1")], [paid])
    assert result.matches["rule"].to_list() == ["own_reference"]
    assert result.verdict == "RECONCILED"


@pytest.mark.parametrize("states", [("CONFIRMED", "CANCELLED"), ("CANCELLED", "CONFIRMED")])
def test_payments_in_one_line_are_stopped_when_one_is(states: tuple[str, str]) -> None:
    parts = [
        ours("p1", 4000, "pi", order_state=states[0]),
        ours("p2", 6000, "pi", order_state=states[1]),
    ]
    found = only_break(run(parts, [theirs("t1", ref="pi")]))
    assert (found["class"], found["at_stake_minor"]) == ("captured_after_cancel", 10000)


def test_what_may_be_moved_is_what_all_parts_may() -> None:
    line = [theirs("t1", ref="pi")]
    held = [ours("p1", 4000, "pi", ceiling=4000), ours("p2", 6000, "pi", ceiling=50000)]
    found = only_break(run(held, line))
    assert (found["class"], found["at_stake_minor"]) == ("partial_capture", 44000)
    refunds = [
        ours("p1", -4000, "re", kind="refund", ceiling=4000),
        ours("p2", -6000, "re", kind="refund", ceiling=6000),
    ]
    result = run(refunds, [theirs("t1", -10000, "re", kind="refund")])
    assert result.verdict == "RECONCILED"


def test_the_fixed_fee_is_taken_once_or_with_each_capture() -> None:
    rules = rules_with(fees=[{"percent": "2.9", "fixed_minor": 39, "tolerance_minor": 0}])
    parts = [theirs("t1", 6000, "pi", fee=174 + 39), theirs("t2", 4000, "pi", fee=116 + 39)]
    assert run([ours("p1", ref="pi")], parts, rules=rules).verdict == "RECONCILED"
    once = [theirs("t1", 6000, "pi", fee=174 + 39), theirs("t2", 4000, "pi", fee=116)]
    assert run([ours("p1", ref="pi")], once, rules=rules).verdict == "RECONCILED"
    never = [theirs("t1", 6000, "pi", fee=174), theirs("t2", 4000, "pi", fee=116)]
    assert only_break(run([ours("p1", ref="pi")], never, rules=rules))["class"] == "fee_variance"
