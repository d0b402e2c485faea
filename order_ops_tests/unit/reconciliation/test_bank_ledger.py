"""Statements of a bank that are missing, or told twice, by their numbers and balances."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from order_ops.reconciliation.bank_ledger import (
    Ledger,
    Statement,
    missing_statements,
    unmet_balances,
)

DAYS = [date(2024, 1, 10) + timedelta(days=n) for n in range(5)]


def statement(day: int, opening: int, closing: int, name: str = "", **values: Any) -> Statement:
    """Of one day, opened the evening before."""
    told = {"sequence": None, "page": None, "opening_on": DAYS[day] - timedelta(days=1)} | values
    return Statement(name or f"S{day}", opening_minor=opening, closing_minor=closing,
                     closing_on=DAYS[day], **told)  # fmt: skip


def told(statements: Sequence[Statement], booked: Mapping[int, int]) -> list[tuple[int, str]]:
    """Gaps of balances, by the day that shows them."""
    ledger = Ledger("EUR", statements, {DAYS[day]: amount for day, amount in booked.items()})
    turned = Ledger("EUR", statements[::-1], ledger.booked)
    found = unmet_balances([ledger], "ask")
    assert [gap.since for gap in unmet_balances([turned], "ask")] == [gap.since for gap in found]
    return [(DAYS.index(gap.since), gap.told) for gap in found]


@pytest.mark.parametrize(
    ("statements", "booked"),
    [
        ([statement(0, 0, 10), statement(1, 10, 5)], {0: 10, 1: -5}),
        ([statement(0, 7, 17), statement(4, 17, 12)], {0: 10, 3: -2, 4: -3}),
        ([statement(n, 0, 0) for n in range(5)], {}),
        ([statement(n, n, n + 1) for n in range(5)]
         + [statement(4, 0, 5, "month", opening_on=DAYS[0])], dict.fromkeys(range(5), 1)),
        ([statement(0, 0, 4, "evening", opening_on=DAYS[0]),
          statement(0, 4, 9, "a second one", opening_on=DAYS[0])], {0: 9}),
        ([statement(0, 0, 10), statement(0, 0, 10, "again"), statement(1, 10, 5),
          statement(1, 10, 5, "again")], {0: 10, 1: -5}),
        ([statement(0, 0, 9, page=1), statement(0, 9, 5, page=2), statement(1, 5, 6)],
         {0: 5, 1: 1}),
        ([statement(3, 3, 4), statement(4, 4, 5), statement(4, 0, 5, "m", opening_on=DAYS[0])],
         dict.fromkeys(range(5), 1)),
    ],
    ids=["days", "days without any", "swept every day", "a month after its days",
         "two of a day without numbers", "issued again under another name", "pages",
         "a month with some of its days"],
)  # fmt: skip
def test_statements_that_meet(statements: list[Statement], booked: dict[int, int]) -> None:
    assert told(statements, booked) == []


def test_a_statement_that_is_missing_is_told_once() -> None:
    (gap,) = told([statement(0, 0, 10), statement(2, 12, 5), statement(3, 5, 6)],
                  {0: 10, 2: -7, 3: 1})  # fmt: skip
    assert gap[0] == 2
    assert gap[1].startswith(
        "Statement S2 of 2024-01-12 closes with EUR 0.05, and the balance before it with the lines"
        " booked since comes to EUR 0.03: a statement is missing,"
    )
    assert gap[1].endswith("; ask, with --corrects ID where one file tells it better than those"
                           " that are stored.")  # fmt: skip


def test_equal_lines_of_two_statements_of_a_day_that_were_taken_for_one() -> None:
    parts = [statement(0, 0, 2, "morning", opening_on=DAYS[0]),
             statement(0, 2, 4, "evening", opening_on=DAYS[0])]  # fmt: skip
    assert told(parts, {0: 4}) == []
    assert [day for day, _ in told(parts, {0: 2})] == [0]


def test_a_line_that_is_told_in_other_words_and_stands_twice() -> None:
    twice = [statement(0, 0, 2), statement(0, 0, 2, "again"), statement(1, 2, 3)]
    assert [day for day, _ in told(twice, {0: 4, 1: 1})] == [0]


def test_a_missing_statement_at_the_end_of_a_day_is_told_on_the_next() -> None:
    (gap,) = told([statement(0, 0, 2, "morning"), statement(1, 4, 5)], {0: 2, 1: 1})
    assert gap[0] == 1


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        ([statement(0, 0, 0, sequence=1), statement(1, 0, 0, sequence=2),
          statement(3, 0, 0, sequence=4)], "number 3 is missing"),
        ([statement(0, 0, 0, sequence=1), statement(1, 0, 0, sequence=4)],
         "numbers 2 to 3 are missing"),
        ([statement(0, 0, 9, sequence=250), statement(1, 9, 5, sequence=1)], None),
        ([statement(0, 0, 9, sequence=7), statement(0, 0, 9, "again", sequence=7),
          statement(1, 9, 9, sequence=8)], None),
        ([statement(0, 0, 9, sequence=250), statement(0, 0, 9, "month", sequence=1),
          statement(1, 9, 8, sequence=251), statement(1, 9, 8, "month 2", sequence=2)], None),
        ([statement(0, 0, 0, sequence=1), statement(1, 0, 0)], None),
    ],
    ids=["swept every day", "more than one", "a new year", "issued again", "months and days",
         "without number"],
)  # fmt: skip
def test_numbers_left_out(statements: list[Statement], words: str | None) -> None:
    found = missing_statements([Ledger("EUR", statements, {})], "ask the bank")
    assert [words in gap.told for gap in found if words] == ([True] if words else [])
    assert bool(found) == bool(words)
