"""Decisions of people as input of a run: what they change, what they must not, and for how long."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.reconciliation.decided import Decisions, Forced
from order_ops.reconciliation.frames import FrameError
from order_ops.reconciliation.payouts import SIDE
from order_ops.reconciliation.result import Reconciliation
from order_ops_tests.unit.reconciliation.cases import TABLES
from order_ops_tests.unit.reconciliation.decisions import decided
from order_ops_tests.unit.reconciliation.entries import (
    OLD,
    TODAY,
    internal,
    only_break,
    ours,
    provider,
    rules_with,
    run,
    theirs,
)
from order_ops_tests.unit.reconciliation.test_conservation import SIDES, _rows

SHORT = ([ours("p1", 1_000, "r1")], [theirs("t1", 990, "r1")])
NOTHING = Decisions(decided(run(*SHORT)).breaks.head(0))


def _line(result: Reconciliation, line: str) -> int | None:
    found = result.bridge.filter(pl.col("line") == line)["amount_minor"].to_list()
    return found[0] if found else None


def _carried(rows: Any, day: Any, decisions: Any, **options: Any) -> Reconciliation:
    return run(
        [],
        [],
        day=day,
        carried_internal=internal(rows[0]),
        carried_provider=provider(rows[1]),
        decisions=decisions,
        **options,
    )


@pytest.mark.parametrize("status", ["accepted", "written_off"])
def test_a_decision_upon_the_same_facts_lets_the_break_be(status: str) -> None:
    before = run(*SHORT)
    assert before.verdict == "BREAKS"
    result = run(*SHORT, decisions=decided(before, status))
    found = only_break(result)
    assert (result.verdict, found["status"], found["class"]) == (
        "RECONCILED",
        status,
        "amount_short",
    )
    assert found["explanation"].endswith(f"by alice from {TODAY} on: a gift.")
    assert (_line(result, "accepted"), _line(result, "amount_short")) == (-10, None)
    assert result.residual_minor == {"BRL": 0}
    assert result.gross_drift_minor == {}
    assert result.carry_out.height == 2, "a late line may still change it"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            {"difference_minor": -20},
            "the difference was -BRL 0.20 then and is -BRL 0.10",
        ),
        ({"at_stake_minor": 7}, "the stake was BRL 0.07 then and is BRL 0.10"),
        ({"class": "missing_provider"}, "it was missing_provider then"),
        ({"entries": 1}, "it had 1 entries then and has 2"),
        ({"members_hash": "x"}, "other entries are in it, or they say something else"),
    ],
)
def test_other_facts_open_it_again_and_say_which(other: dict[str, Any], told: str) -> None:
    result = run(*SHORT, decisions=decided(run(*SHORT), **other))
    found = only_break(result)
    assert (result.verdict, found["status"]) == ("BREAKS", "break")
    assert found["explanation"].endswith(
        f"Accepted by alice from {TODAY} on, and open again: {told}."
    )
    assert _line(result, "amount_short") == -10


@pytest.mark.parametrize(
    "now", [{"status": "failed"}, {"amount": 1}, {"currency": "EUR"}, {"settled": 7}]
)
def test_a_member_that_says_something_else_opens_it_again(now: dict[str, Any]) -> None:
    was = {"amount": 2_000, "currency": "USD", "status": "pending", "settled": 9_000}
    sides = [
        ([ours("p1", 10_000, "r1")], [theirs("t1", ref="r1", **values)])
        for values in (was, was | now)
    ]
    before = run(*sides[0])
    assert run(*sides[0], decisions=decided(before)).verdict == "RECONCILED"
    result = run(*sides[1], decisions=decided(before))
    assert (result.verdict, only_break(result)["status"]) == ("BREAKS", "break")
    assert "open again: " in only_break(result)["explanation"]


def test_without_decisions_nothing_changes() -> None:
    plain = run(*SHORT)
    for table in (*TABLES, "carry_out"):
        assert getattr(run(*SHORT, decisions=NOTHING), table).equals(getattr(plain, table)), table


def test_a_decision_of_a_later_day_is_refused() -> None:
    later = decided(run(*SHORT), on=TODAY + timedelta(days=1))
    with pytest.raises(FrameError, match="holds from a day after"):
        run(*SHORT, decisions=later)


def test_two_decisions_about_a_break_are_refused() -> None:
    one = decided(run(*SHORT)).breaks
    with pytest.raises(FrameError, match="more than one"):
        run(*SHORT, decisions=Decisions(pl.concat([one, one])))


def test_what_is_let_be_is_carried_for_a_while_and_then_closed() -> None:
    rules = rules_with(unpaid_days=3)
    decisions = decided(run(*SHORT, rules=rules))
    for days, carried, accepted, closed in ((2, 2, -10, None), (3, 0, None, -10)):
        result = _carried(SHORT, TODAY + timedelta(days=days), decisions, rules=rules)
        assert result.carry_out.height == carried
        assert (_line(result, "accepted"), _line(result, "closed")) == (accepted, closed)
        assert result.verdict == "RECONCILED"
        assert result.residual_minor == {"BRL": 0}


def test_a_late_line_settles_what_was_accepted() -> None:
    lone = ([ours("p1", 1_000, "r1")], [])
    decisions = decided(run(*lone))
    result = run(
        [], [theirs("t1", 1_000, "r1")], carried_internal=internal(lone[0]), decisions=decisions
    )
    assert (result.matched, result.breaks.height, result.verdict) == (1, 0, "RECONCILED")


def test_a_late_line_of_another_amount_opens_it_again() -> None:
    lone = ([ours("p1", 1_000, "r1")], [])
    decisions = decided(run(*lone))
    result = run(
        [], [theirs("t1", 900, "r1")], carried_internal=internal(lone[0]), decisions=decisions
    )
    found = only_break(result)
    assert (found["class"], found["status"]) == ("amount_short", "break")
    assert "open again: it was missing_provider then" in found["explanation"]


def test_a_payout_that_is_let_be_leaves_the_balance_when_it_is_closed() -> None:
    rules = rules_with(settlement_days=2, unpaid_days=3)
    lines = [
        theirs("t1", 1_000, "r1", payout="po_1"),
        theirs("po", -900, kind="payout", payout="po_1"),
    ]
    before = run([ours("p1", 1_000, "r1")], lines, rules=rules)
    found = only_break(before)
    assert (found["class"], found["status"]) == ("payout_sum_mismatch", "break")
    decisions, last = decided(before), TODAY + timedelta(days=3)
    after = run(
        [], [], day=last, carried_settlement=provider(lines), decisions=decisions, rules=rules
    )
    balance = dict(after.payouts.select("line", "amount_minor").iter_rows())
    assert (balance["opening_balance"], balance["closing_balance"]) == (100, 0)
    assert (balance["closed_balance"], balance["payout_residual"]) == (100, 0)
    assert after.carry_out.filter(pl.col("side") == SIDE).is_empty()
    still = run([], [], carried_settlement=provider(lines), decisions=decisions, rules=rules)
    assert (still.verdict, still.carry_out.height) == ("RECONCILED", 2)


FORCED = Forced("q1", "alice", "one customer", TODAY, ("p1", "p2"), ("t1",))
SET = (
    [ours("p1", 600, "a", order="o1"), ours("p2", 400, "b", order="o2")],
    [theirs("t1", 1_000, "z")],
)


def test_an_accepted_proposal_is_a_match_that_names_who_accepted_it() -> None:
    assert run(*SET).matched == 0
    result = run(*SET, decisions=Decisions(NOTHING.breaks, [FORCED]))
    (match,) = result.matches.iter_rows(named=True)
    assert (match["rule"], match["internal_minor"], match["provider_minor"]) == (
        "accepted_proposal",
        1_000,
        1_000,
    )
    assert match["explanation"] == (
        f"Accepted by alice from {TODAY} on, as proposed: one customer."
    )
    members = set(result.match_members.select("side", "entry_id").iter_rows())
    assert members == {("internal", "p1"), ("internal", "p2"), ("provider", "t1")}
    assert (result.verdict, result.carry_out.height) == ("RECONCILED", 0)


def test_an_accepted_proposal_that_lacks_an_entry_forces_nothing() -> None:
    result = run(SET[0][:1], SET[1], decisions=Decisions(NOTHING.breaks, [FORCED]))
    assert (result.matched, result.breaks.height) == (0, 2)
    told = (
        f"Was in a match that alice accepted from {TODAY} on, which links nothing any more: "
        "an entry of it has another match, or was taken back."
    )
    assert all(text.endswith(told) for text in result.breaks["explanation"])
    before = run(SET[0][:1], SET[1])
    assert before.breaks.drop("explanation").equals(result.breaks.drop("explanation"))


def test_an_accepted_proposal_that_was_a_match_on_an_earlier_day_is_nobodys_concern() -> None:
    later = [ours("p9", 500, "c")], [theirs("t9", 700, "c")]
    found = only_break(run(*later, decisions=Decisions(NOTHING.breaks, [FORCED])))
    assert "alice" not in found["explanation"]


def test_entries_of_two_accepted_proposals_are_not_guessed() -> None:
    other = Forced("q2", "bob", "no, this", TODAY, ("p2",), ("t1",))
    result = run(*SET, decisions=Decisions(NOTHING.breaks, [FORCED, other]))
    assert (result.matched, result.breaks.height) == (0, 3)


def test_an_accepted_proposal_whose_amounts_differ_is_linked_and_judged() -> None:
    pair = Forced("q3", "alice", "same customer", OLD, ("p1",), ("t1",))
    rows = ([ours("p1", 1_000, "a")], [theirs("t1", 900, "z")])
    found = only_break(run(*rows, decisions=Decisions(NOTHING.breaks, [pair])))
    assert (found["class"], found["rule"], found["at_stake_minor"]) == (
        "amount_short",
        "accepted_proposal",
        100,
    )


@settings(deadline=None, max_examples=40)
@given(
    sides=SIDES,
    chosen=st.lists(st.integers(0, 9), max_size=9),
    forced=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    days=st.integers(0, 4),
    other=st.sampled_from([{}, {"entries": 99}]),
)
def test_with_any_decisions_the_bridge_closes(
    sides: Any, chosen: list[int], forced: tuple[int, int], days: int, other: dict[str, int]
) -> None:
    """And what is not closed is carried on; over two days too."""
    rows, rules = _rows(sides), rules_with(unpaid_days=2)
    before = run(*rows, rules=rules)
    every = decided(before, "accepted", TODAY, **other).breaks
    some = every[[place for place in sorted(set(chosen)) if place < every.height]]
    pair = Forced("q", "bob", "x", TODAY, (f"p{forced[0]}",), (f"t{forced[1]}",))
    held = Decisions(some, [pair])
    result = run(*rows, rules=rules, decisions=held)
    assert not any(result.residual_minor.values())
    assert set(result.break_members["entry_id"]) <= set(result.carry_out["entry_id"])
    assert not set(result.match_members["entry_id"]) & set(result.break_members["entry_id"])
    waiting = set(result.carry_out["entry_id"])
    left = [[row for row in side if row["entry_id"] in waiting] for side in rows]
    later = _carried(left, TODAY + timedelta(days=days), held, rules=rules)
    assert not any(later.residual_minor.values())
    closed = later.breaks.filter(~pl.col("status").is_in(["break", "pending"]))
    members = later.break_members.filter(pl.col("break_id").is_in(closed["break_id"].to_list()))
    gone = set(members["entry_id"]) - set(later.carry_out["entry_id"])
    assert gone == (set(members["entry_id"]) if days >= 2 else set())
