"""The same entries give the same result whatever engine holds the frames."""

from typing import Any

import polars as pl
import pytest

from order_ops.reconciliation.bank import BankSide
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.day import Day, Entries
from order_ops.reconciliation.decided import Decisions, Forced
from order_ops.reconciliation.engines import Engine
from order_ops.reconciliation.frames import internal_entries, provider_entries
from order_ops.reconciliation.matching import match
from order_ops.reconciliation.on_engine import reconcile_on
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import load_rules
from order_ops_tests.unit.reconciliation.cases import CASES, CONTRACT, LONG_AGO, TABLES
from order_ops_tests.unit.reconciliation.decisions import decided
from order_ops_tests.unit.reconciliation.entries import (
    OLD,
    TODAY,
    internal,
    ours,
    provider,
    rules_with,
    theirs,
)
from order_ops_tests.unit.reconciliation.test_bank import bank, credit, payout


def labelled_sides() -> tuple[pl.DataFrame, pl.DataFrame]:
    """All labelled cases at once, each with references of its own."""
    sides: list[list[dict[str, Any]]] = [[], []]
    for number, (our_rows, their_rows, *_) in enumerate(CASES.values()):
        for side, rows in zip(sides, (our_rows, their_rows), strict=True):
            side += [
                row
                | {
                    name: f"{number}-{row[name]}"
                    for name in ("entry_id", "provider_ref", "order_ref")
                    if row[name] is not None
                }
                for row in rows
            ]
    return internal(sides[0]), provider(sides[1])


DAY = Day(TODAY, account="acct", tenant="shop", rules=CONTRACT)


def tables_of(result: Reconciliation) -> dict[str, list[dict[str, Any]]]:
    return {name: getattr(result, name).to_dicts() for name in TABLES}


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_every_engine_agrees_with_polars(engine: Engine) -> None:
    frames = Entries(*labelled_sides())
    expected = tables_of(reconcile_on("polars", DAY, frames))
    assert len(expected["breaks"]) == len(CASES)
    found = tables_of(reconcile_on(engine, DAY, frames))
    for name in TABLES:
        assert found[name] == expected[name], name


def _whole_day() -> tuple[Day, Entries]:
    """The labelled cases, every other one carried, with payouts, a bank, and what is near."""
    near = {"amount_minor": 5, "days": 2, "accept": True}
    rules = rules_with(
        fees=[{"fixed_minor": 200, "tolerance_minor": 200}],
        rates=[{"from": "USD", "to": "BRL", "low": "4.5", "high": "6.5"}],
        amounts=[{"tolerance_minor": 5}],
        tolerance=near,
        settlement_days=3,
    )
    our_rows, their_rows = labelled_sides()
    older = pl.col("entry_id").str.contains("^[0-9]*[02468]-")
    paid_out = [
        payout("po_whole1", 9800),
        theirs("paid", ref="paid", payout="po_whole1", fee=200, day=TODAY),
        payout("po_short1", 5000, day=OLD),
        theirs("part", 4000, "part", payout="po_short1", day=OLD),
        payout("po_equal1", 700, day=OLD),
        payout("po_equal2", 700, day=OLD),
        theirs("near", 123_403, method="card", day=OLD),
        theirs("let", 55_500, "let"),
    ]
    recorded = [
        ours("paid", ref="paid", day=TODAY),
        ours("near", 123_400, day=OLD),
        ours("ended", 777, "ended", order="gone", order_state="CANCELLED"),
        ours("back", -777, "back", order="gone", kind="refund", ceiling=777),
        ours("let_1", 50_000),
        ours("let_2", 5_500),
    ]
    paid_out += [theirs("ended", 777, "ended"), theirs("back", -777, "back", kind="refund")]
    credited = [credit("b1", 9800, "po_whole1"), credit("b2", 700, day=OLD), credit("b3", 42)]
    entries = Entries(
        pl.concat([our_rows.filter(~older), internal(recorded)]),
        pl.concat([their_rows.filter(~older), provider(paid_out)]),
        carried_internal=our_rows.filter(older),
        carried_provider=their_rows.filter(older),
        carried_settlement=provider([theirs("late", ref="late", day=LONG_AGO)]),
        bank=BankSide(bank(credited[:2]), bank(credited[2:]), provider([payout("po_before1")])),
    )
    return Day(TODAY, account="acct", tenant="shop", rules=rules), entries


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_every_engine_agrees_on_all_legs_and_decisions(engine: Engine) -> None:
    day, entries = _whole_day()
    first = reconcile_on("polars", day, entries)
    let_be = decided(first)
    some = let_be.breaks.sort("break_id").gather_every(3)
    links = [Forced("f1", "alice", "as the letter says", TODAY, ("let_1", "let_2"), ("let",))]
    decisions = Decisions(some, links)
    expected = reconcile_on("polars", day, entries, decisions=decisions)
    assert {*expected.matches["rule"]} >= {"exact_reference", "tolerance", "accepted_proposal"}
    assert {*expected.breaks["leg"]} == {"order_provider", "provider_payout", "payout_bank"}
    assert {*expected.breaks["status"]} == {"break", "pending", "accepted"}
    assert not any(expected.residual_minor.values())
    found = reconcile_on(engine, day, entries, decisions=decisions)
    for name in TABLES:
        assert tables_of(found)[name] == tables_of(expected)[name], name
    assert found.verdict == expected.verdict
    assert found.gross_drift_minor == expected.gross_drift_minor


def test_lazy_frames_come_to_the_same() -> None:
    frames = labelled_sides()
    expected = tables_of(reconcile(DAY, Entries(*frames)))
    assert tables_of(reconcile(DAY, Entries(*(frame.lazy() for frame in frames)))) == expected


def test_matching_stays_lazy() -> None:
    ours, theirs = (frame.lazy() for frame in labelled_sides())
    closing = Closing.of(TODAY, load_rules(), "stripe")
    internal = internal_entries(ours)
    matching = match(internal, provider_entries(theirs), internal.select("provider_ref"), closing)
    assert isinstance(matching.pairs.to_native(), pl.LazyFrame)


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
@pytest.mark.parametrize("matched", [True, False])
def test_a_day_without_anything_near_is_no_matter(engine: Engine, *, matched: bool) -> None:
    lines = provider([theirs("t1", ref="pi")] if matched else [])
    frames = Entries(internal([ours("p1", ref="pi")]), lines)
    expected = tables_of(reconcile_on("polars", DAY, frames))
    assert tables_of(reconcile_on(engine, DAY, frames)) == expected
