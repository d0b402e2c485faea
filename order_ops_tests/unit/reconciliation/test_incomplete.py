"""What the input lacks, and what a day that lacks it comes to."""

from datetime import date, timedelta

from order_ops.reconciliation.calendars import BusinessDays
from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.day import Day, Entries
from order_ops.reconciliation.incomplete import (
    File,
    Gap,
    missing_days,
    missing_numbers,
)
from order_ops.reconciliation.rules import Calendar
from order_ops.reconciliation.summary import money_sentence, summarise
from order_ops_tests.unit.reconciliation.entries import (
    TODAY,
    internal,
    ours,
    provider,
    rules_with,
    theirs,
)

DAYS = [TODAY + timedelta(days=n) for n in range(5)]
GAP = Gap("provider file 2024-01-09", date(2024, 1, 9), "No provider file speaks of 2024-01-09.")


def file(first: int, last: int, *numbers: int, series: str = "") -> File:
    told = {series: numbers} if numbers else {}
    return File(f"{first}.csv", frozenset(DAYS[first : last + 1]), told)


def test_days_that_no_file_speaks_of_are_told_by_their_runs() -> None:
    found = missing_days("provider file", DAYS, [file(1, 2), File("empty", frozenset())], "ask")
    assert [(gap.key, gap.since) for gap in found] == [
        ("provider file 2024-01-10", DAYS[0]),
        ("provider file 2024-01-13", DAYS[3]),
    ]
    assert found[1].told == (
        "No provider file speaks of 2024-01-13 to 2024-01-14 (2 of them); ask."
    )
    assert missing_days("provider file", DAYS, [file(0, 2), file(3, 4)], "ask") == []


def test_a_file_speaks_of_no_day_between_its_lines() -> None:
    """It may as well be the last day's, with a line that came late."""
    apart = File("late.csv", frozenset({DAYS[0], DAYS[4]}))
    (gap,) = missing_days("provider file", DAYS, [apart], "ask")
    assert gap.told == "No provider file speaks of 2024-01-11 to 2024-01-13 (3 of them); ask."


def test_numbers_left_out_are_told_from_the_day_that_shows_it() -> None:
    files = [file(0, 0, 7), file(2, 2, 10), file(3, 3, 11)]
    (gap,) = missing_numbers("provider file", files, DAYS[2], "ask")
    assert (gap.key, gap.since) == ("provider file number 8", DAYS[2])
    assert gap.told == (
        "Of the provider files, numbers 8 to 9 are missing, between number 7 (0.csv) and 10 "
        "(2.csv); ask."
    )
    assert missing_numbers("provider file", files, DAYS[1], "ask") == []


def test_numbers_count_in_series_of_their_own_and_a_file_may_have_several() -> None:
    files = [
        file(0, 0, 4, series="shop/eu"),
        file(1, 1, 5, 6, series="shop/eu"),
        file(1, 1, 9, series="shop/us"),
        file(2, 2, 11, series="shop/us"),
    ]
    (gap,) = missing_numbers("provider file", files, DAYS[2], "ask")
    assert gap.key == "provider file shop/us number 10"
    assert "Of the provider files of shop/us, number 10 is missing" in gap.told


def test_a_day_that_lacks_something_has_no_verdict_and_a_break_that_says_what() -> None:
    day = Day(TODAY, account="acct", tenant="shop", rules=rules_with(), gaps=[GAP])
    result = reconcile(
        day, Entries(internal([ours("o1", ref="pi")]), provider([theirs("t1", ref="pi")]))
    )
    assert (result.verdict, result.matched, result.incomplete) == ("INCOMPLETE", 1, (GAP.told,))
    (found,) = result.breaks.iter_rows(named=True)
    assert (found["class"], found["status"], found["leg"]) == ("incomplete_input", "break", "input")
    assert (found["key"], found["first_seen"]) == (GAP.key, GAP.since)
    assert found["explanation"] == GAP.told
    summary = summarise(result)
    assert summary["breaks"] == {"incomplete_input": {"count": 1, "amount_minor": {}}}
    assert money_sentence(summary["breaks"]) == ("No amount is known: 1 part of the input missing.")


def test_the_first_break_is_what_is_missing_beside_those_of_money() -> None:
    day = Day(TODAY, account="acct", tenant="shop", rules=rules_with(), gaps=[GAP])
    result = reconcile(day, Entries(internal([]), provider([theirs("t1", ref="pi")])))
    assert result.breaks["class"].to_list() == ["incomplete_input", "missing_internal"]
    assert "at stake" in money_sentence(summarise(result)["breaks"])


def test_a_business_day_is_one_of_the_calendar() -> None:
    days = BusinessDays(Calendar(days_off=("sat", "sun"), holidays=(date(2024, 1, 11),)))
    assert [days.has(day) for day in DAYS] == [True, False, True, False, False]
