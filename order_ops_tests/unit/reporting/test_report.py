"""The page: money first, self-contained, and safe whatever stands in a reference."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import polars as pl
import pytest

from order_ops.reconciliation.result import Reconciliation
from order_ops.reporting.plots import waterfall
from order_ops.reporting.report import WORST_CASES, Context, render
from order_ops_tests.unit.reconciliation.entries import TODAY, ours, run, theirs

CONTEXT = Context("Reconciliation of acct, 2024-01-10", {"Account": "acct"})


def short_and_over() -> Reconciliation:
    return run(
        [ours("p1", ref="pi_1", order="o1"), ours("p2", ref="pi_2", order="o2")],
        [
            theirs("t1", 9000, "pi_1", order="o1"),
            theirs("t2", 32000, "pi_2", order="o2"),
        ],
    )


def page_of(result: Reconciliation) -> str:
    return render(CONTEXT, result)


def _text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<(style)[\s\S]*?</\1>|<[^>]+>", " ", page)).split())


def test_the_page_needs_nothing_from_outside() -> None:
    page = page_of(short_and_over())
    for word in (
        "http://",
        "https://",
        "<script",
        "<link",
        "<img",
        "<iframe",
        "@import",
        "src=",
        "javascript:",
    ):
        assert word not in page.lower()
    assert not re.findall(r"url\((?!#)", page)
    assert not re.findall(r'href="(?!#)', page)
    assert not re.findall(r"\son\w+=", page)


def test_the_money_is_said_first() -> None:
    sentence = "BRL 230.00 at stake: 1 order paid over, 1 order paid short."
    page = page_of(short_and_over())
    assert re.findall(r"<h1>(.*?)</h1>", page) == [sentence]
    body = _text(page[page.index("<body>") :])
    assert body.startswith(f"{CONTEXT.title} {sentence} Breaks were found")
    assert body.index("Gross drift BRL 230.00") < body.index("Net drift BRL 210.00")
    assert "Residual BRL 0.00" in body


def test_classes_stand_in_the_order_of_the_money() -> None:
    text = _text(page_of(short_and_over()))
    assert text.index("Amount over: 1 order") < text.index("Amount short: 1 order")
    assert "BRL 100.00: BRL 10.00 short" in text


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</title></style></svg><b>bold",
        "{{ 7 * 7 }}{% raw %}",
        "$a^b_{\\frac$",
        "&amp;<!--",
        "\u202eevil\u2066",
        "x" * 5000,
    ],
)
def test_references_from_outside_stay_text(hostile: str) -> None:
    hostile_lines = [theirs("t1", ref=hostile, order=hostile)]
    page = render(Context(hostile, {hostile: hostile}), run([], hostile_lines))
    for word in ("<script", "<img", "<b>", "<!--"):
        assert word not in page
    assert unescape(page).count(hostile) >= 5


def test_a_class_nobody_has_words_for_is_shown_by_its_name() -> None:
    result = short_and_over()
    renamed = pl.when(pl.col("class") == "amount_over").then(pl.lit("brand_new_class"))
    unknown = replace(
        result,
        breaks=result.breaks.with_columns(renamed.otherwise("class").alias("class")),
        bridge=result.bridge.with_columns(
            pl.col("line").str.replace("amount_over", "brand_new_class")
        ),
        verdict="SOMETHING_NEW",  # type: ignore[arg-type]
    )
    text = _text(page_of(unknown))
    assert "Brand new class: 1 break of class brand new class" in text
    assert "SOMETHING_NEW" in text


def test_no_entries_at_all_is_a_page() -> None:
    text = _text(page_of(run([], [])))
    assert "Nothing is at stake: no breaks. Reconciled" in text
    assert "No entries on either side." in text


def test_reasons_for_no_verdict_are_told() -> None:
    text = _text(page_of(run([], [], incomplete=("the file of 2024-01-09 is past due",))))
    assert "no verdict is given the file of 2024-01-09 is past due" in text


def test_pending_entries_have_a_place_of_their_own() -> None:
    page = page_of(run([ours("p1", ref="pi", day=TODAY)], []))
    assert "Pending, inside their grace" in page
    assert "Breaks, by money at stake" not in page


def test_only_the_worst_cases_are_listed() -> None:
    lines = [theirs(f"t{at}", 1000 + at, f"pi_{at:03}") for at in range(WORST_CASES + 5)]
    page = page_of(run([], lines))
    assert "pi_024" in page
    assert "pi_004<" not in page
    assert f"The {WORST_CASES} largest of {WORST_CASES + 5}" in _text(page)


def test_each_currency_has_its_own_plots_and_units() -> None:
    result = run([ours("p1", 500, "a", currency="JPY")], [theirs("t1", 1234, "b", currency="KWD")])
    page = page_of(result)
    text = _text(page)
    assert "JPY 500 and KWD 1.234 at stake" in text
    assert page.count("<svg") == 4


def test_a_residual_is_shown_as_a_fault() -> None:
    result = short_and_over()
    wrong = pl.when(pl.col("line") == "residual").then(1).otherwise("amount_minor")
    page = page_of(replace(result, bridge=result.bridge.with_columns(amount_minor=wrong)))
    assert '<tr class="total open">' in page
    assert '<tr class="total closed">' in page_of(result)


def test_the_same_result_gives_the_same_page() -> None:
    assert page_of(short_and_over()) == page_of(short_and_over())


def test_a_bridge_of_refunds_alone_is_drawn() -> None:
    assert "<svg" in waterfall(("ours", -500), [("refund", -200)], ("theirs", -700), "BRL")
    assert "<svg" in waterfall(("ours", 0), [], ("theirs", 0), "BRL")


def test_old_breaks_say_when_they_were_first_seen() -> None:
    old = TODAY - timedelta(days=9)
    assert old.isoformat() in page_of(run([], [theirs("t1", ref="a", day=old)]))
