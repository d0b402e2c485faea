"""Several channels, several deliverers: who is told what, and what happens when one fails."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from pytest_httpserver import HTTPServer
from slack_sdk.webhook import WebhookClient
from structlog.testing import capture_logs
from werkzeug import Request, Response

from order_ops.alerting.apprise_channel import AppriseChannel
from order_ops.alerting.channels import DeliveryError, Receipt
from order_ops.alerting.notices import Notice
from order_ops.alerting.webhook_channel import WebhookChannel
from order_ops.devstack.waiting import wait_until
from order_ops.jobs.alerts.alert_delivery import LEASE
from order_ops.store import leases
from order_ops.store.engine import transaction
from order_ops.store.queries import deliveries as sql
from order_ops_tests.integration.alerting import (
    Pager,
    all_are,
    by_token,
    deliveries,
    ended,
    everywhere,
    id_of,
    later,
    made,
    raised,
    running,
    settled,
    states,
)
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.slack import RATE_LIMITED, TOKEN, Answer, Slack, serving

DOWN = DeliveryError("it is away")


@pytest.fixture
def slack() -> Iterator[Slack]:
    with serving(Slack()) as made:
        yield made


def test_a_webhook_is_told_the_end_in_a_second_message(shop: Shop, slack: Slack) -> None:
    slack.plan("webhook", RATE_LIMITED, Answer(500, "rollup_error"))
    hook = WebhookChannel(WebhookClient(slack.webhook, 5, retry_handlers=[]))
    deliverer = made(shop, hook)
    raised(shop, "job:x")
    with running(deliverer):
        all_are(shop, "told", 1)
        ended(shop, "job:x")
        all_are(shop, "ended", 1)
    first, second = slack.hooked
    assert first["text"] == "critical: job:x is wrong"
    assert second["text"].startswith("resolved: job:x is wrong. Resolved 20")
    assert second["text"].endswith(f" Alert {id_of(shop, 'job:x')} job:x")
    assert not second["blocks"]


def test_pagers_ring_for_what_is_critical_alone(shop: Shop, slack: Slack) -> None:
    pager = Pager()
    deliverer = made(shop, by_token(slack), pager)
    raised(shop, "job:a", severity="warning")
    raised(shop, "job:b")
    settled(deliverer)
    assert (len(slack.messages), len(pager.told)) == (2, 1)
    raised(shop, "job:a", severity="critical")
    settled(deliverer)
    assert [n.subject.dedupe_key for n in pager.told] == ["job:b", "job:a"]
    ended(shop, "job:a", "job:b")
    settled(deliverer)
    assert pager.steps == ["open", "open", "end", "end"]


def test_apprise_tells_what_is_known(shop: Shop, httpserver: HTTPServer) -> None:
    got: list[dict[str, str]] = []

    def take(request: Request) -> Response:
        got.append(json.loads(request.data))
        return Response("", 200 if len(got) > 1 else 500)

    httpserver.expect_request("/hook").respond_with_handler(take)
    url = f"json://127.0.0.1:{httpserver.port}/hook"
    raised(shop, "order:shop:o1:2", order_id="o1", amount_minor=500, currency="JPY")
    with running(made(shop, AppriseChannel(url))):
        all_are(shop, "told", 1)
    assert got[1]["title"] == "critical: order:shop:o1:2 is wrong"
    assert "money at stake: JPY 500" in got[1]["message"]
    assert "runbook: docs/runbooks/orders.md" in got[1]["message"]


def test_a_channel_that_fails_for_long_is_told_by_the_others(shop: Shop, slack: Slack) -> None:
    pager = Pager(error=DOWN)
    raised(shop, "job:x")
    fails = "delivery:pager:test"
    with capture_logs() as lines, running(made(shop, by_token(slack), pager, failing_s=0.3)):
        wait_until(lambda: any(fails in str(m) for m in slack.messages), 30, "Slack is told")
        pager.error = None
        done = "SELECT count(*) FROM ops.alert WHERE resolved_at IS NOT NULL"
        wait_until(lambda: shop.one(done) == 1, 30, "its alert ends when it works again")
        wait_until(lambda: "ended" in states(shop), 30, "and Slack is told so")
    assert pager.steps == ["open"], "it is not told of itself"
    assert [n.subject.dedupe_key for n in pager.told] == ["job:x"]
    assert shop.one("SELECT count(*) FROM ops.alert") == 2
    assert any(line["event"] == "alerts.channel_fails" for line in lines)


def test_what_only_a_person_can_mend_is_said_with_what_to_do(shop: Shop, slack: Slack) -> None:
    slack.plan("chat.postMessage", *[Answer(error="invalid_auth")] * 2)
    raised(shop, "job:x")
    with capture_logs() as lines, running(made(shop, by_token(slack))):
        all_are(shop, "told", 1)
    said = [line for line in lines if line["event"] == "alerts.channel_failed"]
    assert len(said) == 2
    assert (said[0]["log_level"], "ORDER_OPS_SLACK_TOKEN: make a new" in said[0]["error"]) == (
        "error",
        True,
    )


def test_a_message_that_is_refused_holds_up_no_other(shop: Shop, slack: Slack) -> None:
    raised(shop, "job:a", "job:b")
    slack.plan("chat.postMessage", Answer(error="as_user_not_supported"))
    deliverer = made(shop, by_token(slack))
    settled(deliverer)
    assert len(slack.messages) >= 1
    with running(deliverer):
        all_are(shop, "told", 2)
    assert len(slack.messages) == 2


def test_a_fault_of_a_library_concerns_one_alert(shop: Shop) -> None:
    pager = everywhere(error=ZeroDivisionError("in a library"), only="job:a")
    raised(shop, "job:a", "job:b")
    with running(made(shop, pager)):
        wait_until(lambda: pager.told, 30, "the other is told")
        tried = "SELECT count(*) FROM ops.alert_delivery WHERE attempts > 1"
        wait_until(lambda: shop.one(tried) == 1, 30, "the first is tried again")
        pager.error = None
        all_are(shop, "told", 2)
    assert [n.subject.dedupe_key for n in pager.told] == ["job:b", "job:a"]


def test_of_two_deliverers_one_is_active(shop: Shop, slack: Slack) -> None:
    two = [made(shop, by_token(slack)) for _ in range(2)]
    with running(*two):
        for n in range(50):
            raised(shop, f"job:{n}")
        all_are(shop, "told", 50)
    assert len(slack.messages) == 50
    assert not leases.is_held(shop.pool, LEASE)


def test_the_other_takes_over(shop: Shop) -> None:
    first, second = everywhere(name="pager:a"), everywhere(name="pager:a")
    one, other = made(shop, first), made(shop, second)
    raised(shop, "job:a")
    settled(one)
    assert not other.tick()
    with running(one):
        pass
    raised(shop, "job:b")
    settled(other)
    assert (len(first.told), len(second.told)) == (1, 1)


@dataclass
class _Slow(Pager):
    """What happens while it is asked, and while it is told, is up to the test."""

    meanwhile: Callable[[], object] = lambda: None

    def find(self, notice: Notice, ref: str | None) -> Receipt | None:
        self.meanwhile()
        if self.error is not None:
            raise self.error
        return None

    def tell(self, notice: Notice, ref: str | None) -> Receipt:
        self.meanwhile()
        return super().tell(notice, ref)


def _let_lease_pass(shop: Shop) -> None:
    shop.rows("UPDATE ops.lease SET lease_until = now() - interval '1 s' RETURNING 1")


@pytest.mark.parametrize("late", [None, DOWN], ids=["not there", "not known"])
def test_what_an_overtaken_deliverer_finds_out_late_changes_nothing(
    shop: Shop, late: DeliveryError | None
) -> None:
    """It looked for a message for longer than its lease; another one has sent it again since."""
    looking, telling, recorded = (threading.Event() for _ in range(3))

    def look() -> None:
        looking.set()
        assert telling.wait(30)

    def tell() -> None:
        telling.set()
        assert recorded.wait(30)

    asked, heir = _Slow(error=late, meanwhile=look), _Slow()
    overtaken, active = made(shop, asked), made(shop, heir)
    raised(shop, "job:a")
    (due,) = overtaken._due()
    with transaction(shop.pool) as conn:
        sql.begin(conn, id=due.id, notice=0, step="open")
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(overtaken.tick)
        assert looking.wait(30)
        _let_lease_pass(shop)
        active.tick()  # nothing is there
        heir.meanwhile = tell
        second = threads.submit(active.tick)
        first.result(30)
        (row,) = deliveries(shop)
        assert (row.state, row.notice, row.attempts) == ("sending", 2, 0)
        recorded.set()
        second.result(30)
    settled(active)
    assert ([n.number for n in heir.told], asked.told) == ([2], [])
    assert states(shop) == ["told"]


def test_what_was_due_before_another_told_it_is_not_told_again(shop: Shop) -> None:
    """A deliverer slept between its look at what is due and the first call."""
    slept, active = everywhere(), everywhere()
    sleeper = made(shop, slept)
    raised(shop, "job:a")
    (due,) = sleeper._due()
    settled(made(shop, active))
    sleeper._send(due)
    assert (active.steps, slept.steps) == (["open"], [])


def test_what_waits_for_a_channel_that_is_gone_is_forgotten(shop: Shop) -> None:
    raised(shop, "job:a")
    gone, there = everywhere(name="gone", error=DOWN), everywhere(name="there")
    first = made(shop, gone)
    settled(first)
    with running(first):
        pass
    settled(made(shop, there))
    assert [row.channel for row in deliveries(shop)] == ["there"]


def test_a_new_channel_is_not_told_of_what_ended_long_ago(shop: Shop) -> None:
    raised(shop, "job:a")
    ended(shop, "job:a")
    later(shop, "0 seconds")
    shop.rows("UPDATE ops.alert SET resolved_at = now() - interval '2 days' RETURNING 1")
    settled(made(shop, everywhere()))
    assert deliveries(shop) == []


def test_no_line_and_no_row_holds_a_secret(shop: Shop, slack: Slack) -> None:
    hook = WebhookChannel(WebhookClient(slack.webhook, 5, retry_handlers=[]))
    raised(shop, "job:a")
    for answer in (Answer(500, TOKEN), Answer(400, TOKEN), Answer(error="token_revoked")):
        slack.plan("chat.postMessage", answer)
        slack.plan("webhook", Answer(answer.status, f"{answer.error} {TOKEN}"))
    with capture_logs() as lines, running(made(shop, by_token(slack), hook)):
        tried = "SELECT count(*) FROM ops.alert_delivery WHERE state = 'told'"
        wait_until(lambda: shop.one(tried) == 2, 30, "both are told in the end")
    rows = shop.rows("SELECT d::text AS told FROM ops.alert_delivery AS d")
    for text in (*map(str, lines), *(row.told for row in rows)):
        assert "canary" not in text
