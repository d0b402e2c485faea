"""The execution ledger, and alerts that are delivered."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


_ONLY_ADDED = """
    CREATE OR REPLACE FUNCTION ops.only_added() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {exception}
        RAISE EXCEPTION '%.% is only ever added to', TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""
_OLD_MAY_GO = """IF TG_OP = 'DELETE' THEN
            IF OLD.at < now() - interval '10 years' THEN RETURN OLD; END IF;
        END IF;"""


def upgrade() -> None:
    """Expand."""
    op.execute(_ONLY_ADDED.format(exception=_OLD_MAY_GO))
    op.create_table(
        "beat",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("every_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_beat")),
        schema="ops",
        comment="When each process, schedule and sensor was last alive, and how often it should be.",
    )
    op.create_table(
        "job_execution",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("work_key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stalls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("run_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column(
            "input",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "requested_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "heartbeat_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("again_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("stack", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'waiting') = (again_at IS NOT NULL)", name=op.f("ck_job_execution_again_at")
        ),
        sa.CheckConstraint(
            "(state IN ('running', 'waiting')) = (ended_at IS NULL)",
            name=op.f("ck_job_execution_ended_at"),
        ),
        sa.CheckConstraint(
            "state IN ('running', 'waiting', 'done', 'failed', 'cancelled', 'superseded')",
            name=op.f("ck_job_execution_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_execution")),
        sa.UniqueConstraint(
            "job",
            "step",
            "work_key",
            "request",
            name=op.f("uq_job_execution_job_step_work_key_request"),
        ),
        schema="ops",
        comment="Work that was asked for: one row per job, step, work key and request; at most one of a work key is in hand. `fence` goes up with each that takes it over and is checked by each write; `lease_until` passes unless its worker renews it, and never goes past `deadline_at`.",
    )
    op.create_index(
        "ix_job_execution_again",
        "job_execution",
        ["again_at"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_job_execution_ended_at", "job_execution", ["ended_at"], unique=False, schema="ops"
    )
    op.create_index(
        "ix_job_execution_lease",
        "job_execution",
        ["lease_until"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_job_execution_run_ids",
        "job_execution",
        ["run_ids"],
        unique=False,
        schema="ops",
        postgresql_using="gin",
    )
    op.create_index(
        "ix_job_execution_step_id",
        "job_execution",
        ["job", "step", "id"],
        unique=False,
        schema="ops",
    )
    op.create_index(
        "uq_job_execution_live",
        "job_execution",
        ["job", "step", "work_key"],
        unique=True,
        schema="ops",
        postgresql_where=sa.text("state IN ('running', 'waiting')"),
    )
    op.create_table(
        "job_total",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("executions", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "buckets", sa.ARRAY(sa.BigInteger()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("job", "status", name=op.f("pk_job_total")),
        schema="ops",
        comment="How executions have ended, counted, and how long they took; it outlives them.",
    )
    op.create_table(
        "maintenance",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column(
            "from_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("until_at >= from_at", name=op.f("ck_maintenance_until_at")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance")),
        schema="ops",
        comment="Windows in which alerts whose key starts with `prefix` are held.",
    )
    op.create_index("ix_maintenance_until", "maintenance", ["until_at"], unique=False, schema="ops")
    op.create_table(
        "alert_delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("step_severity", sa.Text(), nullable=True),
        sa.Column("notice", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_version", sa.BigInteger(), nullable=True),
        sa.Column("told_severity", sa.Text(), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'skipped') = (reason IS NOT NULL)", name=op.f("ck_alert_delivery_reason")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'told', 'ended', 'skipped')",
            name=op.f("ck_alert_delivery_state"),
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"],
            ["ops.alert.id"],
            name=op.f("fk_alert_delivery_alert_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_delivery")),
        sa.UniqueConstraint("alert_id", "channel", name=op.f("uq_alert_delivery_alert_id_channel")),
        schema="ops",
        comment="An alert at a channel. `sending`: the outcome of `step` is not known; `notice`: counts what was sent; `ref`: the message there; `delivered_at`: first, `notified_at`: last time that it rang, `told_at`: last time that anything was told.",
    )
    op.create_index(
        "ix_alert_delivery_due",
        "alert_delivery",
        ["next_at"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("NOT (state IN ('ended', 'skipped'))"),
    )
    op.add_column(
        "inbox", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True), schema="intake"
    )
    op.create_index(
        "ix_inbox_correlation_id", "inbox", ["correlation_id"], unique=False, schema="intake"
    )
    op.create_index(
        "ix_inbox_order_id", "inbox", ["order_id", "tenant_id"], unique=False, schema="intake"
    )
    op.create_index(
        "ix_inbox_payloads",
        "inbox",
        ["settled_at", "id"],
        unique=False,
        schema="intake",
        postgresql_where=sa.text("purged_at IS NULL AND settled_at IS NOT NULL"),
    )
    op.create_table_comment(
        "inbox",
        "Every message that was taken in, byte for byte, once per id. `purged_at`: since then body and headers are empty; its id and `sha256` stay, so that a copy of it is still a copy.",
        existing_comment="Every message that was ever taken in, byte for byte, once per id.",
        schema="intake",
    )
    op.add_column(
        "alert",
        sa.Column("owner", sa.Text(), server_default="operations", nullable=False),
        schema="ops",
    )
    op.add_column(
        "alert",
        sa.Column("runbook", sa.Text(), server_default="docs/runbooks/other.md", nullable=False),
        schema="ops",
    )
    op.add_column(
        "alert",
        sa.Column("seen", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        schema="ops",
    )
    op.add_column(
        "alert",
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        schema="ops",
    )
    op.add_column(
        "alert",
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        schema="ops",
    )
    op.add_column(
        "alert",
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        schema="ops",
    )
    op.add_column("alert", sa.Column("acknowledged_by", sa.Text(), nullable=True), schema="ops")
    op.add_column(
        "alert", sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True), schema="ops"
    )
    op.add_column("alert", sa.Column("snoozed_by", sa.Text(), nullable=True), schema="ops")
    op.add_column(
        "alert", sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True), schema="ops"
    )
    op.create_index(
        "ix_alert_resolved",
        "alert",
        ["resolved_at"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("resolved_at IS NOT NULL"),
    )
    op.create_table_comment(
        "alert",
        "What a person must hear of; one open row per `dedupe_key`. `seen`: how often; `version`: counts what changed of it; a severity only rises.",
        existing_comment="What a person must hear of; one open row per `dedupe_key`.",
        schema="ops",
    )
    op.add_column(
        "dead_letter", sa.Column("correlation_id", sa.Text(), nullable=True), schema="ops"
    )
    op.add_column("outbox", sa.Column("correlation_id", sa.Text(), nullable=True), schema="ops")
    op.add_column(
        "order_events", sa.Column("correlation_id", sa.Text(), nullable=True), schema="orders"
    )


def downgrade() -> None:
    """Contract."""
    op.execute(_ONLY_ADDED.format(exception=""))
    op.drop_column("order_events", "correlation_id", schema="orders")
    op.drop_column("outbox", "correlation_id", schema="ops")
    op.drop_column("dead_letter", "correlation_id", schema="ops")
    op.create_table_comment(
        "alert",
        "What a person must hear of; one open row per `dedupe_key`.",
        existing_comment="What a person must hear of; one open row per `dedupe_key`. `seen`: how often; `version`: counts what changed of it; a severity only rises.",
        schema="ops",
    )
    op.drop_index(
        "ix_alert_resolved",
        table_name="alert",
        schema="ops",
        postgresql_where=sa.text("resolved_at IS NOT NULL"),
    )
    op.drop_column("alert", "escalated_at", schema="ops")
    op.drop_column("alert", "snoozed_by", schema="ops")
    op.drop_column("alert", "snoozed_until", schema="ops")
    op.drop_column("alert", "acknowledged_by", schema="ops")
    op.drop_column("alert", "acknowledged_at", schema="ops")
    op.drop_column("alert", "last_seen_at", schema="ops")
    op.drop_column("alert", "version", schema="ops")
    op.drop_column("alert", "seen", schema="ops")
    op.drop_column("alert", "runbook", schema="ops")
    op.drop_column("alert", "owner", schema="ops")
    op.create_table_comment(
        "inbox",
        "Every message that was ever taken in, byte for byte, once per id.",
        existing_comment="Every message that was taken in, byte for byte, once per id. `purged_at`: since then body and headers are empty; its id and `sha256` stay, so that a copy of it is still a copy.",
        schema="intake",
    )
    op.drop_index(
        "ix_inbox_payloads",
        table_name="inbox",
        schema="intake",
        postgresql_where=sa.text("purged_at IS NULL AND settled_at IS NOT NULL"),
    )
    op.drop_index("ix_inbox_order_id", table_name="inbox", schema="intake")
    op.drop_index("ix_inbox_correlation_id", table_name="inbox", schema="intake")
    op.drop_column("inbox", "purged_at", schema="intake")
    op.drop_index(
        "ix_alert_delivery_due",
        table_name="alert_delivery",
        schema="ops",
        postgresql_where=sa.text("NOT (state IN ('ended', 'skipped'))"),
    )
    op.drop_table("alert_delivery", schema="ops")
    op.drop_index("ix_maintenance_until", table_name="maintenance", schema="ops")
    op.drop_table("maintenance", schema="ops")
    op.drop_table("job_total", schema="ops")
    op.drop_index(
        "uq_job_execution_live",
        table_name="job_execution",
        schema="ops",
        postgresql_where=sa.text("state IN ('running', 'waiting')"),
    )
    op.drop_index("ix_job_execution_step_id", table_name="job_execution", schema="ops")
    op.drop_index(
        "ix_job_execution_run_ids", table_name="job_execution", schema="ops", postgresql_using="gin"
    )
    op.drop_index(
        "ix_job_execution_lease",
        table_name="job_execution",
        schema="ops",
        postgresql_where=sa.text("state = 'running'"),
    )
    op.drop_index("ix_job_execution_ended_at", table_name="job_execution", schema="ops")
    op.drop_index(
        "ix_job_execution_again",
        table_name="job_execution",
        schema="ops",
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_table("job_execution", schema="ops")
    op.drop_table("beat", schema="ops")
