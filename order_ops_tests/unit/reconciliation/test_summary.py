"""The money comes first, in words that somebody in finance would use."""

import narwhals as nw
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.domain.money import format_minor
from order_ops.reconciliation.classes import CLASSES
from order_ops.reconciliation.summary import ClassSummary, money_sentence, summarise
from order_ops.reconciliation.words import HUMAN, _money, counted
from order_ops_tests.unit.reconciliation.entries import TODAY, ours, run, theirs


def _breaks(**counts: tuple[int, dict[str, int]]) -> dict[str, ClassSummary]:
    return {
        name: {"count": count, "amount_minor": amounts} for name, (count, amounts) in counts.items()
    }


def test_the_sentence_starts_with_the_money_and_the_largest_class() -> None:
    breaks = _breaks(amount_short=(1, {"BRL": 20}), captured_after_cancel=(9, {"BRL": 128400}))
    assert money_sentence(breaks) == (
        "BRL 1,284.20 at stake: 9 orders paid after they expired or were cancelled, "
        "1 order paid short."
    )


def test_currencies_are_never_added_up() -> None:
    breaks = _breaks(missing_internal=(2, {"JPY": 500, "BRL": 100}))
    assert money_sentence(breaks).startswith("BRL 1.00 and JPY 500 at stake: 2 payments")


def test_nothing_at_stake_is_said() -> None:
    assert money_sentence({}) == "Nothing is at stake: no breaks."


def test_singular() -> None:
    assert counted("captured_after_cancel", 1) == "1 order paid after it expired or was cancelled"
    assert counted("missing_internal", 1_234) == "1,234 payments at the provider but unknown to us"


def test_a_class_without_words_is_said_by_its_name() -> None:
    assert counted("brand_new", 2) == "2 breaks of class brand new"
    assert money_sentence(_breaks(brand_new=(2, {"BRL": 1}))) == (
        "BRL 0.01 at stake: 2 breaks of class brand new."
    )


def test_words_are_about_known_classes() -> None:
    assert set(HUMAN) <= set(CLASSES)


def test_the_figures_of_a_result() -> None:
    result = run(
        [ours("p1", ref="a"), ours("p2", ref="b"), ours("p3", 500, "c", day=TODAY)],
        [theirs("t1", ref="a"), theirs("t2", 9000, "b")],
    )
    assert summarise(result) == {
        "verdict": "BREAKS",
        "matched": 1,
        "breaks": {"amount_short": {"count": 1, "amount_minor": {"BRL": 1000}}},
        "pending": {"missing_provider": {"count": 1, "amount_minor": {"BRL": 500}}},
        "accepted": {},
        "written_off": {},
        "bridge": {"BRL": {"internal": 20500, "provider": 19000, "residual": 0}},
    }


@settings(deadline=None)
@given(
    amounts=st.lists(
        st.tuples(
            st.integers(1 - 10**18, 10**18 - 1), st.sampled_from(["BRL", "JPY", "KWD", "CLF"])
        ),
        min_size=1,
        max_size=20,
    )
)
def test_columns_of_money_are_written_like_single_amounts(amounts: list[tuple[int, str]]) -> None:
    codes = sorted({code for _, code in amounts})
    frame = nw.from_native(pl.DataFrame(amounts, schema=["minor", "code"], orient="row"))
    written = frame.select(text=_money("minor", "code", codes))["text"].to_list()
    assert written == [format_minor(amount, code) for amount, code in amounts]
