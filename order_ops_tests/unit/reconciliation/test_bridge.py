"""What stands in the bridge and beside it, what waits or is carried on, and the verdict."""

from datetime import timedelta

import pytest

from order_ops_tests.unit.reconciliation.entries import (
    TODAY,
    internal,
    only_break,
    ours,
    rules_with,
    run,
    theirs,
)


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


def test_a_tolerated_difference_is_a_line_of_its_own() -> None:
    rules = rules_with(amounts=[{"tolerance_minor": 5}])
    result = run([ours("p1", ref="pi")], [theirs("t1", 9995, "pi")], rules=rules)
    lines = {row["line"]: row["amount_minor"] for row in result.bridge.iter_rows(named=True)}
    assert (result.verdict, lines["tolerated"], lines["residual"]) == ("RECONCILED", -5, 0)
