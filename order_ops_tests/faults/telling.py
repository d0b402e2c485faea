"""Slack as the real watcher talks to it, and whether it was told of each alert, once."""

from collections import Counter
from typing import Any

from order_ops.devstack.waiting import wait_until
from order_ops_tests.faults.system import System
from order_ops_tests.slack import CHANNEL, TOKEN, Slack

_TOLD_S = 180.0
_UNTOLD = """SELECT a.dedupe_key, d.state, d.last_error FROM ops.alert a
    LEFT JOIN ops.alert_delivery d ON d.alert_id = a.id
    WHERE d.state IS NULL OR d.state IN ('waiting', 'sending')"""
_MEANT = """SELECT a.id, a.dedupe_key FROM ops.alert a JOIN ops.alert_delivery d
    ON d.alert_id = a.id WHERE d.state <> 'skipped'"""


def settings_of(slack: Slack) -> dict[str, Any]:
    """A watcher's settings: it tells the stand-in, and waits a second for an answer."""
    return {
        "slack_token": TOKEN,
        "slack_channel": CHANNEL,
        "slack_api_base": slack.base,
        "alert_timeout_s": 1,
    }


def wait_told(system: System) -> None:
    """Wait until nothing is left to be told, as far as the watcher knows."""
    wait_until(lambda: not system.rows(_UNTOLD), _TOLD_S, "every alert to be told")


def check_told_once(system: System, slack: Slack) -> list[str]:
    """Slack has one message of each alert, and each notice of it once; the alerts' keys.

    The watcher has ended: what is told meanwhile would be neither here nor there.
    """
    meant = dict(system.rows(_MEANT))
    told = Counter(_alert(message) for message in slack.first())
    assert told == Counter(meant.keys()), f"of {meant}, told: {told}"
    notices = Counter((_alert(one), _identity(one)["notice"]) for one in slack.messages)
    assert max(notices.values()) == 1, f"the same notice more than once: {notices}"
    return sorted(meant.values())


def _alert(message: dict[str, Any]) -> int:
    return int(_identity(message)["alert_id"])


def _identity(message: dict[str, Any]) -> dict[str, Any]:
    return dict(message["metadata"]["event_payload"])
