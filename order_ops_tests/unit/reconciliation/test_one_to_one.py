"""Taking the plain pairs first, in slices, comes to what the passes alone come to."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_ops.reconciliation import core, one_to_one
from order_ops.reconciliation.result import Reconciliation
from order_ops_tests.unit.reconciliation.cases import TABLES
from order_ops_tests.unit.reconciliation.entries import Row, ours, run, theirs
from order_ops_tests.unit.reconciliation.test_conservation import OUR_VALUES, THEIR_VALUES

_take = one_to_one.take
ALIKE = {"ref": st.sampled_from(list("abcdefgh")), "amount": st.sampled_from([500, 500, 1000])}
OURS = st.lists(st.tuples(OUR_VALUES, st.fixed_dictionaries(ALIKE)), max_size=8)
THEIRS = st.lists(st.tuples(THEIR_VALUES, st.fixed_dictionaries(ALIKE)), max_size=8)


def _nothing(internal: Any, provider: Any, closing: Any, _forced: Any) -> one_to_one.Taken:
    done = _take(internal.head(0), provider.head(0), closing)
    return one_to_one.Taken(done.agreed, internal, provider)


def _differences(one: Reconciliation, other: Reconciliation) -> list[str]:
    frames = (*TABLES, "carry_out", "told_members")
    apart = [name for name in frames if not getattr(one, name).equals(getattr(other, name))]
    figures = ("verdict", "matched", "residual_minor", "gross_drift_minor", "net_drift_minor")
    return apart + [name for name in figures if getattr(one, name) != getattr(other, name)]


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(our_values=OURS, their_values=THEIRS, size=st.sampled_from([1, 2, 500_000]))
def test_plain_pairs_first_or_not_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
    our_values: list[tuple[Row, Row]],
    their_values: list[tuple[Row, Row]],
    size: int,
) -> None:
    sides = (
        [ours(f"p{at}", **{**one, **alike}) for at, (one, alike) in enumerate(our_values)],
        [theirs(f"t{at}", **{**one, **alike}) for at, (one, alike) in enumerate(their_values)],
    )
    with monkeypatch.context() as patch:
        patch.setattr(one_to_one, "SLICE", size)
        sliced = run(*sides)
        patch.setattr(core.one_to_one, "take", _nothing)
        passes = run(*sides)
    assert _differences(sliced, passes) == []


def test_plain_pairs_never_come_to_the_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(*given: Any) -> one_to_one.Taken:
        done = _take(*given)
        seen.append(len(done.internal_left) + len(done.provider_left))
        return done

    monkeypatch.setattr(core.one_to_one, "take", counted)
    refs = [f"pi_{at}" for at in range(9)]
    result = run(
        [ours(f"p{at}", ref=ref) for at, ref in enumerate(refs)],
        [theirs(f"t{at}", ref=ref) for at, ref in enumerate(refs)],
    )
    assert (result.matched, result.verdict, seen) == (9, "RECONCILED", [0])
