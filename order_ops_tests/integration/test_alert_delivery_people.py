"""What people do about alerts, and who is rung because of it."""

from datetime import timedelta

import pytest

from order_ops.jobs.alerts import handling
from order_ops.store.audit import Actor
from order_ops_tests.integration.alerting import (
    Pager,
    by_token,
    deliveries,
    ended,
    everywhere,
    id_of,
    later,
    made,
    raised,
    settled,
    states,
    texts,
)
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.slack import Slack, serving

ANA = Actor("ana", "looking into it")
HOUR = timedelta(hours=1)


def test_nobody_is_rung_again_for_what_is_acknowledged(shop: Shop) -> None:
    pager = everywhere()
    deliverer = made(shop, pager)
    raised(shop, "job:a", severity="warning")
    settled(deliverer)
    handling.acknowledge(shop.pool, id_of(shop, "job:a"), ANA)
    raised(shop, "job:a", severity="critical")
    settled(deliverer)
    later(shop, "1 hour")
    settled(deliverer)
    assert pager.steps == ["open"]
    ended(shop, "job:a")
    settled(deliverer)
    assert pager.steps == ["open", "end"]


def test_nobody_is_rung_for_what_is_acknowledged_before_it_was_told(shop: Shop) -> None:
    pager = everywhere()
    raised(shop, "job:a")
    handling.acknowledge(shop.pool, id_of(shop, "job:a"), ANA)
    deliverer = made(shop, pager)
    settled(deliverer)
    ended(shop, "job:a")
    settled(deliverer)
    (row,) = deliveries(shop)
    assert (pager.steps, row.state) == ([], "skipped")
    assert row.reason == "acknowledged before it was told"


def test_slack_shows_who_is_at_it(shop: Shop) -> None:
    raised(shop, "job:a")
    with serving(Slack()) as slack:
        deliverer = made(shop, by_token(slack), refresh_s=0)
        settled(deliverer)
        handling.acknowledge(shop.pool, id_of(shop, "job:a"), ANA)
        settled(deliverer)
        (message,) = slack.messages
    assert "Acknowledged by ana, 20" in texts(message)


def test_a_snooze_that_ends_is_told_again(shop: Shop) -> None:
    raised(shop, "job:a")
    with serving(Slack()) as slack:
        pager = Pager()
        deliverer = made(shop, by_token(slack), pager)
        settled(deliverer)
        handling.snooze(shop.pool, id_of(shop, "job:a"), HOUR, ANA)
        raised(shop, "job:a")
        settled(deliverer)
        assert (pager.steps, slack.replies()) == (["open"], [])
        later(shop, "61 minutes")
        settled(deliverer)
        settled(deliverer)
        (reply,) = slack.replies()
    assert pager.steps == ["open", "again"]
    assert "It was snoozed by ana until 20" in texts(reply)
    assert "and is still open" in texts(reply)


def test_a_snoozed_alert_that_ends_meanwhile_rings_nobody(shop: Shop) -> None:
    pager = everywhere()
    deliverer = made(shop, pager)
    raised(shop, "job:a")
    handling.snooze(shop.pool, id_of(shop, "job:a"), HOUR, ANA)
    settled(deliverer)
    ended(shop, "job:a")
    settled(deliverer)
    assert (pager.steps, deliveries(shop)[0].reason) == ([], "resolved while it was snoozed")


def test_maintenance_holds_what_is_told_after_it_if_it_is_still_open(shop: Shop) -> None:
    pager = everywhere()
    deliverer = made(shop, pager)
    window = handling.begin_maintenance(shop.pool, "job:", HOUR, ANA)
    raised(shop, "job:a", "job:b", "order:c")
    settled(deliverer)
    assert [n.subject.dedupe_key for n in pager.told] == ["order:c"]
    ended(shop, "job:b")
    settled(deliverer)
    handling.end_maintenance(shop.pool, window.id, ANA)
    settled(deliverer)
    assert [n.subject.dedupe_key for n in pager.told] == ["order:c", "job:a"]
    reasons = {row.reason for row in deliveries(shop) if row.state == "skipped"}
    assert reasons == {"resolved under maintenance"}


def test_maintenance_passes_by_itself(shop: Shop) -> None:
    pager = everywhere()
    handling.begin_maintenance(shop.pool, "job:", HOUR, ANA)
    raised(shop, "job:a")
    deliverer = made(shop, pager)
    settled(deliverer)
    later(shop, "61 minutes")
    settled(deliverer)
    assert pager.steps == ["open"]


@pytest.mark.parametrize(
    ("severity", "steps", "state"), [("critical", ["end"], "ended"), ("warning", [], "skipped")]
)
def test_what_ended_before_it_was_told(
    shop: Shop, severity: str, steps: list[str], state: str
) -> None:
    pager = everywhere()
    raised(shop, "job:a", severity=severity)
    ended(shop, "job:a")
    deliverer = made(shop, pager)
    settled(deliverer)
    settled(deliverer)
    assert (pager.steps, states(shop)) == (steps, [state])


def test_what_nobody_acknowledges_rings_the_pager_once_more(shop: Shop) -> None:
    pager = Pager()
    raised(shop, "job:a")
    with serving(Slack()) as slack:
        deliverer = made(shop, by_token(slack), pager)
        settled(deliverer)
        later(shop, "14 minutes")
        settled(deliverer)
        assert pager.steps == ["open"]
        for _ in range(2):
            later(shop, "2 minutes")
            settled(deliverer)
        assert len(slack.messages) == 1
    assert pager.steps == ["open", "escalate"]
    assert shop.one("SELECT escalated_at IS NOT NULL FROM ops.alert")


def test_what_is_raised_again_after_its_end_is_another_alert(shop: Shop) -> None:
    pager = everywhere()
    deliverer = made(shop, pager)
    for _ in range(2):
        raised(shop, "job:a")
        settled(deliverer)
        ended(shop, "job:a")
        settled(deliverer)
    assert pager.steps == ["open", "end"] * 2
