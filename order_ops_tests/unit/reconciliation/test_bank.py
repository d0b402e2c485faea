"""The third leg: payouts and the lines of the bank, over days."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.reconciliation.bank import BankSide
from order_ops.reconciliation.result import Reconciliation
from order_ops_tests.unit.reconciliation.decisions import decided
from order_ops_tests.unit.reconciliation.entries import (
    TODAY,
    Row,
    only_break,
    provider,
    rules_with,
    run,
    theirs,
)

RULES = rules_with(bank_days={"window": 3, "grace": 2})
BANK = pl.Schema(
    {
        "entry_id": pl.String(),
        "amount_minor": pl.Int64(),
        "currency": pl.String(),
        "reference": pl.String(),
        "remittance": pl.String(),
        "known": pl.Boolean(),
        "day": pl.Date(),
    }
)


def payout(name: str, amount: int = 1000, **values: Any) -> Row:
    return theirs(f"txn_{name}", -amount, name, payout=name, kind="payout",
                  **{"day": TODAY} | values)  # fmt: skip


def credit(name: str, amount: int = 1000, text: str = "", **values: Any) -> Row:
    """A line of the bank, of the provider unless told otherwise."""
    return {
        "entry_id": name,
        "amount_minor": amount,
        "currency": "BRL",
        "reference": None,
        "remittance": text,
        "known": True,
        "day": TODAY,
    } | values


def bank(rows: Iterable[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=BANK)


def looked(
    payouts: Iterable[Row],
    lines: Iterable[Row],
    before: tuple[Iterable[Row], Iterable[Row]] = ((), ()),
    **options: Any,
) -> Reconciliation:
    side = BankSide(bank(lines), bank(before[1]), provider(before[0]))
    return run([], payouts, rules=RULES, bank=side, **options)


def open_ids(result: Reconciliation) -> list[str]:
    """What the next day takes in of this leg."""
    return [name for side, name in result.carry_out.iter_rows() if side in {"payout", "bank"}]


def bridge(result: Reconciliation) -> dict[str, int]:
    return {row["line"]: row["amount_minor"] for row in result.bank.iter_rows(named=True)}


LONG_AGO = TODAY - timedelta(days=7)


@pytest.mark.parametrize(
    "line",
    [
        credit("b1", text="STRIPE PO_1ABC23 SEPA"),
        credit("b1", reference="po-1abc23"),
        credit("b1", text="WIRE PO1AB C23", day=LONG_AGO - timedelta(days=30))
        | {"remittance": "ref po_1abc23"},
        credit("b1", text="po_1abc23", known=False),
        credit("b1", text="some words"),
    ],
    ids=["in the text", "as reference", "whatever the day", "of an unnamed party", "by amount"],
)
def test_a_payout_that_the_bank_shows_leaves_nothing_open(line: Row) -> None:
    result = looked([payout("po_1abc23")], [line])
    assert (result.verdict, open_ids(result)) == ("RECONCILED", [])
    assert bridge(result) == {
        "transit_before": 0,
        "sent_to_bank": 1000,
        "seen_in_bank": -1000,
        "transit_after": 0,
        "beside_payouts": 0,
        "bank_residual": 0,
    }


def test_a_reference_is_found_over_the_wraps_of_the_text() -> None:
    result = looked([payout("po_1abc23xyz9")], [credit("b1", text="STRIPE PO_1ABC 23XYZ9")])
    assert open_ids(result) == []
    assert result.breaks.height == 0


@pytest.mark.parametrize(
    ("age", "status"), [(0, "pending"), (1, "pending"), (2, "break"), (9, "break")]
)
def test_a_payout_must_be_in_the_bank_by_its_arrival_and_the_grace(age: int, status: str) -> None:
    """Two business days after a Wednesday is a Friday."""
    friday = date(2024, 1, 12)
    made = payout("po_1", day=friday - timedelta(days=age))
    result = looked([made], [], day=friday)
    found = only_break(result)
    assert (found["class"], found["status"]) == ("payout_not_in_bank", status)
    assert (found["leg"], found["key"], found["at_stake_minor"]) == ("payout_bank", "po_1", 1000)
    assert (found["difference_minor"], found["first_seen"]) == (-1000, made["day"])
    assert (
        "paid out BRL 10.00; what the bank booked for it is BRL 10.00 apart"
        in (found["explanation"])
    )
    assert open_ids(result) == ["txn_po_1"]


def test_a_payout_is_waited_for_from_the_day_that_it_should_arrive() -> None:
    made = payout("po_1", day=LONG_AGO, available=TODAY)
    found = only_break(looked([made], []))
    assert (found["status"], found["first_seen"], found["break_on"]) == (
        "pending", LONG_AGO, date(2024, 1, 12),
    )  # fmt: skip


def test_a_credit_of_the_provider_without_a_payout_is_a_break() -> None:
    found = only_break(looked([], [credit("b1", day=LONG_AGO)]))
    assert (found["class"], found["key"], found["at_stake_minor"]) == (
        "bank_unexplained", "b1", 1000,
    )  # fmt: skip
    assert "BRL 10.00 of the provider; no payout is known" in found["explanation"]


def test_lines_of_others_are_beside_it_and_are_not_carried() -> None:
    result = looked([], [credit("b1", known=False), credit("b2", -5, known=False)])
    assert (result.verdict, open_ids(result)) == ("RECONCILED", [])
    assert bridge(result)["beside_payouts"] == 995
    assert result.bank.filter(line="beside_payouts")["count"].item() == 2


def test_equal_payouts_and_one_credit_are_never_guessed() -> None:
    old = TODAY - timedelta(days=6)
    lines = [payout("po_1", day=old), payout("po_2", day=old)]
    result = looked(lines, [credit("b1", day=old)])
    told = {row["key"]: row for row in result.breaks.rows(named=True)}
    assert [(row["class"], row["status"]) for row in told.values()] == [("ambiguous", "break")] * 2
    assert (told["po_1"]["difference_minor"], told["po_2"]["difference_minor"]) == (0, -1000)
    for row in told.values():
        assert row["at_stake_minor"] == 1000
        assert "paid out BRL 10.00; several payouts or credits" in row["explanation"]
    assert sorted(result.break_members.select("side", "entry_id").rows()) == [
        ("bank", "b1"), ("payout", "txn_po_1"), ("payout", "txn_po_2"),
    ]  # fmt: skip
    before = looked(lines, []).breaks
    assert before.sort("key")["break_id"].to_list() == [told[key]["break_id"] for key in told]
    named = [credit("b1", text="po_1xxxxx", day=old), credit("b2", day=old)]
    made = [payout("po_1xxxxx", day=old), payout("po_2", day=old)]
    assert looked(made, named).breaks.height == 0


@pytest.mark.parametrize(
    ("known", "amount", "is_linked"), [(False, 900, False), (False, 1000, True), (True, 900, True)]
)
def test_a_figure_in_the_text_of_somebody_else_is_no_reference(
    amount: int, *, known: bool, is_linked: bool
) -> None:
    line = credit("b1", amount, "INVOICE 20240117", known=known)
    result = looked([payout("20240117")], [line])
    assert bridge(result)["beside_payouts"] == (0 if is_linked else amount)


def test_a_credit_too_late_or_of_another_currency_is_not_the_payout() -> None:
    late = looked([payout("po_1", day=LONG_AGO)], [credit("b1", day=TODAY)])
    other = looked([payout("po_1", day=LONG_AGO)], [credit("b1", day=LONG_AGO, currency="USD")])
    for result in (late, other):
        assert sorted(result.breaks["class"]) == ["bank_unexplained", "payout_not_in_bank"]
        assert not any(result.residual_minor.values())


def test_a_named_payout_of_another_amount_is_a_break_of_the_difference() -> None:
    made = payout("po_1abc23", day=LONG_AGO)
    result = looked([made], [credit("b1", 990, "po_1abc23", day=LONG_AGO)])
    found = only_break(result)
    assert (found["class"], found["difference_minor"], found["at_stake_minor"]) == (
        "payout_not_in_bank", -10, 10,
    )  # fmt: skip
    assert open_ids(result) == ["txn_po_1abc23", "b1"]
    rest = looked([], [credit("b2", 10, "po_1abc23")],
                  before=([made], [credit("b1", 990, "po_1abc23", day=LONG_AGO)]))  # fmt: skip
    assert (rest.verdict, open_ids(rest)) == ("RECONCILED", [])
    assert bridge(rest)["transit_before"] == 10


@pytest.mark.parametrize("booked", [[], [credit("b1", 990, "po_1abc23", day=LONG_AGO)]])
def test_what_is_let_be_is_under_way_no_more_once_it_is_closed(booked: list[Row]) -> None:
    made, under_way = [payout("po_1abc23", day=LONG_AGO)], 1000 - 990 * len(booked)
    decisions = decided(looked(made, booked))
    still = looked([], [], (made, booked), decisions=decisions)
    assert only_break(still)["status"] == "accepted"
    assert len(open_ids(still)) == 1 + len(booked)
    assert (bridge(still)["transit_after"], "closed_transit" in bridge(still)) == (under_way, False)
    last = TODAY + timedelta(days=RULES.of("stripe", TODAY).unpaid_days)
    after = looked([], [], (made, booked), day=last, decisions=decisions)
    assert open_ids(after) == []
    assert (bridge(after)["transit_after"], bridge(after)["closed_transit"]) == (0, under_way)
    assert (after.verdict, after.residual_minor) == ("RECONCILED", {"BRL": 0})


def test_what_the_provider_takes_from_the_bank_is_found_too() -> None:
    result = looked([payout("po_1", -700)], [credit("b1", -700)])
    assert (result.verdict, open_ids(result)) == ("RECONCILED", [])


def test_a_payout_that_came_back_before_it_left_is_not_waited_for() -> None:
    back = payout("po_1", -1000) | {"entry_id": "txn_back"}
    result = looked([payout("po_1"), back], [])
    assert (result.verdict, open_ids(result)) == ("RECONCILED", [])


def test_a_payout_of_today_is_found_tomorrow() -> None:
    first = looked([payout("po_1")], [], day=TODAY)
    assert (first.verdict, open_ids(first)) == ("RECONCILED_WITH_PENDING", ["txn_po_1"])
    second = looked([], [credit("b1", day=TODAY + timedelta(days=1))],
                    before=([payout("po_1")], []), day=TODAY + timedelta(days=1))  # fmt: skip
    assert (second.verdict, open_ids(second)) == ("RECONCILED", [])


def test_nothing_is_looked_for_where_the_bank_is_not_known() -> None:
    result = run([], [payout("po_1", day=LONG_AGO)], rules=RULES)
    assert (result.verdict, result.bank.height, open_ids(result)) == ("RECONCILED", 0, [])


ROWS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([-500, 1000, 1001]),
        st.sampled_from(["", "po_aaaaaa", "po_bbbbbb"]),
        st.booleans(),
        st.integers(0, 6),
    ),
    max_size=9,
)


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, order=st.randoms())
def test_nothing_is_lost_or_doubled_and_the_order_does_not_matter(
    rows: list[tuple[bool, int, str, bool, int]], order: Any
) -> None:
    payouts, lines = [], []
    for number, (of_provider, amount, name, known, age) in enumerate(rows):
        day = TODAY - timedelta(days=age)
        if of_provider:
            made = payout(name or f"po_{number}", amount, day=day)
            payouts.append(made | {"entry_id": f"x{number}"})
        else:
            lines.append(credit(f"x{number}", amount, name, known=known, day=day))
    result = looked(payouts, lines)
    left = set(open_ids(result))
    assert not any(result.residual_minor.values())
    assert len(left) == len(open_ids(result))
    sent = sum(-row["net_minor"] for row in payouts)
    under_way = sum(-row["net_minor"] for row in payouts if row["entry_id"] in left)
    under_way -= sum(row["amount_minor"] for row in lines if row["entry_id"] in left)
    booked = sum(row["amount_minor"] for row in lines)
    assert sent - booked + bridge(result).get("beside_payouts", 0) == under_way
    told = result.break_members["entry_id"].to_list()
    assert sorted(told) == sorted(left), "whatever is open is in one break"
    order.shuffle(payouts)
    order.shuffle(lines)
    again = looked(payouts, lines)
    assert again.breaks.rows() == result.breaks.rows()
    assert again.carry_out.rows() == result.carry_out.rows()


@pytest.mark.parametrize(
    "text",
    ["STRIPE PO_2DEF45", "STRIPE po_2def45 po_3ghi67"],
    ids=["whose file is missing", "several"],
)
def test_a_line_that_names_other_payouts_is_of_none_by_its_amount(text: str) -> None:
    result = looked([payout("po_1abc23")], [credit("b1", text=text)])
    assert sorted(open_ids(result)) == ["b1", "txn_po_1abc23"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("po_10000001", "STRIPE PO_100000019"), ("ShopEurope/1", "ADYEN ShopEurope 15")],
)
def test_a_reference_within_a_longer_one_is_another(name: str, text: str) -> None:
    result = looked([payout(name)], [credit("b1", 900, text=text)])
    assert sorted(open_ids(result)) == ["b1", f"txn_{name}"]


def test_in_a_bank_account_that_is_shared_an_amount_says_nothing() -> None:
    lines = [credit("b1"), credit("b2", 700, text="po_2def45")]
    side = BankSide(bank(lines), shared=True)
    result = run([], [payout("po_1abc23"), payout("po_2def45", 700)], rules=RULES, bank=side)
    assert sorted(open_ids(result)) == ["b1", "txn_po_1abc23"]
