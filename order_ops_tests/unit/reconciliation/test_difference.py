"""What differs between two results: nothing, or each row that appeared, is gone or changed."""

from dataclasses import replace
from typing import Any

import pandas as pd
import polars as pl

from order_ops.reconciliation.difference import COMPARED, DIFFERENCE, difference, said
from order_ops.reconciliation.result import Reconciliation
from order_ops_tests.unit.reconciliation.entries import ours, run, theirs


def tables(result: Reconciliation) -> dict[str, Any]:
    return {
        "payment_matches": result.matches,
        "match_members": result.match_members,
        "reconciliation_breaks": result.breaks,
        "break_members": result.break_members,
        "match_proposals": result.proposals,
        "proposal_members": result.proposal_members,
        "reconciliation_bridge": result.bridge,
    }


def short(amount: int = 9_000) -> Reconciliation:
    return run([ours("p1", ref="pi_1", order="o1")], [theirs("t1", amount, "pi_1", order="o1")])


def rows(before: Reconciliation, after: Reconciliation) -> list[dict[str, Any]]:
    return difference(tables(before), tables(after)).rows(named=True)  # type: ignore[no-any-return]


def test_the_same_result_differs_in_nothing() -> None:
    told = difference(tables(short()), tables(short()))
    assert told.columns == list(DIFFERENCE)
    assert told.height == 0


def test_a_break_that_becomes_a_match_is_gone_and_the_match_appeared() -> None:
    told = rows(short(), short(10_000))
    found = [(r["table_name"], r["change"], r["what_from"], r["what_to"]) for r in told[:2]]
    assert found == [
        ("payment_matches", "appeared", None, "exact_reference"),
        ("reconciliation_breaks", "gone", "amount_short", None),
    ]
    assert (told[0]["amount_to_minor"], told[1]["amount_from_minor"]) == (10_000, 1_000)
    lines = {r["row_id"] for r in told[2:]}
    assert {"amount_short", "provider_total"} <= lines
    assert "internal_total" not in lines, "what stays the same is not told"


def test_a_break_of_another_amount_says_both_and_which_columns() -> None:
    change = next(
        r for r in rows(short(), short(8_000)) if r["table_name"] == "reconciliation_breaks"
    )
    assert change["change"] == "changed"
    assert (change["amount_from_minor"], change["amount_to_minor"]) == (1_000, 2_000)
    assert change["columns"] == "difference_minor, at_stake_minor, explanation"


def test_a_break_that_changes_class_keeps_its_id() -> None:
    change = next(
        r for r in rows(short(), short(11_000)) if r["table_name"] == "reconciliation_breaks"
    )
    assert (change["change"], change["what_from"], change["what_to"]) == (
        "changed",
        "amount_short",
        "amount_over",
    )


def test_a_match_of_other_entries_is_told_though_its_row_is_the_same() -> None:
    before = short(10_000)
    other = pl.when(pl.col("side") == "provider").then(pl.lit("t9")).otherwise("entry_id")
    after = replace(before, match_members=before.match_members.with_columns(entry_id=other))
    (change,) = rows(before, after)
    assert (change["table_name"], change["columns"]) == ("payment_matches", "members")


def test_a_cell_that_was_or_becomes_empty_is_a_change() -> None:
    before = short()
    after = replace(before, breaks=before.breaks.with_columns(order_ref=pl.lit(None, pl.String)))
    for lost_or_found in (rows(before, after), rows(after, before)):
        assert [change["columns"] for change in lost_or_found] == ["order_ref"]


def test_it_is_the_same_in_pandas() -> None:
    before, after = tables(short()), tables(short(10_000))
    told = difference(_in_pandas(before), _in_pandas(after))
    assert isinstance(told, pd.DataFrame)
    assert told["row_id"].tolist() == difference(before, after)["row_id"].to_list()


def _in_pandas(some: dict[str, pl.DataFrame]) -> dict[str, pd.DataFrame]:
    return {name: t.to_pandas(use_pyarrow_extension_array=True) for name, t in some.items()}


def test_every_table_that_is_compared_is_a_table_of_the_result() -> None:
    assert set(tables(short())) == set(COMPARED)


def test_a_change_is_told_in_words() -> None:
    told = said(difference(tables(short()), tables(short(8_000))))
    assert told[0].startswith("break changed: amount_short BRL 10.00 -> amount_short BRL 20.00, ")
    assert any(line.startswith("bridge changed: provider_total BRL 90.00 ->") for line in told)
