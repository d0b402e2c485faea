"""Spans, amounts and reasons, as every channel says them."""

from datetime import timedelta

import pytest

from order_ops.alerting.notices import at_stake, lasting, state, why
from order_ops_tests.unit.alerting.subjects import notice


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (90_061, "1 d 1 h"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert lasting(timedelta(seconds=seconds)) == words


def test_amounts_are_told_per_currency() -> None:
    assert at_stake({"KWD": 1_234, "BRL": -5}) == "-BRL 0.05, KWD 1.234"
    assert not at_stake({})


def test_what_is_plainly_new_needs_no_reason() -> None:
    assert why(notice()) is None
    assert state(notice().subject) is None
