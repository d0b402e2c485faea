"""What must hold for any input, most of it worked out again in plain Python from the rows alone."""

import random
from collections import defaultdict
from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.reconciliation.result import Reconciliation
from order_ops_tests.unit.reconciliation.cases import TABLES
from order_ops_tests.unit.reconciliation.entries import (
    OLD,
    TODAY,
    Row,
    internal,
    ours,
    provider,
    rules_with,
    run,
    theirs,
)

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
        "kind": st.sampled_from(["charge", "refund", "dispute"]),
        "status": st.sampled_from(["succeeded", "succeeded", "pending", "failed"]),
        "order_state": st.sampled_from([None, "CONFIRMED", "EXPIRED"]),
        "ceiling": st.sampled_from([None, 500, 2000]),
    }
)
THEIR_VALUES = st.fixed_dictionaries(
    VALUES
    | {
        "kind": st.sampled_from(
            ["charge", "charge", "reversal", "refund", "dispute", "unclassified", "payout"]
        ),
        "status": st.sampled_from(["succeeded", "succeeded", "succeeded", "pending", "failed"]),
    }
)
SIDES = st.tuples(st.lists(OUR_VALUES, max_size=8), st.lists(THEIR_VALUES, max_size=8))
ORDER_MONEY = {"charge", "reversal", "refund", "dispute", "unclassified"}


def _rows(sides: tuple[list[Row], list[Row]]) -> tuple[list[Row], list[Row]]:
    return (
        [ours(f"p{at}", **values) for at, values in enumerate(sides[0])],
        [_line(f"t{at}", values) for at, values in enumerate(sides[1])],
    )


def _line(name: str, values: Row) -> Row:
    taken = -values["amount"] if values["kind"] == "reversal" else values["amount"]
    return theirs(name, **values | {"amount": taken})


def _exchanged(rows: list[Row]) -> list[Row]:
    """The lines of dollars, settled in reais."""
    return [
        row
        | (
            {"settlement_currency": "BRL", "settled_minor": row["amount_minor"] * 5}
            if row["currency"] == "USD"
            else {}
        )
        for row in rows
    ]


def _effect(rows: list[Row]) -> int:
    return sum(row["amount_minor"] for row in rows if row["status"] == "succeeded")


def _moved(rows: list[Row]) -> list[Row]:
    paid = [row for row in rows if row["status"] == "succeeded"]
    return [row for row in paid if row["kind"] in ORDER_MONEY]


def _lines(result: Reconciliation) -> dict[str, dict[str, int]]:
    lines: dict[str, dict[str, int]] = defaultdict(dict)
    for row in result.bridge.iter_rows(named=True):
        lines[row["currency"]][row["line"]] = row["amount_minor"]
    return lines


def _sum(rows: list[Row], code: str) -> int:
    return sum(row["amount_minor"] for row in rows if row["currency"] == code)


@settings(deadline=None, max_examples=50)
@given(sides=SIDES)
def test_the_bridge_is_the_sum_of_the_rows(sides: tuple[list[Row], list[Row]]) -> None:
    our_rows, their_rows = _rows(sides)
    result = run(our_rows, their_rows)
    paid, listed = _moved(our_rows), _moved(their_rows)
    effect = {row["entry_id"]: -row["amount_minor"] for row in paid}
    effect |= {row["entry_id"]: row["amount_minor"] for row in listed}
    currency = {row["entry_id"]: row["currency"] for row in (*our_rows, *their_rows)}
    members = result.break_members["entry_id"].to_list()
    lines = _lines(result)
    assert {row["currency"] for row in (*paid, *listed)} <= set(lines)
    for code, amounts in lines.items():
        assert amounts["internal_total"] == _sum(paid, code)
        assert amounts["provider_total"] == _sum(listed, code)
        assert amounts["residual"] == 0
        # From nothing but which entry stands under some break.
        told = sum(effect.get(name, 0) for name in members if currency[name] == code)
        assert told == _sum(listed, code) - _sum(paid, code)


@settings(deadline=None, max_examples=50)
@given(sides=SIDES)
def test_no_match_is_guessed(sides: tuple[list[Row], list[Row]]) -> None:
    """Every match has a reason that its rows state, and both its sides come to the same."""
    our_rows, their_rows = _rows(sides)
    result = run(our_rows, their_rows)
    by_id = {row["entry_id"]: row for row in (*our_rows, *their_rows)}
    known = {row["provider_ref"] for row in our_rows} - {None}
    members: dict[str, list[Row]] = defaultdict(list)
    for match, _, entry in result.match_members.iter_rows():
        members[match].append(by_id[entry])
    assert len(members) == result.matched
    for match in result.matches.iter_rows(named=True):
        mine = [row for row in members[match["match_id"]] if row["entry_id"].startswith("p")]
        lines = [row for row in members[match["match_id"]] if row["entry_id"].startswith("t")]
        refs = {row["provider_ref"] for row in (*mine, *lines)}
        orders = {row["order_ref"] for row in (*mine, *lines)}
        by_theirs, by_ours = refs != {None} and len(refs) == 1, len(orders) == 1
        assert mine
        assert lines
        assert len({(row["currency"]) for row in (*mine, *lines)}) == 1
        assert len({row["kind"].replace("reversal", "charge") for row in (*mine, *lines)}) == 1
        assert by_theirs or (by_ours and not {row["provider_ref"] for row in lines} & known)
        assert _effect(mine) == _effect(lines)
        assert (len(mine), len(lines)) == (1, 1) or match["rule"] == "grouped"
        assert min(len(mine), len(lines)) == 1


@settings(deadline=None, max_examples=50)
@given(sides=SIDES)
def test_what_is_matched_is_no_break(sides: tuple[list[Row], list[Row]]) -> None:
    result = run(*_rows(sides))
    broken = set(result.break_members["entry_id"])
    assert not broken & set(result.match_members["entry_id"])
    assert (result.verdict == "RECONCILED") == (not broken)
    assert broken <= set(result.carry_out["entry_id"])


@settings(deadline=None, max_examples=50)
@given(sides=SIDES)
def test_a_tolerance_never_takes_an_exact_match_away(sides: tuple[list[Row], list[Row]]) -> None:
    rows = _rows(sides)
    near = {"amount_minor": 3, "days": 9, "accept": True}
    wide = rules_with(amounts=[{"tolerance_minor": 3}], tolerance=near)
    later = TODAY + timedelta(days=20)
    exact = set(run(*rows, day=later).matches["match_id"])
    assert exact <= set(run(*rows, day=later, rules=wide).matches["match_id"])


PAYMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "amount": st.integers(1, 500),
            "theirs": st.integers(-2, 2),
            "ours_day": st.sampled_from([0, 1, None]),
            "theirs_day": st.sampled_from([0, 1, None]),
            "blank": st.booleans(),
        }
    ),
    max_size=10,
)


def _payment(number: int, values: Row) -> tuple[Row, Row]:
    """Both sides of a payment with references of its own."""
    days = [TODAY + timedelta(days=values[name] or 0) for name in ("ours_day", "theirs_day")]
    blank, order = values["blank"], f"o{number}"
    # A line without the provider's reference is found by ours, and then the amount is part of it.
    gross = values["amount"] + (0 if blank else values["theirs"])
    ref = f"r{number}"
    return (
        ours(f"p{number}", values["amount"], ref, order=order, day=days[0]),
        theirs(f"t{number}", gross, None if blank else ref, order=order, day=days[1]),
    )


@settings(deadline=None, max_examples=20)
@given(payments=PAYMENTS)
def test_two_days_with_carry_over_match_what_one_run_matches(payments: list[Row]) -> None:
    """Whichever side comes first, by a day: the counterpart is found as if both had been there."""
    pairs = [_payment(number, values) for number, values in enumerate(payments)]
    our_rows = [
        pair[0] for pair, row in zip(pairs, payments, strict=True) if row["ours_day"] in {0, 1}
    ]
    their_rows = [
        pair[1] for pair, row in zip(pairs, payments, strict=True) if row["theirs_day"] in {0, 1}
    ]
    at_once = run(our_rows, their_rows, day=TODAY + timedelta(days=1))

    def of(rows: list[Row], day: int) -> list[Row]:
        return [row for row in rows if row["day"] == TODAY + timedelta(days=day)]

    first = run(of(our_rows, 0), of(their_rows, 0), day=TODAY)
    waiting = set(first.carry_out["entry_id"])
    second = run(
        of(our_rows, 1),
        of(their_rows, 1),
        day=TODAY + timedelta(days=1),
        carried_internal=internal(row for row in our_rows if row["entry_id"] in waiting),
        carried_provider=provider(row for row in their_rows if row["entry_id"] in waiting),
    )
    apart = [*first.matches.iter_rows(), *second.matches.iter_rows()]
    assert sorted(apart) == sorted(at_once.matches.iter_rows())
    assert not any((*first.residual_minor.values(), *second.residual_minor.values()))
    assert second.breaks.equals(at_once.breaks)


def test_carried_entries_keep_the_day_they_were_first_seen() -> None:
    again = run([], [], carried_internal=internal([ours("p1", ref="pi", day=OLD)]))
    assert again.breaks["first_seen"].to_list() == [OLD]


@settings(deadline=None, max_examples=25)
@given(sides=SIDES, carried=SIDES, seed=st.integers(0, 99))
def test_totals_are_kept_and_nothing_is_matched_twice(
    sides: tuple[list[Row], list[Row]], carried: tuple[list[Row], list[Row]], seed: int
) -> None:
    our_rows, their_rows = _rows(sides)
    before = [
        [row | {"entry_id": f"c{row['entry_id']}"} for row in side] for side in _rows(carried)
    ]
    if seed % 2:
        their_rows, before[1] = _exchanged(their_rows), _exchanged(before[1])
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
    paid = {("internal", row["entry_id"]) for row in _moved(our_rows)}
    listed = {("provider", row["entry_id"]) for row in _moved(their_rows)}
    assert paid | listed <= set(told.rows())
