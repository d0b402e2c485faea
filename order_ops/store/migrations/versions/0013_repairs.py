"""When an order is looked at, what is planned about it, and what its provider is told."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KINDS_BEFORE = "kind IN ('expire', 'confirm', 'cancel', 'refund', 'reinstate')"
_KINDS = (
    "kind IN ('expire', 'confirm', 'cancel', 'refund', 'reinstate', 'release', 'settle', 'repeat')"
)
_STATES_BEFORE = "state IN ('proposed', 'intended', 'done', 'overtaken', 'failed')"
_STATES = "state IN ('proposed', 'approved', 'intended', 'done', 'overtaken', 'failed', 'rejected')"
_FACTS = "uq_act_kind_tenant_id_order_id_order_version"
_TENANTS = """
    CREATE VIEW orders.tenants AS
    -- one step of the index for each, however many orders there are
    WITH RECURSIVE found AS (
        (SELECT tenant_id FROM orders.orders ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT o.tenant_id FROM orders.orders o WHERE o.tenant_id > f.tenant_id
            ORDER BY o.tenant_id LIMIT 1) FROM found f WHERE f.tenant_id IS NOT NULL
    )
    SELECT tenant_id FROM found WHERE tenant_id IS NOT NULL
"""
_ASKABLE = """
    CREATE VIEW orders.askable_tenants AS
    -- of others nobody could be asked about any order a moment ago
    SELECT tenant_id FROM orders.tenants t WHERE NOT EXISTS (
        SELECT FROM ops.alert a WHERE a.dedupe_key = 'provider:' || t.tenant_id
            AND a.resolved_at IS NULL AND a.last_seen_at > now() - interval '5 minutes')
"""


def upgrade() -> None:
    """Expand."""
    _orders()
    _acts()
    _calls()


def _orders() -> None:
    for name in ("state_since", "look_at", "reminded_for"):
        column = sa.Column(name, sa.DateTime(timezone=True), nullable=True)
        op.add_column("orders", column, schema="orders")
    op.execute(
        "UPDATE orders.orders SET look_at = CASE state WHEN 'RESERVED' THEN expires_at"
        " WHEN 'PENDING' THEN created_at + interval '1 day' ELSE now() END"
        " WHERE state IN ('PENDING', 'RESERVED') OR stock_held AND state <> 'CONFIRMED'"
    )
    op.drop_index("ix_orders_due", "orders", schema="orders")
    op.drop_column("orders", "checked_at", schema="orders")
    keyed = ["tenant_id", "look_at", "order_id"]
    for name, where in (
        ("ix_orders_reserved", "state = 'RESERVED'"),
        ("ix_orders_open", "state <> 'RESERVED' AND look_at IS NOT NULL"),
    ):
        op.create_index(name, "orders", keyed, schema="orders", postgresql_where=sa.text(where))
    pending = sa.text("status = 'pending'")
    op.create_index(
        "ix_refunds_pending",
        "refunds",
        ["tenant_id", "order_id"],
        schema="orders",
        postgresql_where=pending,
    )
    op.execute(_TENANTS)
    op.execute(_ASKABLE)
    op.create_table_comment(
        "orders",
        "An order and where it stands; its history leads there, or the row is refused. "
        "`shop_state`: where the shop says it is, when our books could not follow. `look_at`: when "
        "it is looked at next; empty: nothing about it is open. `reminded_for`: the expiry that "
        "its customer was reminded of.",
        schema="orders",
    )


def _acts() -> None:
    empty = sa.text("'{}'::jsonb")
    for column in (
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("plan", postgresql.JSONB(), server_default=empty, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_because", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
    ):
        op.add_column("act", column, schema="ops")
    # what an earlier release planned says nothing of how it is carried out: it is planned anew
    op.execute(
        "UPDATE ops.act SET state = 'overtaken', ended_at = COALESCE(ended_at, now())"
        " WHERE state IN ('proposed', 'intended')"
    )
    op.execute("UPDATE ops.act SET ended_at = now() WHERE ended_at IS NULL")
    _check("kind", _KINDS)
    _check("state", _STATES)
    op.create_check_constraint(
        op.f("ck_act_ended_at"),
        "act",
        "(state IN ('proposed', 'approved', 'intended')) = (ended_at IS NULL)",
        schema="ops",
    )
    op.drop_constraint(op.f(_FACTS), "act", schema="ops", type_="unique")
    op.create_index(
        "uq_act_facts",
        "act",
        ["kind", "tenant_id", "order_id", "order_version"],
        unique=True,
        schema="ops",
        postgresql_where=sa.text("state <> 'overtaken'"),
    )
    under_way = sa.text("state IN ('approved', 'intended')")
    order = ["tenant_id", "order_id"]
    op.create_index(
        "uq_act_under_way", "act", order, unique=True, schema="ops", postgresql_where=under_way
    )
    op.create_index("ix_act_order", "act", order, schema="ops")
    is_open = sa.text("ended_at IS NULL")
    op.create_index("ix_act_open", "act", ["id"], schema="ops", postgresql_where=is_open)
    op.create_table_comment(
        "act",
        "What is planned, proposed or done about an order, and on which facts; one at a time is "
        "carried out. `plan`: what the provider is told and where the order moves.",
        schema="ops",
    )


def _calls() -> None:
    op.create_table(
        "provider_call",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("payment", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="intended", nullable=False),
        sa.Column("sent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "answer", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("verb IN ('cancel', 'give_back')", name=op.f("ck_provider_call_verb")),
        sa.CheckConstraint(
            "state IN ('intended', 'answered', 'refused')", name=op.f("ck_provider_call_state")
        ),
        sa.ForeignKeyConstraint(
            ["act_id"],
            ["ops.act.id"],
            name=op.f("fk_provider_call_act_id_act"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_call")),
        sa.UniqueConstraint(
            "act_id", "verb", "payment", name=op.f("uq_provider_call_act_id_verb_payment")
        ),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_provider_call_idempotency_key")),
        schema="ops",
        comment="What a provider is told, written with its idempotency key before it is, and what "
        "it answered. `sent`: how often; the same key each time.",
    )


def _check(column: str, condition: str) -> None:
    name = op.f(f"ck_act_{column}")
    op.drop_constraint(name, "act", schema="ops", type_="check")
    op.create_check_constraint(name, "act", condition, schema="ops")


def downgrade() -> None:
    """Back; acts and calls of kinds that the release before does not know go."""
    op.drop_table("provider_call", schema="ops")
    for name in ("ix_act_open", "ix_act_order", "uq_act_under_way", "uq_act_facts"):
        op.drop_index(name, "act", schema="ops")
    op.execute(
        "DELETE FROM ops.act a USING ops.act later WHERE a.id < later.id AND (a.kind, a.tenant_id,"
        " a.order_id, a.order_version) = (later.kind, later.tenant_id, later.order_id,"
        " later.order_version)"
    )
    facts = ["kind", "tenant_id", "order_id", "order_version"]
    op.create_unique_constraint(op.f(_FACTS), "act", facts, schema="ops")
    op.drop_constraint(op.f("ck_act_ended_at"), "act", schema="ops", type_="check")
    op.execute("DELETE FROM ops.act WHERE kind IN ('release', 'settle', 'repeat')")
    op.execute("UPDATE ops.act SET state = 'proposed' WHERE state = 'approved'")
    op.execute("UPDATE ops.act SET state = 'overtaken' WHERE state = 'rejected'")
    _check("kind", _KINDS_BEFORE)
    _check("state", _STATES_BEFORE)
    for name in (
        "error", "decided_at", "decided_because", "decided_by", "plan", "currency", "amount_minor",
    ):  # fmt: skip
        op.drop_column("act", name, schema="ops")
    op.create_table_comment(
        "act", "What is planned, proposed or done about an order, and on which facts.", schema="ops"
    )
    op.execute("DROP VIEW orders.askable_tenants")
    op.execute("DROP VIEW orders.tenants")
    op.drop_index("ix_refunds_pending", "refunds", schema="orders")
    for name in ("ix_orders_open", "ix_orders_reserved"):
        op.drop_index(name, "orders", schema="orders")
    for name in ("reminded_for", "look_at", "state_since"):
        op.drop_column("orders", name, schema="orders")
    moment = sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("orders", moment, schema="orders")
    op.create_index(
        "ix_orders_due",
        "orders",
        [sa.text("checked_at NULLS FIRST"), "expires_at", "order_id"],
        schema="orders",
        postgresql_where=sa.text("state = 'RESERVED'"),
    )
    op.create_table_comment(
        "orders",
        "An order and where it stands; its history leads there, or the row is refused. "
        "`shop_state`: where the shop says it is, when our books could not follow.",
        schema="orders",
    )
