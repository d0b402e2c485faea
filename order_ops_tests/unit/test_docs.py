"""What the documents name exists, and what is made from the code is current."""

import re
from pathlib import Path

import pytest

from order_ops import docs

ROOT = Path(docs.__file__).resolve().parent.parent
REFERENCE = re.compile(r"`((?:unit|integration|acceptance|faults)/[\w/]+\.py)(?:::(\w+))?`")


def test_every_proof_of_the_checklist_exists() -> None:
    text = (ROOT / "docs" / "checklist.md").read_text(encoding="utf-8")
    found = REFERENCE.findall(text)
    assert len(found) > 25
    for path, test in found:
        source = (ROOT / "order_ops_tests" / path).read_text(encoding="utf-8")
        assert f"def {test or 'test_'}" in source, (path, test)


def test_pages_made_from_the_code_are_current() -> None:
    assert docs.stale() == []


@pytest.mark.parametrize("page", ["README.md", "docs/house.md"])
def test_links_of_the_page_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    for target in targets:
        assert ((ROOT / page).parent / target).exists(), target
