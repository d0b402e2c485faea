"""The page: money first, self-contained, and safe whatever stands in a reference."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import polars as pl
import pytest

from order_ops.reconciliation.bank import BankSide
from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.day import Day, Entries
from order_ops.reconciliation.incomplete import Gap
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import load_rules
from order_ops.reporting.plots import AGED, _window, waterfall
from order_ops.reporting.report import WORST_CASES, Context, PastDay, render
from order_ops_tests.unit.reconciliation.entries import TODAY, internal, ours, provider, run, theirs
from order_ops_tests.unit.reconciliation.test_bank import BANK

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
    sentence = "Breaks: BRL 230.00 at stake in 2 cases."
    lead = "1 order paid over, 1 order paid short."
    page = page_of(short_and_over())
    assert re.findall(r"<h1>(.*?)</h1>", page) == [sentence]
    body = _text(page[page.index("<body>") :])
    assert body.startswith(f"{CONTEXT.title} {sentence} {lead} Breaks were found")
    assert body.index("Gross drift BRL 230.00") < body.index("Net drift BRL 210.00")
    assert "Residual BRL 0.00" in body


def test_classes_stand_in_the_order_of_the_money() -> None:
    text = _text(page_of(short_and_over()))
    assert text.index("Amount over: 1 order") < text.index("Amount short: 1 order")
    assert "BRL 100.00: BRL 10.00 short" in text


def test_a_payout_on_its_way_to_the_bank_is_on_the_page() -> None:
    sent = theirs("t1", -1000, "po_1", payout="po_1", kind="payout", day=TODAY)
    bank = BankSide(pl.DataFrame(schema=BANK))
    text = _text(page_of(run([], [sent], bank=bank)))
    assert "From payouts to the bank" in text
    assert "Paid out to the bank BRL 10.00 1" in text
    assert "On its way to the bank BRL 10.00 1" in text
    assert "From payouts to the bank" not in _text(page_of(short_and_over()))


def test_what_is_missing_is_said_without_an_amount() -> None:
    gap = Gap("provider file 2024-01-09", TODAY, "No provider file speaks of 2024-01-09.")
    day = Day(TODAY, account="acct", tenant="shop", rules=load_rules(), gaps=[gap])
    text = _text(page_of(reconcile(day, Entries(internal([]), provider([])))))
    assert "Incomplete, no verdict: no amount is known in 1 case." in text
    assert "1 part of the input missing." in text
    assert "No provider file speaks of 2024-01-09. 2024-01-10" in text
    assert "XXX" not in text


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
    assert "Reconciled: nothing is at stake. Reconciled" in text
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


def test_the_first_sentence_says_the_verdict_and_what_waits() -> None:
    waiting = page_of(run([ours("p1", ref="pi", day=TODAY)], []))
    told = "Reconciled with pending entries: nothing is at stake, BRL 100.00 inside its grace."
    assert f"<h1>{told}</h1>" in waiting
    lacking = page_of(run([], [], incomplete=("the file is past due",)))
    assert "<h1>Incomplete, no verdict: nothing is at stake.</h1>" in lacking


def test_only_the_largest_classes_are_in_the_first_lines() -> None:
    lines = [theirs(f"t{at}", 1000, f"pi_{at}", kind="unclassified") for at in range(2)]
    result = run([ours("p1", 500, "x"), ours("p2", ref="pi_9"), ours("p3", ref="pi_8")],
        [*lines, theirs("t8", 9_000, "pi_8"), theirs("t9", 11_000, "pi_9")])  # fmt: skip
    text = _text(page_of(result))
    assert "and 1 more class below." in text


def test_what_is_at_stake_is_drawn_by_age() -> None:
    old = [theirs("t1", ref="a", day=TODAY - timedelta(days=40)), theirs("t2", ref="b")]
    page = render(replace(CONTEXT, day=TODAY), run([], old))
    drawn = page[page.index("Breaks, by money at stake") :]
    assert AGED[3] in drawn.split("<svg", 2)[1], "a part for what is older than 30 days"
    assert "First seen:" in page
    assert "First seen:" not in page_of(run([], old)), "nobody said which day it is"


def test_the_last_days_are_drawn_for_each_currency_that_drifted() -> None:
    past = [
        PastDay(TODAY - timedelta(days=2), {}),
        PastDay(TODAY - timedelta(days=1), {"BRL": (500, -300), "JPY": (1, 1)}),
        PastDay(TODAY, {"BRL": (200, 200)}),
    ]
    page = render(replace(CONTEXT, day=TODAY, past=past), run([], []))
    section = page[page.index("Unexplained, day by day") :]
    assert section.count("<svg") == 2
    assert "day by day" not in render(replace(CONTEXT, past=past[:1]), run([], []))


@pytest.mark.parametrize(
    ("levels", "window"),
    [
        ([1_000, 1_010], (990, 1_010)),
        ([10, 15], (5, 15)),
        ([10, 18], (0, 18)),
        ([0, -300, 0], (-300, 0)),
        ([-200, 300], (-200, 300)),
        ([-1_000, -1_010], (-1_010, -990)),
        ([0, 0], (0, 1)),
    ],
)
def test_the_axis_shows_zero_where_it_is_near(levels: list[int], window: tuple[int, int]) -> None:
    assert _window(levels) == window
