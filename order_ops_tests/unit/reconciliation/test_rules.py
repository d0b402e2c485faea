"""Rules are read strictly, and what is wrong with a file is said with its line and key."""

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
  default: [exact_reference]
  stripe:
    - exact_reference
    - own_reference
"""


def test_the_bundled_rules_are_good() -> None:
    rules = load_rules()
    assert (rules.grace_days.internal, rules.grace_days.provider) == (1, 1)
    assert rules.amount_tolerance_minor == 0
    assert rules.passes_of("stripe") == ["exact_reference", "own_reference"]


def test_passes_are_by_provider() -> None:
    rules = parse_rules(GOOD, "rules.yaml")
    assert rules.passes_of("stripe") == ["exact_reference", "own_reference"]
    assert rules.passes_of("another") == ["exact_reference"]


def test_the_hash_is_of_the_values() -> None:
    same = parse_rules("# a comment\n" + GOOD, "rules.yaml")
    other = parse_rules(GOOD.replace("provider: 2", "provider: 3"), "rules.yaml")
    assert same.rules_hash == parse_rules(GOOD, "x").rules_hash
    assert other.rules_hash != same.rules_hash


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("version: 1", "version: 9", 1, "version"),
        ("  provider: 2", "  provider: two", 4, "grace_days.provider"),
        ("  provider: 2", "  provider: -1", 4, "grace_days.provider"),
        ("  provider: 2\n", "", 2, "grace_days.provider"),
        ("unpaid_days: 35", "unpaid_days: 1.5", 5, "unpaid_days"),
        ("unpaid_days: 35", "unpaid: 35", 5, "unpaid"),
        ("    - own_reference", "    - guess", 11, "passes.stripe.1"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, line: int, key: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(GOOD.replace(old, new), "rules.yaml")
    said = str(caught.value)
    if key == "unpaid":  # both the unknown key and the missing one are right to name
        assert said.startswith("rules.yaml, line ")
        assert "unpaid" in said
    else:
        assert said.startswith(f"rules.yaml, line {line}, key {key}: ")


@pytest.mark.parametrize("text", ["", "[]", "version: [1", "just words"])
def test_what_is_no_rules_file_is_refused(text: str) -> None:
    with pytest.raises(RulesError, match=r"rules\.yaml"):
        parse_rules(text, "rules.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"none\.yaml: No such file"):
        load_rules(tmp_path / "none.yaml")
