"""Alerts of schema ops: what people must hear of, where they were told, and when they are not."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from order_ops.domain.alert_kinds import DEFAULT
from order_ops.store.tables.columns import (
    document,
    identity,
    metadata,
    moment,
    number,
    one_of,
    words,
)

_ENDED = "state IN ('ended', 'skipped')"

alert = Table(
    "alert",
    metadata,
    identity(),
    words("dedupe_key"),
    words("severity"),
    words("title"),
    document("detail"),
    words("tenant_id", null=True),
    words("order_id", null=True),
    number("amount_minor", null=True),
    words("currency", null=True),
    words("owner", default=DEFAULT.owner),
    words("runbook", default=DEFAULT.runbook),
    number("seen", default="1"),
    number("version", default="1"),
    moment("created_at", now=True),
    moment("last_seen_at", now=True),
    moment("acknowledged_at"),
    words("acknowledged_by", null=True),
    moment("snoozed_until"),
    words("snoozed_by", null=True),
    moment("escalated_at"),
    moment("resolved_at"),
    one_of("severity", "info", "warning", "critical"),
    Index("uq_alert_open", "dedupe_key", unique=True, postgresql_where=text("resolved_at IS NULL")),
    Index("ix_alert_resolved", "resolved_at", postgresql_where=text("resolved_at IS NOT NULL")),
    comment="What a person must hear of; one open row per `dedupe_key`. `seen`: how often; "
    "`version`: counts what changed of it; a severity only rises.",
    schema="ops",
)

alert_delivery = Table(
    "alert_delivery",
    metadata,
    identity(),
    Column("alert_id", BigInteger, ForeignKey("ops.alert.id", ondelete="CASCADE"), nullable=False),
    words("channel"),
    words("state", default="waiting"),
    words("step", null=True),
    words("step_severity", null=True),
    number("notice", default="0"),
    words("ref", null=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("next_at", now=True),
    moment("sent_at"),
    moment("delivered_at"),
    moment("notified_at"),
    moment("told_at"),
    number("told_version", null=True),
    words("told_severity", null=True),
    moment("escalated_at"),
    words("last_error", null=True),
    words("reason", null=True),
    UniqueConstraint("alert_id", "channel"),
    one_of("state", "waiting", "sending", "told", "ended", "skipped"),
    CheckConstraint("(state = 'skipped') = (reason IS NOT NULL)", name="reason"),
    Index("ix_alert_delivery_due", "next_at", postgresql_where=text(f"NOT ({_ENDED})")),
    comment="An alert at a channel. `sending`: the outcome of `step` is not known; `notice`: "
    "counts what was sent; `ref`: the message there; `delivered_at`: first, `notified_at`: last "
    "time that it rang, `told_at`: last time that anything was told.",
    schema="ops",
)

maintenance = Table(
    "maintenance",
    metadata,
    identity(),
    words("prefix"),
    moment("from_at", now=True),
    moment("until_at", null=False),
    words("actor"),
    words("reason"),
    CheckConstraint("until_at >= from_at", name="until_at"),
    Index("ix_maintenance_until", "until_at"),
    comment="Windows in which alerts whose key starts with `prefix` are held.",
    schema="ops",
)
