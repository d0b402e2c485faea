"""The same entries give the same result whatever engine holds the frames."""

from typing import Any

import polars as pl
import pytest

from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.day import Day, Entries
from order_ops.reconciliation.engines import Engine
from order_ops.reconciliation.frames import internal_entries, provider_entries
from order_ops.reconciliation.matching import match
from order_ops.reconciliation.on_engine import reconcile_on
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import load_rules
from order_ops_tests.unit.reconciliation.cases import CASES, CONTRACT, TABLES
from order_ops_tests.unit.reconciliation.entries import TODAY, internal, ours, provider, theirs


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
