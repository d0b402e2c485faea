"""Orders: order_ops' own ledger."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)

from order_ops.store.tables.columns import document, metadata, moment, number, one_of, words

_STATES = ("PENDING", "RESERVED", "CONFIRMED", "COMPLETED", "CANCELLED", "EXPIRED", "REFUNDED")

orders = Table(
    "orders",
    metadata,
    words("tenant_id"),
    words("order_id"),
    words("state"),
    number("version"),
    words("currency"),
    number("total_minor"),
    moment("created_at", null=False),
    moment("expires_at"),
    Column("stock_held", Boolean, nullable=False, server_default=text("false")),
    words("shop_state", null=True),
    moment("state_since"),
    moment("look_at"),
    moment("reminded_for"),
    moment("updated_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id"),
    one_of("state", *_STATES),
    one_of("shop_state", *_STATES),
    CheckConstraint("total_minor >= 0", name="total_minor"),
    CheckConstraint("length(order_id) <= 128", name="order_id"),
    CheckConstraint("state <> 'RESERVED' OR expires_at IS NOT NULL", name="expires_at"),
    Index(
        "ix_orders_reserved",
        "tenant_id",
        "look_at",
        "order_id",
        postgresql_where=text("state = 'RESERVED'"),
    ),
    Index(
        "ix_orders_open",
        "tenant_id",
        "look_at",
        "order_id",
        postgresql_where=text("state <> 'RESERVED' AND look_at IS NOT NULL"),
    ),
    comment="An order and where it stands; its history leads there, or the row is refused. "
    "`shop_state`: where the shop says it is, when our books could not follow. `look_at`: when it "
    "is looked at next; empty: nothing about it is open. `reminded_for`: the expiry that its "
    "customer was reminded of.",
    schema="orders",
)


def _order_key() -> list[Column[str]]:
    return [words("tenant_id"), words("order_id")]


order_events = Table(
    "order_events",
    metadata,
    *_order_key(),
    number("version"),
    words("kind"),
    words("from_state", null=True),
    words("to_state"),
    moment("occurred_at", null=False),
    words("cause"),
    words("correlation_id", null=True),
    document("detail"),
    moment("recorded_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id", "version"),
    comment="The history of an order: one row per change.",
    schema="orders",
)

payments = Table(
    "payments",
    metadata,
    *_order_key(),
    words("payment"),
    words("account"),
    number("amount_minor"),
    words("currency"),
    words("status"),
    moment("succeeded_at"),
    moment("updated_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id", "payment"),
    UniqueConstraint("account", "payment"),
    one_of("status", "pending", "processing", "succeeded", "failed", "canceled"),
    CheckConstraint("status <> 'succeeded' OR succeeded_at IS NOT NULL", name="succeeded_at"),
    Index("ix_payments_account_succeeded", "account", "succeeded_at"),
    comment="One row per payment intent of the provider.",
    schema="orders",
)

refunds = Table(
    "refunds",
    metadata,
    *_order_key(),
    words("refund"),
    words("payment"),
    words("account"),
    number("amount_minor"),
    words("currency"),
    words("status"),
    moment("settled_at"),
    moment("updated_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id", "refund"),
    UniqueConstraint("account", "refund"),
    one_of("status", "pending", "succeeded", "failed"),
    Index(
        "ix_refunds_pending",
        "tenant_id",
        "order_id",
        postgresql_where=text("status = 'pending'"),
    ),
    comment="One row per refund at the provider.",
    schema="orders",
)

disputes = Table(
    "disputes",
    metadata,
    *_order_key(),
    words("dispute"),
    words("payment"),
    words("account"),
    number("amount_minor"),
    words("currency"),
    words("reason"),
    words("status"),
    moment("respond_by"),
    moment("opened_at", null=False),
    moment("closed_at"),
    moment("updated_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id", "dispute"),
    UniqueConstraint("account", "dispute"),
    one_of("status", "open", "won", "lost", "withdrawn"),
    CheckConstraint("(status = 'open') = (closed_at IS NULL)", name="closed_at"),
    Index("ix_disputes_respond_by", "respond_by", postgresql_where=text("status = 'open'")),
    comment="Payments that customers took back through the bank; open ones wait for an answer.",
    schema="orders",
)

reservations = Table(
    "reservations",
    metadata,
    *_order_key(),
    words("sku"),
    Column("quantity", Integer, nullable=False),
    words("state"),
    moment("updated_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id", "sku"),
    one_of("state", "held", "allocated", "released"),
    comment="Stock held, allocated or released.",
    schema="orders",
)
