"""Claims of many lanes in one row, instead of a mark on each event and lane."""

from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No worker may be at work: claims of the old kind end here, their events are due again."""
    op.drop_index("ix_inbox_claim", table_name="inbox", schema="intake")
    op.drop_column("inbox", "claim", schema="intake")
    op.drop_table("lane", schema="intake")
    op.execute("DROP SEQUENCE intake.claim_seq")
    op.create_table(
        "claim",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("order_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("alone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        schema="intake",
        comment="The lanes that a worker has in hand; `id` is the fence that lets it write. "
        "`alone`: a suspect lane, tried event by event, `event_id` at present.",
    )
    op.create_table(
        "suspect",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("losses", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", name=op.f("pk_suspect")),
        schema="intake",
        comment="Lanes whose last claim was lost with its worker: each is tried alone.",
    )


def downgrade() -> None:
    """Back to one mark per event and lane."""
    op.drop_table("suspect", schema="intake")
    op.drop_table("claim", schema="intake")
    op.execute("CREATE SEQUENCE intake.claim_seq")
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
    op.add_column("inbox", sa.Column("claim", sa.BigInteger(), nullable=True), schema="intake")
    op.create_index(
        "ix_inbox_claim",
        "inbox",
        ["claim"],
        schema="intake",
        postgresql_where=sa.text("state IN ('pending', 'retry')"),
    )
