"""All events of the shop, dead letters that are replayed, the ledger of messages."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _replace_status(*values: str) -> None:
    listed = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint("status", "payments", schema="orders", type_="check")
    op.create_check_constraint("status", "payments", f"status IN ({listed})", schema="orders")


def _refuse_to_lose(query: str, what: str) -> None:
    if op.get_bind().execute(sa.text(f"SELECT EXISTS ({query})")).scalar():
        raise RuntimeError(f"0003 cannot be undone: it would lose {what}: restore a backup instead")


def upgrade() -> None:
    """Expand; audit rows are only ever added."""
    op.create_table(
        "gap",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("producer", sa.Text(), nullable=False),
        sa.Column("numbers", postgresql.INT8RANGE(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "tenant_id", "producer", "numbers", name=op.f("pk_gap")),
        schema="intake",
        comment="Numbers of a producer that have not come, though a later one has.",
    )
    op.create_table(
        "hour",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("copies", sa.BigInteger(), nullable=False),
        sa.Column("pending", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("parked", sa.BigInteger(), nullable=False),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("discarded", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("to_publish", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("source", "hour", name=op.f("pk_hour")),
        schema="intake",
        comment="The ledger of messages: what came in an hour, and what became of it. `missing`: numbers of producers found missing in that hour, and still missing. `to_publish`, `published`: messages of our own written in that hour, and those the broker confirmed.",
    )
    op.create_table(
        "sequence",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("producer", sa.Text(), nullable=False),
        sa.Column("seen", postgresql.INT8MULTIRANGE(), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("source", "tenant_id", "producer", name=op.f("pk_sequence")),
        schema="intake",
        comment="Which numbers of each producer have come.",
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        schema="ops",
        comment="What people did, to what, and why they said they did it.",
    )
    op.create_index("ix_audit_subject", "audit", ["subject"], unique=False, schema="ops")
    op.create_table(
        "pause",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pause")),
        schema="ops",
        comment="What people have paused; a row goes when it is resumed, the audit keeps both.",
    )
    op.create_table(
        "disputes",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("dispute", sa.Text(), nullable=False),
        sa.Column("payment", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("respond_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(status = 'open') = (closed_at IS NULL)", name=op.f("ck_disputes_closed_at")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'won', 'lost', 'withdrawn')", name=op.f("ck_disputes_status")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "dispute", name=op.f("pk_disputes")),
        sa.UniqueConstraint("account", "dispute", name=op.f("uq_disputes_account_dispute")),
        schema="orders",
        comment="Payments that customers took back through the bank; open ones wait for an answer.",
    )
    op.create_index(
        "ix_disputes_respond_by",
        "disputes",
        ["respond_by"],
        unique=False,
        schema="orders",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.add_column(
        "inbox", sa.Column("property_message_id", sa.Text(), nullable=True), schema="intake"
    )
    op.add_column(
        "inbox", sa.Column("property_correlation_id", sa.Text(), nullable=True), schema="intake"
    )
    op.create_index(
        "ix_inbox_received",
        "inbox",
        ["received_at"],
        unique=False,
        schema="intake",
        postgresql_using="brin",
    )
    op.create_index(
        "ix_inbox_settled",
        "inbox",
        ["settled_at"],
        unique=False,
        schema="intake",
        postgresql_using="brin",
    )
    op.add_column("dead_letter", sa.Column("edited", sa.LargeBinary(), nullable=True), schema="ops")
    op.add_column(
        "dead_letter",
        sa.Column("holds", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="ops",
    )
    op.add_column(
        "dead_letter", sa.Column("replay_of", sa.BigInteger(), nullable=True), schema="ops"
    )
    op.add_column("dead_letter", sa.Column("reason", sa.Text(), nullable=True), schema="ops")
    op.drop_constraint(
        op.f("uq_dead_letter_origin_origin_id"), "dead_letter", schema="ops", type_="unique"
    )
    op.create_index(
        "ix_dead_letter_holds",
        "dead_letter",
        ["tenant_id", "order_id"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("holds AND state = 'open'"),
    )
    op.create_index(
        "ix_dead_letter_unsettled",
        "dead_letter",
        ["id"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("state IN ('open', 'replaying')"),
    )
    op.create_unique_constraint(
        op.f("uq_dead_letter_origin_origin_id_replay_of"),
        "dead_letter",
        ["origin", "origin_id", "replay_of"],
        schema="ops",
        postgresql_nulls_not_distinct=True,
    )
    op.create_foreign_key(
        op.f("fk_dead_letter_replay_of"),
        "dead_letter",
        "dead_letter",
        ["replay_of"],
        ["id"],
        source_schema="ops",
        referent_schema="ops",
    )
    op.create_table_comment(
        "dead_letter",
        "Events and runs that could not be done, with payload, error and stack. `holds`: later events of its producer about the order wait. `replay_of`: the letter whose replay failed and opened this one.",
        existing_comment="Events and runs that could not be done, with payload, error and stack.",
        schema="ops",
    )
    op.create_index(
        "ix_outbox_created",
        "outbox",
        ["created_at"],
        unique=False,
        schema="ops",
        postgresql_using="brin",
    )
    op.create_index(
        "ix_outbox_published",
        "outbox",
        ["published_at"],
        unique=False,
        schema="ops",
        postgresql_using="brin",
    )
    op.add_column("orders", sa.Column("shop_state", sa.Text(), nullable=True), schema="orders")
    op.create_table_comment(
        "orders",
        "An order and where it stands; its history leads there, or the row is refused. `shop_state`: where the shop says it is, when our books could not follow.",
        existing_comment="An order and where it stands; its history leads there, or the row is refused.",
        schema="orders",
    )
    _replace_status("pending", "processing", "succeeded", "failed", "canceled")
    op.create_check_constraint(
        "shop_state",
        "orders",
        "shop_state IN ('PENDING', 'RESERVED', 'CONFIRMED', 'COMPLETED', 'CANCELLED', 'EXPIRED', 'REFUNDED')",
        schema="orders",
    )
    op.create_check_constraint(
        "reviewed_at", "dead_letter", "(state = 'open') = (reviewed_at IS NULL)", schema="ops"
    )
    op.create_check_constraint("body", "outbox", "octet_length(body) <= 100000", schema="ops")
    op.execute(
        "CREATE FUNCTION ops.only_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION '%.% is only ever added to', TG_TABLE_SCHEMA, TG_TABLE_NAME"
        " USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    op.execute(
        "CREATE VIEW intake.hold AS SELECT letter.tenant_id, letter.order_id, head.producer,"
        " COALESCE(head.sequence, 0) AS sequence, head.id"
        " FROM ops.dead_letter letter JOIN intake.inbox head ON head.id = letter.origin_id::bigint"
        " WHERE letter.holds AND letter.state = 'open' AND letter.origin = 'event'"
    )
    op.execute(
        "UPDATE ops.dead_letter SET holds = true WHERE origin = 'event' AND state = 'open'"
        " AND attempts > 0 AND (starts_with(name, 'payment.') OR starts_with(name, 'refund.'))"
    )
    for what, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER only_added_{each.lower()} BEFORE {what} ON ops.audit"
            f" FOR EACH {each} EXECUTE FUNCTION ops.only_added()"
        )


def downgrade() -> None:
    """Contract; a payment under way or cancelled is pending or failed again, as it was told before."""
    op.execute("UPDATE orders.payments SET status = 'pending' WHERE status = 'processing'")
    op.execute("UPDATE orders.payments SET status = 'failed' WHERE status = 'canceled'")
    _replace_status("pending", "succeeded", "failed")
    op.drop_constraint("shop_state", "orders", schema="orders", type_="check")
    op.drop_constraint("reviewed_at", "dead_letter", schema="ops", type_="check")
    op.drop_constraint("body", "outbox", schema="ops", type_="check")
    op.execute("DROP VIEW intake.hold")
    op.execute("UPDATE intake.inbox SET next_at = now() WHERE next_at = 'infinity'")
    _refuse_to_lose("SELECT FROM orders.disputes", "disputes")
    _refuse_to_lose("SELECT FROM orders.orders WHERE shop_state IS NOT NULL", "what shops said")
    _refuse_to_lose("SELECT FROM ops.audit", "audit rows")
    _refuse_to_lose("SELECT FROM ops.dead_letter WHERE replay_of IS NOT NULL", "letters of replays")
    op.create_table_comment(
        "orders",
        "An order and where it stands; its history leads there, or the row is refused.",
        existing_comment="An order and where it stands; its history leads there, or the row is refused. `shop_state`: where the shop says it is, when our books could not follow.",
        schema="orders",
    )
    op.drop_column("orders", "shop_state", schema="orders")
    op.drop_index("ix_outbox_published", table_name="outbox", schema="ops", postgresql_using="brin")
    op.drop_index("ix_outbox_created", table_name="outbox", schema="ops", postgresql_using="brin")
    op.create_table_comment(
        "dead_letter",
        "Events and runs that could not be done, with payload, error and stack.",
        existing_comment="Events and runs that could not be done, with payload, error and stack. `holds`: later events of its producer about the order wait. `replay_of`: the letter whose replay failed and opened this one.",
        schema="ops",
    )
    op.drop_constraint(
        op.f("fk_dead_letter_replay_of"), "dead_letter", schema="ops", type_="foreignkey"
    )
    op.drop_constraint(
        op.f("uq_dead_letter_origin_origin_id_replay_of"),
        "dead_letter",
        schema="ops",
        type_="unique",
    )
    op.drop_index(
        "ix_dead_letter_unsettled",
        table_name="dead_letter",
        schema="ops",
        postgresql_where=sa.text("state IN ('open', 'replaying')"),
    )
    op.drop_index(
        "ix_dead_letter_holds",
        table_name="dead_letter",
        schema="ops",
        postgresql_where=sa.text("holds AND state = 'open'"),
    )
    op.create_unique_constraint(
        op.f("uq_dead_letter_origin_origin_id"),
        "dead_letter",
        ["origin", "origin_id"],
        schema="ops",
        postgresql_nulls_not_distinct=False,
    )
    op.drop_column("dead_letter", "reason", schema="ops")
    op.drop_column("dead_letter", "replay_of", schema="ops")
    op.drop_column("dead_letter", "holds", schema="ops")
    op.drop_column("dead_letter", "edited", schema="ops")
    op.drop_index("ix_inbox_settled", table_name="inbox", schema="intake", postgresql_using="brin")
    op.drop_index("ix_inbox_received", table_name="inbox", schema="intake", postgresql_using="brin")
    op.drop_column("inbox", "property_correlation_id", schema="intake")
    op.drop_column("inbox", "property_message_id", schema="intake")
    op.drop_index(
        "ix_disputes_respond_by",
        table_name="disputes",
        schema="orders",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.drop_table("disputes", schema="orders")
    op.drop_table("pause", schema="ops")
    op.drop_index("ix_audit_subject", table_name="audit", schema="ops")
    op.drop_table("audit", schema="ops")
    op.execute("DROP FUNCTION ops.only_added()")
    op.drop_table("sequence", schema="intake")
    op.drop_table("hour", schema="intake")
    op.drop_table("gap", schema="intake")
