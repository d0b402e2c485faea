"""First day: intake, orders, ops and recon; triggers and views are in the SQL file beside."""

from pathlib import Path

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


SCHEMAS = ("intake", "orders", "ops", "recon", "analytics")
BESIDE = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    """Expand."""
    for schema in SCHEMAS:
        op.execute(f"CREATE SCHEMA {schema}")

    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("producer", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("event_type", sa.Text(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("routing_key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "headers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("copies", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("claim", sa.BigInteger(), nullable=True),
        sa.Column("last_run_id", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'retry', 'done', 'parked', 'skipped', 'discarded')",
            name=op.f("ck_inbox_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('pending', 'retry', 'done') OR (tenant_id IS NOT NULL AND order_id IS NOT NULL AND event_type IS NOT NULL)",
            name=op.f("ck_inbox_applicable"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("source", "message_id", name=op.f("uq_inbox_source_message_id")),
        schema="intake",
        comment="Every message that was ever taken in, byte for byte, once per id.",
    )
    op.create_index(
        "ix_inbox_claim",
        "inbox",
        ["claim"],
        unique=False,
        schema="intake",
        postgresql_where=sa.text("state IN ('pending', 'retry')"),
    )
    op.create_index(
        "ix_inbox_due",
        "inbox",
        ["priority", "next_at", "id"],
        unique=False,
        schema="intake",
        postgresql_where=sa.text("state IN ('pending', 'retry')"),
    )
    op.create_index(
        "ix_inbox_lane",
        "inbox",
        ["tenant_id", "order_id", "id"],
        unique=False,
        schema="intake",
        postgresql_where=sa.text("state IN ('pending', 'retry')"),
    )
    op.create_table(
        "lane",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", name=op.f("pk_lane")),
        schema="intake",
        comment="One order's events: whose hands they are in. `fence` is the claim that may write.",
    )
    op.create_table(
        "act",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("order_version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "facts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('expire', 'confirm', 'cancel', 'refund', 'reinstate')",
            name=op.f("ck_act_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'intended', 'done', 'overtaken', 'failed')",
            name=op.f("ck_act_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act")),
        sa.UniqueConstraint(
            "kind",
            "tenant_id",
            "order_id",
            "order_version",
            name=op.f("uq_act_kind_tenant_id_order_id_order_version"),
        ),
        schema="ops",
        comment="What is planned, proposed or done about an order, and on which facts.",
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("tenant_id", sa.Text(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "severity IN ('info', 'warning', 'critical')", name=op.f("ck_alert_severity")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        schema="ops",
        comment="What a person must hear of; one open row per `dedupe_key`.",
    )
    op.create_index(
        "uq_alert_open",
        "alert",
        ["dedupe_key"],
        unique=True,
        schema="ops",
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("origin_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column(
            "headers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("stack", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("origin IN ('event', 'run')", name=op.f("ck_dead_letter_origin")),
        sa.CheckConstraint(
            "state IN ('open', 'replaying', 'replayed', 'discarded')",
            name=op.f("ck_dead_letter_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
        sa.UniqueConstraint("origin", "origin_id", name=op.f("uq_dead_letter_origin_origin_id")),
        schema="ops",
        comment="Events and runs that could not be done, with payload, error and stack.",
    )
    op.create_index(
        "ix_dead_letter_fingerprint", "dead_letter", ["fingerprint"], unique=False, schema="ops"
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
        schema="ops",
        comment="Who is the one active process of a kind, until when, by the database's clock.",
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("routing_key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "headers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("message_id", name=op.f("uq_outbox_message_id")),
        schema="ops",
        comment="What is said to the world, written with the change it speaks of.",
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "order_events",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "version", name=op.f("pk_order_events")),
        schema="orders",
        comment="The history of an order: one row per change.",
    )
    op.create_table(
        "orders",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stock_held", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state <> 'RESERVED' OR expires_at IS NOT NULL", name=op.f("ck_orders_expires_at")
        ),
        sa.CheckConstraint(
            "state IN ('PENDING', 'RESERVED', 'CONFIRMED', 'COMPLETED', 'CANCELLED', 'EXPIRED', 'REFUNDED')",
            name=op.f("ck_orders_state"),
        ),
        sa.CheckConstraint("length(order_id) <= 128", name=op.f("ck_orders_order_id")),
        sa.CheckConstraint("total_minor >= 0", name=op.f("ck_orders_total_minor")),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", name=op.f("pk_orders")),
        schema="orders",
        comment="An order and where it stands; its history leads there, or the row is refused.",
    )
    op.create_index(
        "ix_orders_due",
        "orders",
        [sa.literal_column("checked_at NULLS FIRST"), "expires_at", "order_id"],
        unique=False,
        schema="orders",
        postgresql_where=sa.text("state = 'RESERVED'"),
    )
    op.create_table(
        "payments",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("payment", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status <> 'succeeded' OR succeeded_at IS NOT NULL",
            name=op.f("ck_payments_succeeded_at"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed')", name=op.f("ck_payments_status")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "payment", name=op.f("pk_payments")),
        sa.UniqueConstraint("account", "payment", name=op.f("uq_payments_account_payment")),
        schema="orders",
        comment="One row per payment intent of the provider.",
    )
    op.create_index(
        "ix_payments_account_succeeded",
        "payments",
        ["account", "succeeded_at"],
        unique=False,
        schema="orders",
    )
    op.create_table(
        "refunds",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("refund", sa.Text(), nullable=False),
        sa.Column("payment", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed')", name=op.f("ck_refunds_status")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "refund", name=op.f("pk_refunds")),
        sa.UniqueConstraint("account", "refund", name=op.f("uq_refunds_account_refund")),
        schema="orders",
        comment="One row per refund at the provider.",
    )
    op.create_table(
        "reservations",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state IN ('held', 'allocated', 'released')", name=op.f("ck_reservations_state")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "sku", name=op.f("pk_reservations")),
        schema="orders",
        comment="Stock held, allocated or released.",
    )
    op.create_table(
        "break_members",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("break_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account", "day", "break_id", "side", "entry_id", name=op.f("pk_break_members")
        ),
        schema="recon",
        comment="The entries that each break is about.",
    )
    op.create_table(
        "carry",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "day", "side", "entry_id", name=op.f("pk_carry")),
        schema="recon",
        comment="What a day leaves open for the next one.",
    )
    op.create_table(
        "day",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "snapshot_generation", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("done_generation", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("requests", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("account", "day", name=op.f("pk_day")),
        schema="recon",
        comment="Which accounting days have news that no run has taken in.",
    )
    op.create_index(
        "ix_day_due",
        "day",
        ["account", "day"],
        unique=False,
        schema="recon",
        postgresql_where=sa.text("generation > done_generation"),
    )
    op.create_table(
        "internal_transactions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("order_ref", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("order_state", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "entry_id", name=op.f("pk_internal_transactions")),
        schema="recon",
        comment="Our payments and refunds, as they were when the day was last read.",
    )
    op.create_index(
        "ix_internal_transactions_day",
        "internal_transactions",
        ["account", "day"],
        unique=False,
        schema="recon",
    )
    op.create_table(
        "match_members",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("match_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.CheckConstraint("side IN ('internal', 'provider')", name=op.f("ck_match_members_side")),
        sa.PrimaryKeyConstraint("account", "side", "entry_id", name=op.f("pk_match_members")),
        schema="recon",
        comment="Both sides of each match; its key makes a double match impossible.",
    )
    op.create_index(
        "ix_match_members_day", "match_members", ["account", "day"], unique=False, schema="recon"
    )
    op.create_table(
        "payment_matches",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("match_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("internal_minor", sa.BigInteger(), nullable=False),
        sa.Column("provider_minor", sa.BigInteger(), nullable=False),
        sa.Column("difference_minor", sa.BigInteger(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "match_id", name=op.f("pk_payment_matches")),
        schema="recon",
        comment="Which of our entries is which provider line, by what rule.",
    )
    op.create_index(
        "ix_payment_matches_day",
        "payment_matches",
        ["account", "day"],
        unique=False,
        schema="recon",
    )
    op.create_table(
        "reconciliation_breaks",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("break_id", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("difference_minor", sa.BigInteger(), nullable=False),
        sa.Column("at_stake_minor", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("order_ref", sa.Text(), nullable=True),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=False),
        sa.Column("break_on", sa.Date(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('break', 'pending')", name=op.f("ck_reconciliation_breaks_status")
        ),
        sa.PrimaryKeyConstraint(
            "account", "day", "break_id", name=op.f("pk_reconciliation_breaks")
        ),
        schema="recon",
        comment="Every difference of a day, named, with the money at stake.",
    )
    op.create_table(
        "reconciliation_bridge",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account", "day", "currency", "line", name=op.f("pk_reconciliation_bridge")
        ),
        schema="recon",
        comment="From our total to the provider's, line by line; the residual is 0.",
    )
    op.create_table(
        "run",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column(
            "summary",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("rules_hash", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.Text(), nullable=False),
        sa.Column("carry_in_hash", sa.Text(), nullable=False),
        sa.Column("carry_out_hash", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("account", "day", name=op.f("pk_run")),
        schema="recon",
        comment="The latest run of each day: verdict, summary, and the hashes of what it used.",
    )
    op.create_table(
        "source_file",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column(
            "totals",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_file")),
        sa.UniqueConstraint("account", "sha256", name=op.f("uq_source_file_account_sha256")),
        schema="recon",
        comment="Provider files, each once by its hash, with their control totals.",
    )
    op.create_table(
        "provider_transactions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("order_ref", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("available_on", sa.Date(), nullable=True),
        sa.Column("payout_id", sa.Text(), nullable=True),
        sa.Column(
            "raw",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["recon.source_file.id"], name=op.f("fk_provider_transactions_file_id")
        ),
        sa.PrimaryKeyConstraint("account", "entry_id", name=op.f("pk_provider_transactions")),
        schema="recon",
        comment="Lines of provider files, by account and the provider's line id.",
    )
    op.create_index(
        "ix_provider_transactions_day",
        "provider_transactions",
        ["account", "day"],
        unique=False,
        schema="recon",
    )
    op.execute(BESIDE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Contract: everything of order_ops is gone."""
    for schema in SCHEMAS:
        op.execute(f"DROP SCHEMA {schema} CASCADE")
