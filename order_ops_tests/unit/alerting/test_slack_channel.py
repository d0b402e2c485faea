"""Which message is whose; the rest is tested with the real client on a stand-in."""

from types import SimpleNamespace
from typing import Any

import pytest

from order_ops.alerting.channels import DeliveryError
from order_ops.alerting.slack_channel import SlackChannel, identity
from order_ops_tests.unit.alerting.subjects import notice


def test_no_two_notices_are_the_same_message() -> None:
    told = [identity(n) for n in (notice(), notice(number=2), notice(id=8), notice(dedupe_key="x"))]
    assert len({str(one) for one in told}) == 4


def test_a_look_that_takes_too_long_says_so_and_guesses_nothing() -> None:
    pages = []

    def history(**asked: Any) -> dict[str, Any]:
        pages.append(asked["cursor"])
        return {"messages": [], "response_metadata": {"next_cursor": "more"}}

    slow: Any = SimpleNamespace(timeout=-1, conversations_history=history)
    with pytest.raises(DeliveryError, match="in time") as failed:
        SlackChannel(slow, "C1").find(notice(), None)
    assert (len(pages), failed.value.whole_channel) == (1, True)
