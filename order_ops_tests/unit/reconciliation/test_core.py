"""One labelled case per class, which entries are matched, and which frames are refused."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.day import Day, Entries
from order_ops.reconciliation.frames import FrameError
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import Rules, load_rules
from order_ops_tests.unit.reconciliation.cases import CASES, CONTRACT
from order_ops_tests.unit.reconciliation.entries import (
    OLD,
    TODAY,
    Row,
    internal,
    only_break,
    ours,
    provider,
    rules_with,
    run,
    theirs,
)


@pytest.mark.parametrize("case", CASES)
def test_each_class_is_found(case: str) -> None:
    our_rows, their_rows, name, difference, stake, words = CASES[case]
    result = run(our_rows, their_rows, rules=CONTRACT)
    found = only_break(result)
    assert (found["class"], found["status"]) == (name, "break")
    assert (found["difference_minor"], found["at_stake_minor"]) == (difference, stake)
    assert words in found["explanation"]
    assert result.verdict == "BREAKS"
    assert not any(result.residual_minor.values())


def test_equal_entries_match_by_the_provider_reference() -> None:
    result = run([ours("p1", ref="pi")], [theirs("t1", ref="pi", day=TODAY)])
    assert result.verdict == "RECONCILED"
    row = result.matches.row(0, named=True)
    assert (row["match_id"], row["rule"], row["day"]) == ("p1~t1", "exact_reference", TODAY)
    assert result.match_members.rows() == [("p1~t1", "internal", "p1"), ("p1~t1", "provider", "t1")]
    assert result.carry_out.height == 0


@pytest.mark.parametrize(
    ("ref", "there"), [("pi", None), ("pi", ""), (None, "pi_unknown"), (None, None)]
)
def test_a_lost_reference_matches_by_our_own(ref: str | None, there: str | None) -> None:
    result = run([ours("p1", ref=ref, order="o1")], [theirs("t1", ref=there, order="o1")])
    assert result.matches["rule"].to_list() == ["own_reference"]
    assert result.verdict == "RECONCILED"


@pytest.mark.parametrize("amount", [10000, 9000])
def test_two_references_of_the_provider_are_two_payments_of_an_order(amount: int) -> None:
    """The line may be of another attempt, whose own entry is lost: that is never guessed."""
    result = run([ours("p1", ref="pi", order="o1")], [theirs("t1", amount, "pi_2", order="o1")])
    assert sorted(result.breaks["class"]) == ["missing_internal", "missing_provider"]
    proposed = result.proposals.rows(named=True)
    assert [row["rule"] for row in proposed] == ["other_reference"] * (amount == 10000)
    for row in proposed:
        assert "reference is pi with us and pi_2 with them" in row["explanation"]


def test_parts_of_an_order_under_references_of_their_own_are_no_parts_of_our_payment() -> None:
    lines = [theirs("t1", 4000, "pi_1", order="o1"), theirs("t2", 6000, "pi_2", order="o1")]
    result = run([ours("p1", ref="pi", order="o1")], lines)
    assert (result.matched, result.breaks.height) == (0, 3)
    assert run([ours("p1", order="o1")], lines).matches["rule"].to_list() == ["grouped"]


def test_a_known_reference_is_never_overruled_by_our_own() -> None:
    """Two payments of one order: the line of the one must not pay for the other."""
    result = run(
        [ours("p1", ref="pi_1", order="o1"), ours("p2", ref="pi_2", order="o1")],
        [theirs("t1", ref="pi_1", order="o1"), theirs("t2", -10000, "pi_2", kind="refund")],
    )
    assert result.matches["match_id"].to_list() == ["p1~t1"]


def test_entries_without_any_reference_are_not_linked() -> None:
    result = run([ours("p1")], [theirs("t1")])
    assert result.matched == 0
    assert sorted(result.breaks["class"]) == ["missing_internal", "missing_provider"]


GROUPS = {
    "a capture in two": (
        [ours("p1", 10000, "pi")],
        [theirs("t1", 4000, "pi"), theirs("t2", 6000, "pi", minute=1)],
    ),
    "a capture of which a part was taken back": (
        [ours("p1", 6000, "pi")],
        [theirs("t1", 10000, "pi"), theirs("t2", -4000, "pi", kind="reversal", minute=1)],
    ),
    "two payments in one line": (
        [ours("p1", 4000, "pi"), ours("p2", 6000, "pi", minute=1)],
        [theirs("t1", 10000, "pi")],
    ),
    "a refund in two, known by our reference": (
        [ours("r1", -500, order="o1", kind="refund")],
        [theirs("t1", -200, order="o1", kind="refund"),
         theirs("t2", -300, order="o1", kind="refund", minute=1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GROUPS)
def test_entries_that_are_one_payment_in_parts_are_one_match(case: str) -> None:
    our_rows, their_rows = GROUPS[case]
    result = run(our_rows, their_rows)
    assert result.verdict == "RECONCILED"
    assert result.matches["rule"].to_list() == ["grouped"]
    ids = {(row["side"], row["entry_id"]) for row in result.match_members.iter_rows(named=True)}
    assert ids == {("internal", row["entry_id"]) for row in our_rows} | {
        ("provider", row["entry_id"]) for row in their_rows
    }
    assert result.carry_out.height == 0


def test_parts_are_no_match_where_the_rules_do_not_say_so() -> None:
    our_rows, their_rows = GROUPS["a capture in two"]
    result = run(our_rows, their_rows, rules=rules_with(passes=["exact_reference"]))
    assert result.matched == 0
    assert only_break(result)["class"] == "ambiguous"


def test_a_dispute_and_its_reversal_are_told_apart_by_their_amounts() -> None:
    result = run(
        [ours(f"p{amount}", amount, "dp", kind="dispute") for amount in (-700, 700)],
        [theirs(f"t{amount}", amount, "dp", kind="dispute") for amount in (700, -700)],
    )
    assert result.matches["match_id"].to_list() == ["p-700~t-700", "p700~t700"]
    assert result.verdict == "RECONCILED"


def test_what_the_provider_exchanged_into_our_currency_is_a_match() -> None:
    exchanged = theirs("t1", 1850, "pi", currency="USD", settled=10000, balance="BRL")
    result = run([ours("p1", ref="pi")], [exchanged])
    assert result.verdict == "RECONCILED"
    lines = {
        (row["currency"], row["line"]): row["amount_minor"]
        for row in result.bridge.rows(named=True)
    }
    assert (lines["BRL", "exchanged"], lines["USD", "exchanged"]) == (-10000, 1850)
    assert lines["BRL", "residual"] == lines["USD", "residual"] == 0


def test_a_line_that_is_not_final_is_waited_for() -> None:
    waiting = theirs("t1", ref="pi", status="pending", day=TODAY)
    result = run([ours("p1", ref="pi", day=TODAY)], [waiting])
    found = only_break(result)
    assert (found["class"], found["status"]) == ("recorded_not_paid", "pending")
    assert result.carry_out.rows() == [("internal", "p1"), ("provider", "t1")]


def test_what_is_unpaid_on_both_sides_is_kept_in_sight_and_is_no_match() -> None:
    result = run([ours("p1", ref="pi", status="failed")], [theirs("t1", ref="pi", status="voided")])
    assert (result.verdict, result.matched) == ("RECONCILED", 0)
    assert result.carry_out.rows() == [("internal", "p1"), ("provider", "t1")]


def test_every_break_is_carried_until_it_is_none() -> None:
    """What was short on its own day is whole with a line of a later one."""
    short = run([ours("p1", 6000, "pi")], [theirs("t1", 10000, "pi")])
    assert only_break(short)["class"] == "amount_over"
    assert short.carry_out.rows() == [("internal", "p1"), ("provider", "t1")]
    back = theirs("t2", -4000, "pi", kind="reversal", day=TODAY)
    whole = run(
        [],
        [back],
        carried_internal=internal([ours("p1", 6000, "pi")]),
        carried_provider=provider([theirs("t1", 10000, "pi")]),
    )
    assert (whole.verdict, whole.matched) == ("RECONCILED", 1)
    assert whole.matches["day"].to_list() == [TODAY]


@pytest.mark.parametrize(
    ("side", "name"), [("internal", "duplicate_internal"), ("provider", "duplicate_provider")]
)
def test_what_an_earlier_day_has_matched_already_is_a_duplicate_at_once(
    side: str, name: str
) -> None:
    sides = [ours("p2", ref="pi", day=TODAY)], [theirs("t2", ref="pi", day=TODAY)]
    rows = (sides[0], []) if side == "internal" else ([], sides[1])
    entry = next(row["entry_id"] for part in rows for row in part)
    result = run(*rows, repeats=lambda of, ids: set(ids) & {entry} if of == side else ())
    found = only_break(result)
    assert (found["class"], found["status"]) == (name, "break")


NEAR = {"amount_minor": 5, "days": 2, "accept": True}


def near_rules(**near: Any) -> Rules:
    passes = ["exact_reference", "tolerance"]
    amounts = [{"tolerance_minor": 5}]
    return rules_with(passes=passes, amounts=amounts, tolerance={**NEAR, **near})


@pytest.mark.parametrize(("amount", "day", "is_linked"), [
    (10005, OLD, True), (9995, OLD, True), (10006, OLD, False),
    (10000, OLD + timedelta(days=2), True), (10000, OLD + timedelta(days=3), False),
])  # fmt: skip
def test_entries_without_a_common_reference_are_linked_when_they_are_near(
    amount: int, day: date, *, is_linked: bool
) -> None:
    result = run([ours("p1")], [theirs("t1", amount, day=day)], rules=near_rules())
    assert result.matches["rule"].to_list() == ["tolerance"] * is_linked


@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize(
    ("one", "other"), [({"order": "o1"}, {"order": "o2"}), ({"ref": "pi_1"}, {"ref": "pi_2"})]
)
def test_entries_whose_references_contradict_are_never_near(
    one: Row, other: Row, *, accept: bool
) -> None:
    result = run([ours("p1", **one)], [theirs("t1", **other)], rules=near_rules(accept=accept))
    assert (result.matched, result.proposals.height) == (0, 0)
    assert run([ours("p1", **one)], [theirs("t1")], rules=near_rules()).matched == 1


@pytest.mark.parametrize(("days", "is_linked"), [(1, False), (2, True)])
def test_nobody_is_linked_while_a_better_candidate_may_come(days: int, *, is_linked: bool) -> None:
    closing = OLD + timedelta(days=days)
    result = run([ours("p1")], [theirs("t1", 10003)], rules=near_rules(), day=closing)
    assert bool(result.matched) == is_linked


def test_who_has_two_candidates_is_linked_to_none() -> None:
    result = run([ours("p1"), ours("p2", 10009)], [theirs("t1", 10004)], rules=near_rules())
    assert result.matched == 0
    assert sorted(result.breaks["class"]) == [
        "missing_internal",
        "missing_provider",
        "missing_provider",
    ]


@pytest.mark.parametrize("beside", [0, 4])
def test_who_is_near_a_crowd_is_linked_to_none(beside: int) -> None:
    """A crowd is not looked at: whoever is near it has candidates that nobody counted."""
    crowd = [ours(f"c{n}", 10001 + beside) for n in range(60)]
    result = run([ours("p1"), *crowd], [theirs("t1", 10000)], rules=near_rules())
    assert result.matched == 0


def test_what_is_near_is_only_proposed_unless_the_rules_accept_it() -> None:
    result = run([ours("p1")], [theirs("t1")], rules=near_rules(accept=False))
    assert result.matched == 0
    proposal = result.proposals.row(0, named=True)
    assert (proposal["rule"], proposal["internal_minor"]) == ("tolerance", 10000)
    assert result.proposal_members["entry_id"].to_list() == ["p1", "t1"]


def test_a_failed_attempt_beside_the_paid_one_is_no_candidate() -> None:
    result = run(
        [ours("p1", ref="pi", status="failed"), ours("p2", ref="pi")], [theirs("t1", ref="pi")]
    )
    assert result.matches["match_id"].to_list() == ["p2~t1"]
    assert result.verdict == "RECONCILED"


def test_the_earliest_twin_is_the_match() -> None:
    our_rows, their_rows, *_ = CASES["duplicate_provider"]
    result = run(our_rows, their_rows)
    assert result.matches["match_id"].to_list() == ["p1~t1"]
    assert result.matched == 1
    assert result.break_members["entry_id"].to_list() == ["t0", "t2"]


def test_the_first_class_wins_under_one_key() -> None:
    result = run(
        [ours("p1", ref="pi", status="pending", order_state="EXPIRED")],
        [theirs("t1", 9000, "pi"), theirs("t2", -9000, "pi", kind="refund")],
    )
    found = only_break(result)
    assert (found["class"], found["entries"]) == ("captured_after_cancel", 3)
    assert found["difference_minor"] == 0


def test_the_id_of_a_break_outlives_its_class() -> None:
    before = only_break(run([ours("p1", ref="pi")], []))
    after = only_break(run([ours("p1", ref="pi")], [theirs("t1", 9000, "pi")]))
    assert before["class"] != after["class"]
    assert before["break_id"] == after["break_id"]


def _reconciled(our_frame: Any, their_frame: Any) -> Reconciliation:
    day = Day(TODAY, account="acct", tenant="shop", rules=load_rules())
    return reconcile(day, Entries(our_frame, their_frame))


def test_a_frame_that_breaks_the_contract_is_refused() -> None:
    good = internal([ours("p1", ref="pi")])
    bad = {
        "amount_minor .* is missing": good.drop("amount_minor"),
        "amount_minor is Float64": good.with_columns(pl.col("amount_minor").cast(pl.Float64)),
        "'p1' is given more than once": pl.concat([good, good]),
        "currency has empty cells": good.with_columns(currency=pl.lit(None, pl.String)),
        "kind holds 'gift', not one of charge": good.with_columns(kind=pl.lit("gift")),
        "status holds 'paid', not one of succ": good.with_columns(status=pl.lit("paid")),
    }
    for words, frame in bad.items():
        with pytest.raises(FrameError, match=words):
            _reconciled(frame, provider([]))
