"""The report: one page that stands on its own, money first."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest

from order_ops.reconciliation.result import Reconciliation
from order_ops.reporting import plots
from order_ops.reporting.report import WORST_CASES, Context, line_words, render
from order_ops_tests.unit.reconciliation.entries import TODAY, ours, run, theirs

CONTEXT = Context("Reconciliation of acct", {"Account": "acct & co"})


def _page(result: Reconciliation) -> str:
    page = render(CONTEXT, result)
    HTMLParser().feed(page)
    return page


def _busy() -> Reconciliation:
    """A day with a break, a pending entry, a second currency and an order with a hostile name."""
    return run(
        [
            ours("p1", 128420, "a", order="<script>alert(1)</script>", order_state="EXPIRED"),
            ours("p2", 500, "b", day=TODAY),
            ours("p3", 700, "c"),
        ],
        [theirs("t1", 128420, "a"), theirs("t3", 700, "c"), theirs("t4", 90, "d", currency="JPY")],
    )


def test_the_first_sentence_is_the_money() -> None:
    page = _page(_busy())
    heading = re.search("<h1>(.*?)</h1>", page)
    assert heading is not None
    assert heading[1].startswith("BRL 1,284.20 and JPY 90 at stake: 1 order paid after it expired")
    assert page.index("<h1>") < page.index("Breaks were found") < page.index("<table>")


def test_the_page_needs_nothing_from_outside() -> None:
    page = _page(_busy())
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=[\"'](?!#)(?!data:)", page.replace("xlink:href", "href"))
    assert "@import" not in page
    assert page.count("<svg") == 4
    assert "&lt;script&gt;" in page


def test_everything_a_reader_asks_for_is_there() -> None:
    text = unescape(re.sub("<[^>]+>", " ", _page(_busy())))
    for words in (
        "Recorded by us",
        "Pending on our side",
        "Listed by the provider",
        "Residual",
        "The provider captured BRL 1,284.20 for an order that is EXPIRED.",
        "Still within its grace.",
        "Provider reference",
        "acct & co",
    ):
        assert words in text


def test_the_same_result_gives_the_same_page() -> None:
    assert _page(_busy()) == _page(_busy())


def test_a_clean_day_says_so() -> None:
    page = _page(run([ours("p1", ref="a")], [theirs("t1", ref="a")]))
    assert "Nothing is at stake: no breaks." in page
    assert "Breaks, by money" not in page


def test_a_day_without_entries_has_a_page() -> None:
    assert "No entries on either side." in _page(run([], []))


def test_a_reason_for_no_verdict_is_shown() -> None:
    page = _page(run([], [], incomplete=("the file of 2024-01-09 is missing",)))
    assert "the file of 2024-01-09 is missing" in page


def test_the_worst_cases_are_listed_and_the_rest_counted() -> None:
    entries = [ours(f"p{at}", 100 + at, f"r{at}") for at in range(WORST_CASES + 5)]
    page = _page(run(entries, []))
    assert page.count("the provider lists nothing for it") == WORST_CASES
    assert f"The {WORST_CASES} largest of {WORST_CASES + 5}" in page
    assert "BRL 1.24" in page
    assert "We recorded BRL 1.00;" not in page


def test_a_name_without_words_is_shown_as_it_is() -> None:
    assert line_words("brand_new") == "Brand new"


@pytest.mark.parametrize("steps", [[], [("Short", -5)], [("Short", -(10**17)), ("Over", 3)]])
def test_a_waterfall_shows_any_amount(steps: list[plots.Bar]) -> None:
    end = 1000 + sum(amount for _, amount in steps)
    svg = plots.waterfall(("Ours", 1000), steps, ("Theirs", end), "BRL")
    assert svg.startswith("<svg")
    assert "BRL 10.00" in svg
