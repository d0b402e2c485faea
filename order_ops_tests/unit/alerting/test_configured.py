"""The channels that settings name, and that nothing of them is seen."""

import pytest

from order_ops.alerting.channels import redacted
from order_ops.alerting.configured import channels, secrets
from order_ops.settings import Settings

TOKEN, HOOK = "xoxb-canary", "https://hooks.example/T/B/canary"
PAGER, MAIL = "pagerduty://canary@key", "mailtos://u:canary@host"


def settings(**more: object) -> Settings:
    return Settings(database_url="postgresql://u@h/d", **more)


def test_none_is_none() -> None:
    assert channels(settings()) == []


def test_a_token_goes_before_a_webhook() -> None:
    both = settings(slack_token=TOKEN, slack_channel="C0123", slack_webhook_url=HOOK)
    assert [channel.name for channel in channels(both)] == ["slack"]
    assert [c.name for c in channels(settings(slack_webhook_url=HOOK))] == ["slack_webhook"]


def test_an_address_keeps_its_name_wherever_it_is_in_the_list() -> None:
    first, second = channels(settings(apprise_urls=[PAGER, MAIL]))
    assert [c.name for c in channels(settings(apprise_urls=[MAIL]))] == [second.name]
    assert first.name != second.name
    assert (first.severities, first.rings, first.updates) == (("critical",), True, False)


def test_a_call_ends_before_its_lease() -> None:
    (slack,) = channels(settings(slack_webhook_url=HOOK, lease_s=6))
    assert slack.client.timeout == 2  # type: ignore[attr-defined]


def test_the_sdk_never_sends_again_by_itself() -> None:
    for given in ({"slack_webhook_url": HOOK}, {"slack_token": TOKEN, "slack_channel": "C0123"}):
        (slack,) = channels(settings(**given))
        assert slack.client.retry_handlers == []  # type: ignore[attr-defined]


def test_no_secret_is_seen() -> None:
    whole = settings(
        slack_token=TOKEN, slack_channel="C0123", dead_man_url=HOOK, apprise_urls=[PAGER, MAIL]
    )
    kept = secrets(whole)
    assert sorted(kept) == sorted([TOKEN, HOOK, PAGER, MAIL])
    assert "canary" not in repr(whole) + repr(channels(whole))
    assert "canary" not in redacted(f"at {HOOK}: {TOKEN} {PAGER}", kept)


@pytest.mark.parametrize("text", ["", "no secret"])
def test_what_has_no_secret_stays_as_it_is(text: str) -> None:
    assert redacted(text, ["", "canary"]) == text
