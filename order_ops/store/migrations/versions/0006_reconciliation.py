"""Provider lines with status and settlement currency; our disputes and ceilings."""

from alembic import op
import sqlalchemy as sa


revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


_LEDGER = """
    CREATE VIEW orders.ledger_entries AS
    SELECT 'payment:' || p.payment AS entry_id, p.tenant_id, p.account, 'charge' AS kind,
        p.payment AS provider_ref, p.order_id AS order_ref, p.amount_minor, p.currency,
        {status} AS status, o.state AS order_state,
        COALESCE(p.succeeded_at, o.created_at) AS occurred_at{payment}
    FROM orders.payments p JOIN orders.orders o USING (tenant_id, order_id)
    UNION ALL
    SELECT 'refund:' || r.refund, r.tenant_id, r.account, 'refund', r.refund, r.order_id,
        -r.amount_minor, r.currency, r.status, o.state, COALESCE(r.settled_at, o.created_at){refund}
    FROM orders.refunds r JOIN orders.orders o USING (tenant_id, order_id){disputes}
"""
_STATUS = """CASE p.status WHEN 'processing' THEN 'pending' WHEN 'canceled' THEN 'failed'
            ELSE p.status END"""
_REFUND = """, NULL::text,
        -- what was captured and is not refunded otherwise
        (SELECT p.amount_minor FROM orders.payments p WHERE p.tenant_id = r.tenant_id
            AND p.order_id = r.order_id AND p.payment = r.payment AND p.status = 'succeeded')
        - COALESCE((SELECT sum(x.amount_minor) FROM orders.refunds x
            WHERE x.tenant_id = r.tenant_id AND x.order_id = r.order_id AND x.payment = r.payment
            AND x.status = 'succeeded' AND x.refund <> r.refund), 0)::bigint"""
_DISPUTES = """
    UNION ALL
    SELECT 'dispute:' || d.dispute, d.tenant_id, d.account, 'dispute', d.dispute, d.order_id,
        -d.amount_minor, d.currency, 'succeeded', o.state, d.opened_at, NULL, NULL
    FROM orders.disputes d JOIN orders.orders o USING (tenant_id, order_id)
    UNION ALL
    -- what comes back when we win, or the customer withdraws
    SELECT 'dispute_reversal:' || d.dispute, d.tenant_id, d.account, 'dispute', d.dispute,
        d.order_id, d.amount_minor, d.currency, 'succeeded', o.state, d.closed_at, NULL, NULL
    FROM orders.disputes d JOIN orders.orders o USING (tenant_id, order_id)
    WHERE d.status IN ('won', 'withdrawn')"""
_VIEW = "CREATE OR REPLACE VIEW analytics.{name} AS SELECT * FROM recon.{name}"
_FOR_ANALYSTS = ("provider_transactions", "internal_transactions", "reconciliation_breaks")


def upgrade() -> None:
    """Expand."""
    op.execute("DROP VIEW orders.ledger_entries")
    op.execute(
        _LEDGER.format(
            status=_STATUS,
            payment=", NULL::text AS method, NULL::bigint AS ceiling_minor",
            refund=_REFUND,
            disputes=_DISPUTES,
        )
    )
    op.create_table(
        "match_proposals",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("proposal_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("internal_minor", sa.BigInteger(), nullable=False),
        sa.Column("provider_minor", sa.BigInteger(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "day", "proposal_id", name=op.f("pk_match_proposals")),
        schema="recon",
        comment="Entries that look as if they belong together; no total and no match knows of them.",
    )
    op.create_table(
        "proposal_members",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("proposal_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "side IN ('internal', 'provider')", name=op.f("ck_proposal_members_side")
        ),
        sa.PrimaryKeyConstraint(
            "account", "day", "proposal_id", "side", "entry_id", name=op.f("pk_proposal_members")
        ),
        schema="recon",
        comment="The entries of each proposal.",
    )
    op.add_column(
        "internal_transactions", sa.Column("method", sa.Text(), nullable=True), schema="recon"
    )
    op.add_column(
        "internal_transactions",
        sa.Column("ceiling_minor", sa.BigInteger(), nullable=True),
        schema="recon",
    )
    op.create_index(
        "ix_internal_transactions_reference",
        "internal_transactions",
        ["account", "provider_ref"],
        unique=False,
        schema="recon",
    )
    op.create_table_comment(
        "internal_transactions",
        "Our payments, refunds and disputes, as they were when the day was last read.",
        existing_comment="Our payments and refunds, as they were when the day was last read.",
        schema="recon",
    )
    op.add_column(
        "provider_transactions", sa.Column("status", sa.Text(), nullable=True), schema="recon"
    )
    op.add_column(
        "provider_transactions",
        sa.Column("settled_minor", sa.BigInteger(), nullable=True),
        schema="recon",
    )
    op.add_column(
        "provider_transactions",
        sa.Column("settlement_currency", sa.Text(), nullable=True),
        schema="recon",
    )
    op.add_column(
        "provider_transactions", sa.Column("method", sa.Text(), nullable=True), schema="recon"
    )
    op.create_index(
        "ix_provider_transactions_reference",
        "provider_transactions",
        ["account", "provider_ref"],
        unique=False,
        schema="recon",
    )
    op.add_column(
        "reconciliation_breaks", sa.Column("rule", sa.Text(), nullable=True), schema="recon"
    )
    for name in (*_FOR_ANALYSTS, "match_proposals"):
        op.execute(_VIEW.format(name=name))


def downgrade() -> None:
    """Contract."""
    op.execute("DROP VIEW analytics.match_proposals")
    for name in _FOR_ANALYSTS:
        op.execute(f"DROP VIEW analytics.{name}")
    op.execute("DROP VIEW orders.ledger_entries")
    op.execute(_LEDGER.format(status="p.status", payment="", refund="", disputes=""))
    op.drop_column("reconciliation_breaks", "rule", schema="recon")
    op.drop_index(
        "ix_provider_transactions_reference", table_name="provider_transactions", schema="recon"
    )
    op.drop_column("provider_transactions", "method", schema="recon")
    op.drop_column("provider_transactions", "settlement_currency", schema="recon")
    op.drop_column("provider_transactions", "settled_minor", schema="recon")
    op.drop_column("provider_transactions", "status", schema="recon")
    op.create_table_comment(
        "internal_transactions",
        "Our payments and refunds, as they were when the day was last read.",
        existing_comment="Our payments, refunds and disputes, as they were when the day was last read.",
        schema="recon",
    )
    op.drop_index(
        "ix_internal_transactions_reference", table_name="internal_transactions", schema="recon"
    )
    op.drop_column("internal_transactions", "ceiling_minor", schema="recon")
    op.drop_column("internal_transactions", "method", schema="recon")
    op.drop_table("proposal_members", schema="recon")
    op.drop_table("match_proposals", schema="recon")
    for name in _FOR_ANALYSTS:
        op.execute(_VIEW.format(name=name))
