"""A match says what of its order it did not take."""

from order_ops.reconciliation.rejected import NAMED
from order_ops_tests.unit.reconciliation.entries import ours, run, theirs


def explanations(*, failed: int) -> list[str]:
    attempts = [theirs(f"f{n}", 5_000, f"x{n}", order="o1", status="failed") for n in range(failed)]
    result = run(
        [ours("i1", 5_000, "r1", order="o1"), ours("i2", 700, "r2", order="o2")],
        [theirs("p1", 5_000, "r1", order="o1"), theirs("p2", 700, "r2", order="o2"), *attempts],
    )
    return result.matches.sort("match_id")["explanation"].to_list()  # type: ignore[no-any-return]


def test_what_is_left_of_the_order_is_named_with_its_match_and_no_other() -> None:
    first, second = explanations(failed=1)
    assert first.endswith(
        " Of the same order, not taken: the provider's charge of BRL 50.00 (failed)."
    )
    assert "not taken" not in second


def test_of_many_some_are_named_and_the_others_counted() -> None:
    first, _ = explanations(failed=NAMED + 2)
    assert first.count("charge of BRL 50.00") == NAMED
    assert first.endswith(" and 2 more.")


def test_nothing_left_is_nothing_said() -> None:
    assert not any("not taken" in told for told in explanations(failed=0))
