"""How far sums were searched for is said: where nobody looked, nothing found means nothing."""

import pytest

from order_ops_tests.unit.reconciliation.entries import ours, rules_with, run, theirs


@pytest.mark.parametrize(
    ("lines", "bound", "told"),
    [
        (0, 1_000, ""),
        (2, 1_000, "for all 2 lines of the provider that are left; each search was exhausted."),
        (51, 1_000, "for 50 of the 51 lines"),
        (2, 1, "2 searches stopped at their bound."),
    ],
)
def test_it_is_said_how_many_lines_were_searched(lines: int, bound: int, told: str) -> None:
    ours_left = [ours(f"i{n}", 1_000 + n, f"a{n}") for n in range(3)]
    theirs_left = [theirs(f"p{n}", 2_500 + n, f"b{n}") for n in range(lines)]
    rules = rules_with(passes=["subset_sum"], subset_sum={"lines": 24, "sums": bound})
    result = run(ours_left, theirs_left, rules=rules)
    assert told in result.sums_searched
    assert bool(result.sums_searched) is bool(lines)
