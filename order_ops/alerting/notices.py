"""What is told at a channel: an alert as it is now, and why it is told.

Values and words that every channel shares; how a channel lays them out is its own module.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from order_ops.domain.alert_kinds import Severity
from order_ops.domain.money import MoneyError, format_minor

Step = Literal["open", "rise", "again", "escalate", "refresh", "end"]
"""Why: it is new, its severity rose, its snooze ended, nobody acknowledged it, its message is
brought up to date, it is resolved."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An alert to be told; times are UTC, `money` minor units by currency.

    Attributes:
        orders: some of the orders it is about, `order_count` how many there are.
        correlation_id: of the message that it came of, or the last of several.
    """

    id: int
    dedupe_key: str
    severity: Severity
    title: str
    owner: str
    runbook: str
    seen: int
    created_at: datetime
    last_seen_at: datetime
    tenant_id: str | None = None
    orders: tuple[str, ...] = ()
    order_count: int = 0
    money: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    attempt: int | None = None
    run_id: str | None = None
    correlation_id: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    snoozed_until: datetime | None = None
    snoozed_by: str | None = None
    resolved_at: datetime | None = None

    @property
    def name(self) -> str:
        """What a person copies: `order-ops trace` finds by it all that is connected."""
        return f"{self.id} {self.dedupe_key}"


@dataclass(frozen=True, slots=True)
class Notice:
    """A subject and why it is told; `number` counts what one channel was sent about it.

    Attributes:
        was: the severity that the channel was last told.
        begun_at: when this notice was begun to be sent.
    """

    subject: Subject
    step: Step
    number: int
    was: Severity | None = None
    begun_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Where buttons lead: base addresses, None: no button."""

    ui_url: str | None = None
    runbook_url: str | None = None

    def run(self, subject: Subject) -> str | None:
        """The page of the run in Dagster's UI."""
        if self.ui_url is None or subject.run_id is None:
            return None
        return f"{self.ui_url.rstrip('/')}/runs/{subject.run_id}"

    def runbook(self, subject: Subject) -> str | None:
        """The page that says what to do."""
        if self.runbook_url is None:
            return None
        return f"{self.runbook_url.rstrip('/')}/{subject.runbook}"


def moment(at: datetime) -> str:
    """A moment for people, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lasting(span: timedelta) -> str:
    """A span for people, of its two largest units: "2 h 5 min"."""
    left, parts = max(0, round(span.total_seconds())), []
    for seconds, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def at_stake(money: dict[str, int]) -> str:
    """Amounts for people, one per currency; a currency that nobody knows in minor units."""
    return ", ".join(_amount(amount, currency) for currency, amount in sorted(money.items()))


def _amount(amount: int, currency: str) -> str:
    try:
        return format_minor(amount, currency)
    except MoneyError:
        return f"{amount} {currency} (minor units)"


def why(notice: Notice) -> str | None:
    """Why an alert that was told before rings again, or rings late; None: it is plainly new."""
    one = notice.subject
    if notice.step == "rise":
        return f"Its severity rose from {notice.was} to {one.severity}."
    if notice.step == "escalate":
        return "Nobody has acknowledged it."
    if notice.step in {"again", "open"} and one.snoozed_until is not None:
        who, until = one.snoozed_by, moment(one.snoozed_until)
        return f"It was snoozed by {who} until {until}, and is still open."
    return None


def state(subject: Subject) -> str | None:
    """What people did about it, or how it ended."""
    if subject.resolved_at is not None:
        after = lasting(subject.resolved_at - subject.created_at)
        return f"Resolved {moment(subject.resolved_at)}, after {after}."
    if subject.acknowledged_at is not None:
        return f"Acknowledged by {subject.acknowledged_by}, {moment(subject.acknowledged_at)}."
    if subject.snoozed_until is not None:
        return f"Snoozed by {subject.snoozed_by} until {moment(subject.snoozed_until)}."
    return None
