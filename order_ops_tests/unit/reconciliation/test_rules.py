"""A rules file is used as it is written, or refused with its line and key."""

from pathlib import Path

import pytest

from order_ops.reconciliation.rules import RulesError, load_rules, parse_rules

GOOD = """\
version: 1
grace_days:
  internal: 1
  provider: 2
unpaid_days: 35
amount_tolerance_minor: 0
passes:
  default: [exact_reference, own_reference]
  stripe: [exact_reference]
"""


def test_a_good_file_is_read() -> None:
    rules = parse_rules(GOOD, "rules.yaml")
    assert (rules.grace_days.internal, rules.grace_days.provider) == (1, 2)
    assert rules.passes_of("stripe") == ["exact_reference"]
    assert rules.passes_of("other") == ["exact_reference", "own_reference"]


def test_the_hash_follows_the_values_alone() -> None:
    rules = parse_rules(GOOD, "a")
    again = parse_rules("# a comment\n" + GOOD, "b")
    other = parse_rules(GOOD.replace("provider: 2", "provider: 3"), "c")
    assert rules.rules_hash == again.rules_hash != other.rules_hash
    assert len(load_rules().rules_hash) == 64


BAD = {
    "unknown key": ("unpaid_days: 35", "unpayed_days: 35\nunpaid_days: 35", 5, "unpayed_days"),
    "unknown key inside": ("  provider: 2", "  provider: 2\n  bank: 1", 5, "grace_days.bank"),
    "missing key": ("unpaid_days: 35\n", "", 1, "unpaid_days"),
    "missing key inside": ("  provider: 2\n", "", 2, "grace_days.provider"),
    "negative": ("provider: 2", "provider: -2", 4, "grace_days.provider"),
    "a number as text": ("provider: 2", "provider: '2'", 4, "grace_days.provider"),
    "half a minor unit": ("minor: 0", "minor: 0.5", 6, "amount_tolerance_minor"),
    "unknown version": ("version: 1", "version: 2", 1, "version"),
    "unknown pass": ("[exact_reference]", "[by_guess]", 9, "passes.stripe.0"),
    "no pass": ("[exact_reference]", "[]", 9, "passes.stripe"),
    "a pass twice": (
        "[exact_reference]",
        "[exact_reference, exact_reference]",
        9,
        "passes.stripe",
    ),
    "passes in an order that is not run": (
        "[exact_reference]",
        "[own_reference, exact_reference]",
        9,
        "passes.stripe",
    ),
    "no default": (
        "  default: [exact_reference, own_reference]\n",
        "",
        7,
        "passes",
    ),
    "two values for one key": (
        "unpaid_days: 35",
        "unpaid_days: 35\nunpaid_days: 30",
        6,
        "unpaid_days",
    ),
    "two values for one key inside": (
        "  provider: 2",
        "  provider: 2\n  internal: 9",
        5,
        "grace_days.internal",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_rule_is_named(case: str) -> None:
    old, new, line, key = BAD[case]
    assert old in GOOD
    with pytest.raises(RulesError) as caught:
        parse_rules(GOOD.replace(old, new, 1), "rules.yaml")
    assert str(caught.value).startswith(f"rules.yaml, line {line}, key {key}: ")
    assert "\n" not in str(caught.value)


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
