"""The second leg: lines and the payouts that they are in, over days."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.reconciliation.result import Reconciliation
from order_ops_tests.unit.reconciliation.decisions import decided
from order_ops_tests.unit.reconciliation.entries import (
    OLD,
    TODAY,
    Row,
    ours,
    provider,
    rules_with,
    run,
    theirs,
)

LEG = rules_with(settlement_days=5)


def line(name: str, amount: int = 1000, payout: str | None = None, **values: Any) -> Row:
    """A line of the provider that is of no order, so that the first leg has nothing to say."""
    return theirs(name, amount, name, payout=payout, kind="other", **values)


def payout(name: str, amount: int, **values: Any) -> Row:
    return theirs(f"txn_{name}", -amount, name, payout=name, kind="payout", **values)


def settled(*rows: Row, before: tuple[Row, ...] = (), **options: Any) -> Reconciliation:
    return run([], rows, rules=LEG, carried_settlement=provider(before), **options)


def open_ids(result: Reconciliation) -> list[str]:
    """What the next day takes in of this leg."""
    return [name for side, name in result.carry_out.iter_rows() if side == "settlement"]


def lines(result: Reconciliation) -> dict[str, int]:
    return {row["line"]: row["amount_minor"] for row in result.payouts.iter_rows(named=True)}


def test_a_payout_whose_lines_add_up_leaves_nothing_open() -> None:
    result = settled(line("t1", 1000, "po", fee=30), line("t2", -70, "po"), payout("po", 900))
    assert (result.verdict, open_ids(result)) == ("RECONCILED", [])
    assert lines(result) == {
        "provider_net": 900,
        "opening_balance": 0,
        "paid_out": -900,
        "closing_balance": 0,
        "payout_residual": 0,
    }


def test_a_payout_that_its_lines_do_not_add_up_to_is_a_break() -> None:
    result = settled(line("t1", 1000, "po"), payout("po", 990))
    (found,) = result.breaks.iter_rows(named=True)
    assert (found["class"], found["leg"], found["key"]) == (
        "payout_sum_mismatch", "provider_payout", "po",
    )  # fmt: skip
    assert (found["difference_minor"], found["at_stake_minor"], found["entries"]) == (10, 10, 2)
    assert "BRL 0.10 apart" in found["explanation"]
    assert result.break_members["entry_id"].to_list() == ["txn_po"]
    assert open_ids(result) == ["t1", "txn_po"]
    assert lines(result)["payout_residual"] == 0


def test_lines_and_their_payout_find_each_other_on_later_days() -> None:
    first = settled(line("t1", 1000, day=TODAY - timedelta(days=1)), day=TODAY)
    assert (first.verdict, open_ids(first)) == ("RECONCILED", ["t1"])
    named = line("t1", 1000, "po", day=TODAY - timedelta(days=1))
    second = settled(line("t2", 500, "po", day=TODAY), before=(named,), day=TODAY)
    assert (second.verdict, open_ids(second)) == ("RECONCILED_WITH_PENDING", ["t1", "t2"])
    both = (named, line("t2", 500, "po", day=TODAY))
    third = settled(payout("po", 1500, day=TODAY), before=both, day=TODAY)
    assert (third.verdict, open_ids(third)) == ("RECONCILED", [])
    assert (lines(third)["opening_balance"], lines(third)["paid_out"]) == (1500, -1500)


@pytest.mark.parametrize(("age", "found"), [(7, ["settlement_overdue"]), (6, [])])
def test_a_charge_that_is_in_no_payout_is_overdue_after_the_rules_days(
    age: int, found: list[str]
) -> None:
    """Five business days after a Wednesday is the Wednesday after it."""
    charge = theirs("t1", 1000, "pi", day=TODAY - timedelta(days=age), fee=10)
    result = settled(charge)
    of_leg = result.breaks.filter(leg="provider_payout")
    assert of_leg["class"].to_list() == found
    assert of_leg["at_stake_minor"].to_list() == [990] * len(found)


def test_a_payment_may_be_broken_in_both_legs() -> None:
    charge = theirs("t1", 1000, "pi", day=OLD - timedelta(days=9))
    result = settled(charge)
    assert result.breaks.select("leg", "class", "key").rows() == [
        ("order_provider", "missing_internal", "pi"),
        ("provider_payout", "settlement_overdue", "pi"),
    ]
    assert result.breaks["break_id"].n_unique() == 2


def test_nothing_is_looked_at_where_files_do_not_say_what_is_in_a_payout() -> None:
    rules = rules_with(settlement_days=None)
    result = run([], [line("t1", 1000), payout("po", 990)], rules=rules)
    assert (result.verdict, result.payouts.height, open_ids(result)) == ("RECONCILED", 0, [])


def test_what_moved_no_money_is_in_no_payout() -> None:
    result = settled(line("t1", 1000, "po", status="pending"), line("t2", 0, "po"))
    assert open_ids(result) == []


ROWS = st.lists(
    st.tuples(
        st.sampled_from([-500, 1, 1000]),
        st.sampled_from([None, "a", "b"]),
        st.booleans(),
        st.sampled_from(["BRL", "USD"]),
        st.integers(0, 1),
    ),
    max_size=10,
)


@settings(deadline=None, max_examples=40)
@given(rows=ROWS)
def test_what_came_in_is_paid_out_or_open_whatever_the_days(
    rows: list[tuple[int, str | None, bool, str, int]],
) -> None:
    made = [
        payout(f"{name}", amount, currency=code, day=TODAY) | {"entry_id": f"x{number}"}
        if is_payout and name
        else line(f"x{number}", amount, name, currency=code, day=TODAY)
        for number, (amount, name, is_payout, code, _) in enumerate(rows)
    ]
    days = [[row for row, told in zip(made, rows, strict=True) if told[4] == n] for n in (0, 1)]
    at_once = settled(*made)
    first = settled(*days[0])
    carried = [row for row in days[0] if row["entry_id"] in open_ids(first)]
    second = settled(*days[1], before=tuple(carried))
    late = {row["entry_id"] for row in days[0]} - {row["entry_id"] for row in carried}
    assert not any((*first.residual_minor.values(), *second.residual_minor.values()))
    for code in ("BRL", "USD"):
        moved = sum(row["net_minor"] for row in made if row["currency"] == code)
        open_now = {row["entry_id"]: row["net_minor"] for row in made if row["currency"] == code}
        assert moved == sum(open_now.get(name, 0) for name in open_ids(second))
        assert moved == sum(open_now.get(name, 0) for name in open_ids(at_once))
    assert late.isdisjoint(open_ids(second))


@pytest.mark.parametrize("kind", ["dispute", "refund", "other", "reversal", "fee"])
def test_whatever_moved_money_is_overdue_in_no_payout(kind: str) -> None:
    line = theirs("t1", 900, "x1", kind=kind, day=TODAY - timedelta(days=200))
    result = run([], [line], rules=LEG)
    found = result.breaks.filter(leg="provider_payout")
    assert found["class"].to_list() == ["settlement_overdue"]


def test_a_younger_line_of_the_same_reference_stays_when_the_break_is_closed() -> None:
    rules, late = rules_with(settlement_days=5, unpaid_days=3), TODAY + timedelta(days=3)
    past = TODAY - timedelta(days=20)
    old = theirs("t1", 1_000, "pi_1", day=past)
    first = run([ours("p1", 1_000, "pi_1", day=past)], [old], rules=rules)
    after = run(
        [ours("p2", 2_500, "pi_1", day=late)],
        [theirs("t2", 2_500, "pi_1", day=late)],
        rules=rules,
        day=late,
        carried_settlement=provider([old]),
        decisions=decided(first),
    )
    assert after.carry_out.rows() == [("settlement", "t2")]
    balance = dict(after.payouts.select("line", "amount_minor").iter_rows())
    assert (balance["closed_balance"], balance["closing_balance"]) == (1_000, 2_500)
