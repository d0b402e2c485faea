"""The same entries give the same result whatever engine holds the frames."""

from typing import Any

import pandas as pd
import polars as pl
import pytest
from narwhals import from_native

from order_ops.reconciliation.core import Day, reconcile
from order_ops.reconciliation.frames import internal_entries, provider_entries
from order_ops.reconciliation.matching import match
from order_ops.reconciliation.rules import load_rules
from order_ops_tests.unit.reconciliation.cases import CASES, CONTRACT, TABLES
from order_ops_tests.unit.reconciliation.entries import TODAY, internal, provider


def _sides() -> tuple[pl.DataFrame, pl.DataFrame]:
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


def _tables(frames: tuple[Any, Any]) -> dict[str, list[dict[str, Any]]]:
    day = Day(TODAY, account="acct", tenant="shop", rules=CONTRACT)
    result = reconcile(day, *frames)
    return {name: _rows(getattr(result, name)) for name in TABLES}


def _rows(native: Any) -> list[dict[str, Any]]:
    frame = from_native(native, eager_only=True)
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]


@pytest.mark.parametrize("backend", ["pandas", "lazy"])
def test_every_backend_agrees_with_polars(backend: str) -> None:
    frames = _sides()
    expected = _tables(frames)
    assert len(expected["breaks"]) == len(CASES)
    convert: dict[str, Any] = {
        "pandas": lambda frame: frame.to_pandas(use_pyarrow_extension_array=True),
        "lazy": pl.DataFrame.lazy,
    }
    found = _tables(tuple(convert[backend](frame) for frame in frames))
    for name in TABLES:
        assert found[name] == expected[name], name


def test_matching_stays_lazy() -> None:
    ours, theirs = (frame.lazy() for frame in _sides())
    rules = load_rules().of("stripe")
    matching = match(internal_entries(ours), provider_entries(theirs), rules)
    assert isinstance(matching.pairs.to_native(), pl.LazyFrame)
