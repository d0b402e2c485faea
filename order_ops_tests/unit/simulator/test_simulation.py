"""A simulation is the same from the same seed, has what it says, and is found as it is true."""

from dataclasses import replace
from datetime import date
from hashlib import sha256

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.reconciliation.classes import CLASSES
from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.result import Reconciliation
from order_ops.simulator.dialects import DIALECTS
from order_ops.simulator.plan import STORIES, Config, PlanError, classes
from order_ops.simulator.score import NONE, Score, score
from order_ops.simulator.simulation import Simulation, simulate

EASILY_MISREAD = (
    "currency_mismatch_unnamed",
    "dispute_won_unrecorded",
    "exchanged_unnamed",
    "recorded_and_failed_twice",
    "refund_failed",
    "retried_not_recorded",
    "retried_twice",
)
"""Stories that are easily read in another way; told alone, one by one."""


def _scored(made: Simulation) -> Score:
    return score(_result(made), made.truth)


def _result(made: Simulation) -> Reconciliation:
    return reconcile(made.day, made.entries)


def _hash(made: Simulation) -> str:
    frames = (made.internal, made.provider, made.truth.matches, made.truth.labels)
    return sha256("".join(frame.write_csv() for frame in frames).encode()).hexdigest()[:16]


def test_the_same_seed_is_the_same_bytes_on_every_machine() -> None:
    assert _hash(simulate(Config(1_000, seed=7, faults=0.1))) == "397f795d38fd4d73"
    assert _hash(simulate(Config(1_000, seed=7, provider="adyen"))) == "2a908a40069cfcdf"


def test_another_seed_is_another_shop() -> None:
    first, second = (simulate(Config(1_000, seed=seed)) for seed in (1, 2))
    shared = first.internal.join(second.internal, on="entry_id", how="semi")
    assert not shared.height
    assert first.truth.labels.height == second.truth.labels.height


def test_parts_do_not_change_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(1_000, seed=3)
    whole = _hash(simulate(config))
    monkeypatch.setattr("order_ops.simulator.simulation._AT_ONCE", 37)
    assert _hash(simulate(config)) == whole


@pytest.mark.parametrize("size", [500, 3_000, 20_000])
@pytest.mark.parametrize("provider", DIALECTS)
def test_both_sides_are_about_as_large_as_asked(provider: str, size: int) -> None:
    made = simulate(Config(size, provider=provider))
    for frame in (made.internal, made.provider):
        assert size * 0.95 <= frame.height <= size * 1.05 + 180  # payouts


@pytest.mark.parametrize("provider", DIALECTS)
def test_every_class_is_there_and_found_as_it_is_labelled(provider: str) -> None:
    made = simulate(Config(3_000, seed=5, provider=provider, faults=0.05))
    found = _scored(made)
    assert found.precision == 1.0
    assert found.recall >= 0.999
    assert found.diagonal == 1.0, found.table()
    assert found.other_currency == 0
    assert set(classes(DIALECTS[provider])) <= set(made.truth.labels["class"])


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize("story", EASILY_MISREAD)
def test_a_story_told_alone_is_found_as_it_is_true(story: str, provider: str) -> None:
    others = frozenset(STORIES) - {story, "paid"}
    found = _scored(simulate(Config(200, seed=5, provider=provider, faults=0.05, without=others)))
    assert (found.precision, found.recall, found.diagonal) == (1.0, 1.0, 1.0), found.table()


def test_every_class_is_told() -> None:
    assert {name for dialect in DIALECTS.values() for name in classes(dialect)} == set(CLASSES)


@pytest.mark.parametrize("provider", DIALECTS)
def test_keys_and_entries_of_labels_are_those_of_the_breaks(provider: str) -> None:
    made = simulate(Config(1_000, provider=provider, faults=0.1))
    labels, members = made.truth.labels, made.truth.labelled
    assert labels["label"].is_unique().all()
    assert labels.select("key", "currency").is_unique().all()
    of_files = labels.filter(pl.col("class") == "incomplete_input")
    assert set(members["label"]) == set(labels["label"]) - set(of_files["label"])
    assert members.select("side", "entry_id").is_unique().all()
    # an entry is matched, or labelled, or neither; one that is matched may not be paid out
    matched = made.truth.matches.join(members, on=["side", "entry_id"]).join(labels, on="label")
    assert set(matched["class"]) <= {"settlement_overdue"}
    breaks = _result(made).breaks
    missed = labels.join(breaks, on=["key", "currency"], how="anti")
    assert not missed.height, missed


def test_without_faults_only_what_is_in_transit_is_labelled() -> None:
    made = simulate(Config(2_000, faults=0))
    assert set(made.truth.labels["status"]) == {"pending"}
    assert _result(made).verdict == "RECONCILED_WITH_PENDING"


@pytest.mark.parametrize("provider", DIALECTS)
def test_it_is_realistic(provider: str) -> None:
    made = simulate(Config(5_000, provider=provider))
    dialect = DIALECTS[provider]
    assert set(made.internal["currency"]) == set(dialect.currencies)
    assert set(made.internal["method"]) == {"card", "boleto", "pix", "wallet"}
    assert made.internal["day"].n_unique() > 25
    assert not made.internal["amount_minor"].is_unique().all()
    kinds = {"charge", "refund", "dispute", "fee", "payout"}
    assert kinds <= set(made.provider["kind"])
    exchanged = made.provider.filter(pl.col("currency") != pl.col("settlement_currency"))
    assert bool(exchanged.height) == dialect.exchanges
    assert (
        made.provider["net_minor"] == made.provider["settled_minor"] - made.provider["fee_minor"]
    ).all()


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(-(2**63), 2**63),
    provider=st.sampled_from(sorted(DIALECTS)),
    faults=st.sampled_from([0.0, 0.05, 0.5]),
)
def test_no_match_is_wrong_whatever_the_seed(seed: int, provider: str, faults: float) -> None:
    assert (
        _scored(simulate(Config(150, seed=seed, provider=provider, faults=faults))).precision == 1
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"size": 99}, "at least 100"),
        ({"faults": 0.6}, "share from 0 to 0.5"),
        ({"provider": "paypal"}, "none of stripe"),
        ({"days": 0}, "1 to 366"),
        ({"closing": date(2026, 6, 15)}, "Wednesday, Thursday or Friday"),
        ({"without": frozenset({"nobody"})}, "no story 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(PlanError, match=told):
        replace(Config(1_000), **change)  # type: ignore[arg-type]


def test_a_score_is_strict() -> None:
    made = simulate(Config(300, seed=2))
    result = _result(made)
    right = score(result, made.truth)
    # one pair of two matches swapped: neither is right any more
    members = result.match_members
    two = members.filter(pl.col("side") == "provider")["entry_id"].head(2)
    swapped = members.with_columns(pl.col("entry_id").replace({two[0]: two[1], two[1]: two[0]}))
    wrong = score(replace(result, match_members=swapped), made.truth)
    assert wrong.right_matches == right.right_matches - 2
    assert wrong.precision < 1
    nothing = score(replace(result, breaks=result.breaks.head(0)), made.truth)
    assert set(nothing.confusion["found"]) == {NONE}
    assert nothing.diagonal == 0
    assert "missing_provider" in nothing.table()
