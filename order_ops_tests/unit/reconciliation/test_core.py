"""One labelled case per class, and what must hold for any input."""

import random
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.frames import FrameError
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import load_rules
from order_ops_tests.unit.reconciliation.entries import (
    OLD,
    TODAY,
    Row,
    internal,
    only_break,
    ours,
    provider,
    run,
    theirs,
)

TABLES = ("matches", "match_members", "breaks", "break_members", "bridge", "outside", "carry_out")

# name: ours, theirs, then class, difference, at stake, words of the explanation
CASES: dict[str, tuple[list[Row], list[Row], str, int, int, str]] = {
    "unclassified": (
        [],
        [theirs("t1", -500, "x", kind="unclassified")],
        "unclassified", -500, 500, "-BRL 5.00 under a type that is not mapped",
    ),
    "duplicate_provider": (
        [ours("p1", ref="pi")],
        [theirs(name, ref="pi", minute=at) for name, at in (("t2", 5), ("t1", 0), ("t0", 9))],
        "duplicate_provider", 20000, 20000, "The provider lists BRL 200.00 once more",
    ),
    "duplicate_internal": (
        [ours("p1", ref="pi"), ours("p2", ref="pi")],
        [theirs("t1", ref="pi")],
        "duplicate_internal", -10000, 10000, "We recorded BRL 100.00 once more",
    ),
    "lines that sum to ours": (
        [ours("p1", 10000, "pi")],
        [theirs("t1", 4000, "pi"), theirs("t2", 6000, "pi")],
        "ambiguous", 0, 10000, "none is taken",
    ),
    "two candidates by our reference": (
        [ours("p1", order="o1"), ours("p2", order="o1")],
        [theirs("t1", order="o1")],
        "ambiguous", -10000, 20000, "ours sum to BRL 200.00, the provider's to BRL 100.00",
    ),
    "currency_mismatch": (
        [ours("p1", 10000, "pi")],
        [theirs("t1", 10000, "pi", currency="JPY")],
        "currency_mismatch", -10000, 10000, "We recorded BRL 100.00, the provider lists JPY 10,000",
    ),
    "captured_after_cancel": (
        [ours("p1", ref="pi", order_state="EXPIRED")],
        [theirs("t1", ref="pi")],
        "captured_after_cancel", 0, 10000, "captured BRL 100.00 for an order that is EXPIRED",
    ),
    "captured_after_cancel, not recorded": (
        [ours("p1", ref="pi", order_state="CANCELLED", status="failed")],
        [theirs("t1", ref="pi")],
        "captured_after_cancel", 10000, 10000, "an order that is CANCELLED",
    ),
    "paid_not_recorded": (
        [ours("p1", ref="pi", status="pending")],
        [theirs("t1", ref="pi")],
        "paid_not_recorded", 10000, 10000, "we have it as unpaid",
    ),
    "missing_provider": (
        [ours("p1", 123456789, "pi")], [],
        "missing_provider", -123456789, 123456789, "We recorded BRL 1,234,567.89; the provider",
    ),
    "missing_internal": (
        [], [theirs("t1", ref="pi")],
        "missing_internal", 10000, 10000, "The provider lists BRL 100.00; we recorded nothing",
    ),
    "amount_short": (
        [ours("p1", ref="pi")], [theirs("t1", 9999, "pi")],
        "amount_short", -1, 1, "lists BRL 99.99 where we recorded BRL 100.00: BRL 0.01 short",
    ),
    "amount_over": (
        [ours("p1", ref="pi")], [theirs("t1", 10001, "pi")],
        "amount_over", 1, 1, "BRL 0.01 over",
    ),
    "refund_missing_internal": (
        [], [theirs("t1", -700, "re", kind="refund")],
        "refund_missing_internal", -700, 700, "refunded BRL 7.00; we recorded no such",
    ),
    "refund_missing_provider": (
        [ours("p1", -700, "re", kind="refund")], [],
        "refund_missing_provider", 700, 700, "a refund of BRL 7.00; the provider lists none",
    ),
    "dispute_unrecorded": (
        [], [theirs("t1", -700, "dp", kind="dispute", day=TODAY)],
        "dispute_unrecorded", -700, 700, "A dispute moved -BRL 7.00",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_class_is_found(case: str) -> None:
    our_rows, their_rows, name, difference, stake, words = CASES[case]
    result = run(our_rows, their_rows)
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


@pytest.mark.parametrize("ref", [None, "", "pi_unknown"])
def test_a_lost_reference_matches_by_our_own(ref: str | None) -> None:
    result = run([ours("p1", ref="pi", order="o1")], [theirs("t1", ref=ref, order="o1")])
    assert result.matches["rule"].to_list() == ["own_reference"]
    assert result.verdict == "RECONCILED"


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


@pytest.mark.parametrize(
    ("age", "status", "verdict"),
    [(0, "pending", "RECONCILED_WITH_PENDING"), (1, "break", "BREAKS"), (2, "break", "BREAKS")],
)
def test_grace_is_counted_in_days(age: int, status: str, verdict: str) -> None:
    day = TODAY - timedelta(days=age)
    result = run([ours("p1", ref="pi", day=day)], [])
    found = only_break(result)
    assert (found["status"], found["first_seen"]) == (status, day)
    assert found["break_on"] == day + timedelta(days=1)
    assert result.verdict == verdict
    assert ("grace" in found["explanation"]) == (status == "pending")
    assert result.carry_out.rows() == [("internal", "p1")]


def test_pending_stands_in_the_bridge_by_side() -> None:
    result = run([ours("p1", 500, "a", day=TODAY)], [theirs("t1", 700, "b", day=TODAY)])
    lines = {row["line"]: row["amount_minor"] for row in result.bridge.iter_rows(named=True)}
    assert (lines["pending_internal"], lines["pending_provider"]) == (-500, 700)
    assert (lines["internal_total"], lines["provider_total"], lines["residual"]) == (500, 700, 0)


def test_what_was_carried_in_is_matched_and_stands_in_the_bridge() -> None:
    yesterday = run([ours("p1", ref="pi", day=TODAY)], [])
    assert yesterday.carry_out.rows() == [("internal", "p1")]
    result = run(
        [],
        [theirs("t1", ref="pi", day=TODAY + timedelta(days=1))],
        day=TODAY + timedelta(days=1),
        carried_internal=internal([ours("p1", ref="pi", day=TODAY)]),
    )
    assert result.verdict == "RECONCILED"
    lines = {row["line"]: row["amount_minor"] for row in result.bridge.iter_rows(named=True)}
    assert (lines["internal_total"], lines["opening_carry_forward"]) == (0, 10000)
    assert (lines["provider_total"], lines["residual"]) == (10000, 0)


def test_unpaid_payments_are_silent_and_kept_in_sight() -> None:
    result = run([ours("p1", ref="pi", status="pending")], [])
    assert (result.verdict, result.breaks.height) == ("RECONCILED", 0)
    assert result.carry_out.rows() == [("internal", "p1")]
    old = TODAY - timedelta(days=40)
    assert run([ours("p1", ref="pi", status="failed", day=old)], []).carry_out.height == 0


def test_payouts_and_fees_stand_beside_the_bridge() -> None:
    result = run([], [theirs("t1", -900, "po", kind="payout"), theirs("t2", 5, kind="other")])
    assert result.verdict == "RECONCILED"
    assert result.bridge.height == 0
    assert result.outside.select("kind", "count", "amount_minor").rows() == [
        ("other", 1, 5),
        ("payout", 1, -900),
    ]


def test_a_reason_withholds_the_verdict() -> None:
    result = run([ours("p1", ref="pi")], [], incomplete=("the file of 2024-01-09 is missing",))
    assert result.verdict == "INCOMPLETE"


def test_gross_drift_does_not_cancel_out() -> None:
    result = run(
        [ours("p1", ref="a"), ours("p2", ref="b")],
        [theirs("t1", 9000, "a"), theirs("t2", 11000, "b")],
    )
    assert (result.gross_drift_minor, result.net_drift_minor) == ({"BRL": 2000}, {"BRL": 0})


def test_the_id_of_a_break_outlives_its_class() -> None:
    before = only_break(run([ours("p1", ref="pi")], []))
    after = only_break(run([ours("p1", ref="pi")], [theirs("t1", 9000, "pi")]))
    assert before["class"] != after["class"]
    assert before["break_id"] == after["break_id"]


def test_a_tolerated_difference_is_a_line_of_its_own() -> None:
    rules = load_rules().model_copy(update={"amount_tolerance_minor": 5})
    result = run([ours("p1", ref="pi")], [theirs("t1", 9995, "pi")], rules=rules)
    lines = {row["line"]: row["amount_minor"] for row in result.bridge.iter_rows(named=True)}
    assert (result.verdict, lines["tolerated"], lines["residual"]) == ("RECONCILED", -5, 0)


def test_a_frame_that_breaks_the_contract_is_refused() -> None:
    good = internal([ours("p1", ref="pi")])
    bad = {
        "amount_minor .* is missing": good.drop("amount_minor"),
        "amount_minor is Float64": good.with_columns(pl.col("amount_minor").cast(pl.Float64)),
        "'p1' is given more than once": pl.concat([good, good]),
        "currency has empty cells": good.with_columns(currency=pl.lit(None, pl.String)),
    }
    for words, frame in bad.items():
        with pytest.raises(FrameError, match=words):
            _reconciled(frame, provider([]))


REFS = st.sampled_from([None, "a", "b", "c"])
VALUES: dict[str, Any] = {
    "amount": st.sampled_from([0, 1, 500, 1000]),
    "ref": REFS,
    "order": st.sampled_from([None, "o1", "o2"]),
    "currency": st.sampled_from(["BRL", "USD"]),
    "day": st.sampled_from([OLD, TODAY]),
    "minute": st.integers(0, 2),
}
OUR_VALUES = st.fixed_dictionaries(
    VALUES
    | {
        "kind": st.sampled_from(["charge", "refund"]),
        "status": st.sampled_from(["succeeded", "succeeded", "pending", "failed"]),
        "order_state": st.sampled_from([None, "CONFIRMED", "EXPIRED"]),
    }
)
THEIR_VALUES = st.fixed_dictionaries(
    VALUES | {"kind": st.sampled_from(["charge", "refund", "dispute", "unclassified", "payout"])}
)
SIDES = st.tuples(st.lists(OUR_VALUES, max_size=8), st.lists(THEIR_VALUES, max_size=8))


def _rows(sides: tuple[list[Row], list[Row]]) -> tuple[list[Row], list[Row]]:
    return (
        [ours(f"p{at}", **values) for at, values in enumerate(sides[0])],
        [theirs(f"t{at}", **values) for at, values in enumerate(sides[1])],
    )


def _reconciled(our_frame: Any, their_frame: Any) -> Reconciliation:
    return reconcile(
        our_frame, their_frame, day=TODAY, account="acct", tenant="shop", rules=load_rules()
    )


@settings(deadline=None, max_examples=25)
@given(sides=SIDES, carried=SIDES, seed=st.integers(0, 99))
def test_totals_are_kept_and_nothing_is_matched_twice(
    sides: tuple[list[Row], list[Row]], carried: tuple[list[Row], list[Row]], seed: int
) -> None:
    our_rows, their_rows = _rows(sides)
    before = [
        [row | {"entry_id": f"c{row['entry_id']}"} for row in side] for side in _rows(carried)
    ]
    result = run(
        our_rows,
        their_rows,
        carried_internal=internal(before[0]),
        carried_provider=provider(before[1]),
    )
    assert not any(result.residual_minor.values())
    members = result.match_members
    assert not members.select("side", "entry_id").is_duplicated().any()
    assert not result.break_members.select("side", "entry_id").is_duplicated().any()
    assert not result.breaks["break_id"].is_duplicated().any()
    assert not result.breaks.select("key", "currency").is_duplicated().any()
    assert (result.breaks["at_stake_minor"] >= 0).all()
    shuffle = random.Random(seed).sample
    again = run(
        shuffle(our_rows, len(our_rows)),
        shuffle(their_rows, len(their_rows)),
        carried_internal=internal(shuffle(before[0], len(before[0]))),
        carried_provider=provider(shuffle(before[1], len(before[1]))),
    )
    for table in TABLES:
        assert getattr(result, table).equals(getattr(again, table)), table


@settings(deadline=None, max_examples=25)
@given(sides=SIDES)
def test_every_entry_of_effect_is_accounted_for(sides: tuple[list[Row], list[Row]]) -> None:
    our_rows, their_rows = _rows(sides)
    result = run(our_rows, their_rows)
    told = pl.concat(
        [
            result.match_members.select("side", "entry_id"),
            result.break_members.select("side", "entry_id"),
        ]
    ).unique()
    paid = {("internal", row["entry_id"]) for row in our_rows if row["status"] == "succeeded"}
    listed = {("provider", row["entry_id"]) for row in their_rows if row["kind"] != "payout"}
    assert paid | listed <= set(told.rows())
