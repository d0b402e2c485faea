"""One labelled case per class, which entries are matched, and which frames are refused."""

from typing import Any

import polars as pl
import pytest

from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.frames import FrameError
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import load_rules
from order_ops_tests.unit.reconciliation.cases import CASES
from order_ops_tests.unit.reconciliation.entries import (
    TODAY,
    internal,
    only_break,
    ours,
    provider,
    run,
    theirs,
)


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


def test_the_id_of_a_break_outlives_its_class() -> None:
    before = only_break(run([ours("p1", ref="pi")], []))
    after = only_break(run([ours("p1", ref="pi")], [theirs("t1", 9000, "pi")]))
    assert before["class"] != after["class"]
    assert before["break_id"] == after["break_id"]


def _reconciled(our_frame: Any, their_frame: Any) -> Reconciliation:
    return reconcile(
        our_frame, their_frame, day=TODAY, account="acct", tenant="shop", rules=load_rules()
    )


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
