"""A rules file is used as it is written, or refused with its line and key."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from order_ops.reconciliation.rules import RulesError, load_rules, parse_rules

DAY = date(2026, 3, 1)
GOOD = """\
version: 1
calendar:
  days_off: [sat, sun]
  holidays: [2026-12-25]
providers:
  default:
    passes: [exact_reference, own_reference, tolerance]
    grace:
      - {internal: 1, provider: 2}
      - {method: boleto, internal: 3, provider: 3}
    amounts:
      - {tolerance_minor: 5}
    fees:
      - {percent: '2.9', fixed_minor: 30, tolerance_minor: 1}
      - {since: 2026-02-01, percent: 3, fixed_minor: 30}
    rates:
      - {from: USD, to: BRL, low: '4.5', high: '6.5'}
    tolerance: {amount_minor: 5, days: 2, accept: true}
    subset_sum: {lines: 24, sums: 1000}
    unpaid_days: 35
    stuck_days: 10
    settlement_days: 5
    bank_days: {window: 5, grace: 2}
  stripe:
    passes: [exact_reference]
"""


def test_a_good_file_is_read() -> None:
    rules = parse_rules(GOOD, "rules.yaml")
    assert rules.of("stripe", DAY).passes == ("exact_reference",)
    assert rules.of("other", DAY).passes == ("exact_reference", "own_reference", "tolerance")
    assert rules.of("stripe", DAY).grace == rules.of("other", DAY).grace
    assert [(one.internal, one.provider) for one in rules.of("other", DAY).grace] == [
        (1, 2),
        (3, 3),
    ]
    assert rules.of("other", DAY).fees[0].percent == Decimal("2.9")


def test_what_changes_holds_from_its_day_on() -> None:
    changes = (
        "[exact_reference]\n    changes:\n"
        "      - {since: 2026-04-01, stuck_days: 3}\n"
        "      - {since: 2026-05-01, unpaid_days: 4}\n"
    )
    plain = parse_rules(GOOD, "rules.yaml")
    rules = parse_rules(GOOD.replace("[exact_reference]\n", changes), "rules.yaml")
    days = [date(2026, 3, 31), date(2026, 4, 1), date(2026, 5, 1)]
    held = [rules.of("stripe", day) for day in days]
    before = plain.of("stripe", DAY)
    assert held[0].stuck_days == before.stuck_days != 3
    assert [one.stuck_days for one in held[1:]] == [3, 3]
    assert [one.unpaid_days for one in held] == [before.unpaid_days, before.unpaid_days, 4]
    assert {one.passes for one in held} == {("exact_reference",)}
    assert rules.of("other", days[2]).stuck_days == before.stuck_days
    assert rules.rules_hash != plain.rules_hash


def test_what_a_provider_says_itself_holds_whatever_changes_in_the_default() -> None:
    changes = (
        "  default:\n    changes: [{since: 2026-04-01, stuck_days: 3, passes: [own_reference]}]\n"
    )
    rules = parse_rules(GOOD.replace("  default:\n", changes), "rules.yaml")
    stripe, other = (rules.of(name, date(2026, 4, 1)) for name in ("stripe", "other"))
    assert (stripe.passes, stripe.stuck_days) == (("exact_reference",), 3)
    assert (other.passes, other.stuck_days) == (("own_reference",), 3)


def test_the_hash_follows_the_values_alone() -> None:
    rules = parse_rules(GOOD, "a")
    again = parse_rules("# a comment\n" + GOOD, "b")
    other = parse_rules(GOOD.replace("provider: 2", "provider: 3"), "c")
    assert rules.rules_hash == again.rules_hash != other.rules_hash
    assert len(load_rules().rules_hash) == 64


DEFAULT = "providers.default"
BAD = {
    "unknown key": ("unpaid_days: 35", "unpayed_days: 35\n    unpaid_days: 35", 20, "unpayed_days"),
    "unknown key inside": ("provider: 2}", "provider: 2, bank: 1}", 9, "grace.0.bank"),
    "missing key": ("    unpaid_days: 35\n", "", 6, "unpaid_days"),
    "missing key inside": (", provider: 2}", "}", 9, "grace.0.provider"),
    "negative": ("provider: 2", "provider: -2", 9, "grace.0.provider"),
    "a number as text": ("provider: 2", "provider: '2'", 9, "grace.0.provider"),
    "half a minor unit": ("tolerance_minor: 5", "tolerance_minor: 0.5", 12,
                          "amounts.0.tolerance_minor"),
    "a percentage that is not exact": ("'2.9'", "2.9", 14, "fees.0.percent"),
    "a fee above the amount": ("'2.9'", "'100.1'", 14, "fees.0.percent"),
    "a rate of nothing": ("from: USD", "from: XXZ", 17, "rates.0.from"),
    "a rate of one currency": ("from: USD", "from: BRL", 17, "rates.0"),
    "bounds that hold nothing": ("low: '4.5'", "low: '7.5'", 17, "rates.0"),
    "unknown pass": ("[exact_reference]\n", "[by_guess]\n", 25, "providers.stripe.passes.0"),
    "no pass": ("[exact_reference]\n", "[]\n", 25, "providers.stripe.passes"),
    "a pass twice": ("[exact_reference]\n", "[exact_reference, exact_reference]\n", 25,
                     "providers.stripe.passes"),
    "passes in an order that is not run": ("[exact_reference]\n",
        "[own_reference, exact_reference]\n", 25, "providers.stripe.passes"),
    "two values for one key": ("unpaid_days: 35", "unpaid_days: 35\n    unpaid_days: 30", 21,
                               "unpaid_days"),
    "two values for one key inside": ("provider: 2}", "provider: 2, internal: 9}", 9,
                                      "grace.0.internal"),
    "a first item that does not fit all": ("{internal: 1,", "{method: card, internal: 1,", 6, ""),
    "an item that is never used": ("{method: boleto, internal: 3", "{internal: 3", 6, ""),
    "a rate that is never used": ("high: '6.5'}", "high: '6.5'}\n      - {from: USD, to: BRL, "
                                  "low: '4', high: '9'}", 6, ""),
    "linked, and a break at once": ("{amount_minor: 5,", "{amount_minor: 6,", 6, ""),
    "linked in one currency, and a break at once": ("tolerance_minor: 5}",
        "tolerance_minor: 5}\n      - {currency: JPY, tolerance_minor: 4}", 6, ""),
    "a change of nothing known": ("[exact_reference]\n", "[exact_reference]\n    changes:\n"
        "      - {since: 2026-04-01, unpayed_days: 3}\n", 27,
        "providers.stripe.changes.0.rules.unpayed_days"),
    "a change without its day": ("[exact_reference]\n", "[exact_reference]\n    changes:\n"
        "      - {unpaid_days: 3}\n", 27, "providers.stripe.changes.0.since"),
    "changes in no order": ("[exact_reference]\n", "[exact_reference]\n    changes:\n"
        "      - {since: 2026-04-02}\n      - {since: 2026-04-01}\n", 24, "providers.stripe"),
    "a window that ends before the grace": ("{window: 5,", "{window: 1,", 23, "bank_days"),
    "no working day": ("[sat, sun]", "[mon, tue, wed, thu, fri, sat, sun]", 2, "calendar"),
    "unknown version": ("version: 1", "version: 2", 1, "version"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_rule_is_named(case: str) -> None:
    old, new, line, key = BAD[case]
    assert old in GOOD
    if key.partition(".")[0] not in {"calendar", "version", "providers"}:
        key = f"{DEFAULT}.{key}".rstrip(".")
    with pytest.raises(RulesError) as caught:
        parse_rules(GOOD.replace(old, new, 1), "rules.yaml")
    assert str(caught.value).startswith(f"rules.yaml, line {line}, key {key}: ")
    assert "\n" not in str(caught.value)


def test_rules_without_a_default_are_refused() -> None:
    with pytest.raises(RulesError, match="providers: name the rules of 'default'"):
        parse_rules(GOOD.replace("  default:", "  paypal:"), "rules.yaml")


@pytest.mark.parametrize("text", ["", "just a word", "- a\n- b\n", "version: [1\n", "a: *b\n"])
def test_what_is_no_rules_file_is_refused(text: str) -> None:
    with pytest.raises(RulesError, match=r"rules\.yaml"):
        parse_rules(text, "rules.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"none\.yaml"):
        load_rules(tmp_path / "none.yaml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(RulesError, match="UTF-8"):
        load_rules(tmp_path / "rules.yaml")
