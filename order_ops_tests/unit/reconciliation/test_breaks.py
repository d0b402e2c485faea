"""Several findings under one key, keys that stay, and lines that have not succeeded."""

from datetime import timedelta

import pytest

from order_ops_tests.unit.reconciliation.cases import LONG_AGO
from order_ops_tests.unit.reconciliation.entries import (
    TODAY,
    only_break,
    ours,
    rules_with,
    run,
    theirs,
)


def test_a_sentence_is_about_the_entries_of_its_class() -> None:
    """A twin beside a pair that is short: both are wrong, and the sentence is about the twin."""
    lines = [theirs("t1", 8000, "pi"), theirs("t2", 8000, "pi", minute=5)]
    short = run([ours("p1", ref="pi")], lines[:1])
    assert "BRL 20.00 short" in only_break(short)["explanation"]
    found = only_break(
        run(
            [ours("p1", 10000, "pi", order_state="CANCELLED")],
            [theirs("t1", ref="pi"), theirs("t2", ref="pi", minute=5)],
        )
    )
    assert found["class"] == "duplicate_provider"
    assert found["explanation"].startswith("The provider lists BRL 100.00 once more")
    assert found["explanation"].endswith("Beside it stand 2 more entries.")
    assert (found["entries"], found["at_stake_minor"]) == (3, 10000)


def test_what_waits_beside_a_break_still_waits() -> None:
    result = run(
        [ours("p1", 3000, order="o1"), ours("p2", 700, order="o1", day=TODAY)],
        [],
        rules=rules_with(grace=[{"internal": 1, "provider": 1}]),
    )
    found = only_break(result)
    assert (found["class"], found["status"], found["entries"]) == ("missing_provider", "break", 2)
    assert (found["difference_minor"], found["at_stake_minor"]) == (-3000, 3000)
    assert found["explanation"].startswith("We recorded BRL 30.00;")
    lines = {row["line"]: row["amount_minor"] for row in result.bridge.rows(named=True)}
    assert (lines["missing_provider"], lines["pending_internal"], lines["residual"]) == (
        -3000,
        -700,
        0,
    )
    assert result.gross_drift_minor == {"BRL": 3000}
    assert result.carry_out["entry_id"].to_list() == ["p1", "p2"]


@pytest.mark.parametrize("there", ["pi", None])
def test_a_break_keeps_its_id_when_a_line_is_linked_to_it(there: str | None) -> None:
    alone = only_break(run([ours("p1", order="o1")], []))
    linked = only_break(run([ours("p1", order="o1")], [theirs("t1", 9000, there, order="o1")]))
    assert (alone["class"], linked["class"]) == ("missing_provider", "amount_short")
    assert alone["break_id"] == linked["break_id"]


def test_a_line_that_stays_pending_and_is_not_ours_is_told() -> None:
    line = theirs("t1", ref="pi", status="pending", day=LONG_AGO)
    found = only_break(run([], [line]))
    assert (found["class"], found["at_stake_minor"]) == ("status_stuck", 10000)
    recent = theirs("t1", ref="pi", status="pending", day=TODAY - timedelta(days=1))
    assert run([], [recent]).breaks.height == 0


@pytest.mark.parametrize("status", ["succeeded", "pending", "failed", "voided"])
def test_a_line_of_an_unknown_type_is_told_whatever_its_status(status: str) -> None:
    line = theirs("t1", -500, "x", kind="unclassified", status=status, day=LONG_AGO)
    assert only_break(run([], [line]))["class"] == "unclassified"


def test_each_part_of_a_capture_rounds_its_own_fee() -> None:
    """1.5 % of 33 is 0.495, rounded up in each part or not at all in the sum."""
    rules = rules_with(fees=[{"percent": "1.5", "tolerance_minor": 0}])
    lines = [theirs(f"t{n}", 33, "pi", minute=n, fee=0) for n in range(3)]
    parts = run([ours("p1", 99, "pi")], lines, rules=rules)
    assert parts.verdict == "RECONCILED"
    off = [*lines[:2], theirs("t2", 33, "pi", minute=2, fee=4)]
    assert only_break(run([ours("p1", 99, "pi")], off, rules=rules))["class"] == "fee_variance"
