"""Spans of time as a person types them."""

from datetime import timedelta

import pytest

from order_ops.cli.durations import duration
from order_ops.settings import SettingsError


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        (" 30m ", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("90d", timedelta(days=90)),
    ],
)
def test_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert duration("--for", text) == span


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "1.5h", "2 h", "1w", "0s", "91d", "\uff12h"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^--for: "):
        duration("--for", text)
