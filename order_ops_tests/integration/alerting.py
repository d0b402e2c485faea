"""What the tests of alert delivery say: deliverers at a quick pace, alerts, what was told."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from slack_sdk import WebClient

from order_ops.alerting.channels import Channel, Receipt
from order_ops.alerting.notices import Notice
from order_ops.alerting.slack_channel import SlackChannel
from order_ops.devstack.waiting import wait_until
from order_ops.domain.alert_kinds import SEVERITIES, Severity
from order_ops.domain.failures import RetryPolicy
from order_ops.jobs.alerts.alert_delivery import Deliverer, Pace
from order_ops.jobs.alerts.alert_sending import Sender
from order_ops.store import alerts
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.slack import CHANNEL, TOKEN, Slack

PACE = Pace(tick_s=0.02, lease_s=5.0, refresh_s=0.2, escalate_s=900.0, failing_s=60.0)
RETRY = RetryPolicy(attempts=1_000_000, base_s=0.05, cap_s=0.2)


def by_token(slack: Slack, timeout: int = 5) -> SlackChannel:
    client = WebClient(TOKEN, base_url=slack.base, timeout=timeout, retry_handlers=[])
    return SlackChannel(client, CHANNEL)


@dataclass
class Pager:
    """A channel that keeps what it is told; `error` is raised instead, when there is one."""

    name: str = "pager:test"
    severities: tuple[Severity, ...] = ("critical",)
    updates: bool = False
    rings: bool = True
    error: Exception | None = None
    only: str = ""
    told: list[Notice] = field(default_factory=list)

    def tell(self, notice: Notice, ref: str | None) -> Receipt:
        if self.error is not None and self.only in notice.subject.dedupe_key:
            raise self.error
        self.told.append(notice)
        return Receipt()

    def find(self, notice: Notice, ref: str | None) -> Receipt | None:
        return None

    @property
    def steps(self) -> list[str]:
        return [notice.step for notice in self.told]


def everywhere(**named: Any) -> Pager:
    return Pager(severities=SEVERITIES, **named)


def made(shop: Shop, *channels: Channel, **pace: float) -> Deliverer:
    sender = Sender(shop.pool, (TOKEN,), RETRY, lasting_s=0.2, settle_s=0.05)
    return Deliverer(sender, channels, replace(PACE, **pace))


def settled(deliverer: Deliverer) -> None:
    """Tell all that is due now."""
    while deliverer.tick():
        pass


@contextmanager
def running(*deliverers: Deliverer) -> Iterator[None]:
    threads = [threading.Thread(target=one.run) for one in deliverers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for one in deliverers:
            one.stop()
        for thread in threads:
            thread.join(30)


def raised(shop: Shop, *keys: str, severity: Severity = "critical", **more: Any) -> None:
    found = [Alert(key, severity, f"{key} is wrong", **more) for key in keys]
    with transaction(shop.pool) as conn:
        raise_alerts(conn, found)


def ended(shop: Shop, *keys: str) -> None:
    with transaction(shop.pool) as conn:
        alerts.resolve(conn, *keys)


def id_of(shop: Shop, key: str) -> int:
    return int(shop.one("SELECT max(id) FROM ops.alert WHERE dedupe_key = %(k)s", k=key))


def deliveries(shop: Shop) -> list[Any]:
    return shop.rows("SELECT * FROM ops.alert_delivery ORDER BY alert_id, channel")


def states(shop: Shop) -> Sequence[str]:
    return [row.state for row in deliveries(shop)]


def all_are(shop: Shop, state: str, count: int) -> None:
    wait_until(lambda: states(shop) == [state] * count, 30, f"{count} deliveries are {state}")


def later(shop: Shop, span: str) -> None:
    """Everything about alerts is that much older."""
    columns = {
        "alert": ("created_at", "last_seen_at", "snoozed_until", "acknowledged_at"),
        "alert_delivery": ("next_at", "delivered_at", "notified_at", "told_at", "sent_at"),
        "maintenance": ("from_at", "until_at"),
    }
    with transaction(shop.pool) as conn:
        for table, names in columns.items():
            moved = ", ".join(f"{name} = {name} - interval '{span}'" for name in names)
            conn.execute(f"UPDATE ops.{table} SET {moved}")


def texts(message: dict[str, Any]) -> str:
    """All that a message of Slack shows, as one text."""
    return str([message["text"], message.get("blocks"), message.get("attachments")])
