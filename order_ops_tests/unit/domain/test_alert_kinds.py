"""Every kind of alert that the code raises has an owner and a page that says what to do."""

import re
from pathlib import Path

import pytest

import order_ops
from order_ops.domain.alert_kinds import DEFAULT, KINDS, kind_of

PACKAGE = Path(order_ops.__file__).parent
ROOT = PACKAGE.parent
KEY = re.compile(r"""(?:dedupe_key=|Alert\(|return |_PREFIX = )f?"([a-z_]+):""")


def raised() -> set[str]:
    """First words of what looks like a dedupe key, where alerts are raised."""
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    return {kind for text in sources if "Alert(" in text for kind in KEY.findall(text)}


@pytest.mark.parametrize("kind", [*KINDS.values(), DEFAULT], ids=[*KINDS, "default"])
def test_it_has_a_page_with_steps(kind: object) -> None:
    assert isinstance(kind, type(DEFAULT))
    text = (ROOT / kind.runbook).read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "\n1. " in text
    assert kind.owner


def test_no_page_is_of_no_kind() -> None:
    there = {f"docs/runbooks/{path.name}" for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert there == {kind.runbook for kind in (*KINDS.values(), DEFAULT)}


def test_every_kind_that_is_raised_is_named() -> None:
    found = raised()
    assert {"dead_letter", "process", "provider", "order", "delivery"} <= found
    assert found <= set(KINDS)


def test_a_kind_is_the_first_word_of_the_key() -> None:
    assert kind_of("repair:shop:o1:undecided") is KINDS["repair"]
    assert kind_of("nobody:knows") is DEFAULT
    assert kind_of("") is DEFAULT
