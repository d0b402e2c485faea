"""Every table of order_ops, as SQLAlchemy Core metadata.

Money is bigint in minor units beside its ISO 4217 currency, times are
timestamptz in UTC, every business row has its tenant. Constraints live here
when a column list can say them; triggers and views are in the migrations.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMAS = ("intake", "orders", "ops", "recon", "analytics")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _text(name: str, *, null: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=null, server_default=default)


def _big(name: str, *, null: bool = False, default: str | None = None) -> Column[int]:
    value = None if default is None else text(default)
    return Column(name, BigInteger, nullable=null, server_default=value)


def _time(name: str, *, null: bool = True, now: bool = False) -> Column[object]:
    value = text("now()") if now else None
    return Column(name, DateTime(timezone=True), nullable=null and not now, server_default=value)


def _json(name: str) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


# --- intake: what came from the broker --------------------------------------------------

inbox = Table(
    "inbox",
    metadata,
    _id(),
    _text("source"),
    _text("message_id"),
    Column("sha256", LargeBinary, nullable=False),
    _text("tenant_id", null=True),
    _text("order_id", null=True),
    _text("producer", null=True),
    _big("sequence", null=True),
    _text("event_type", null=True),
    Column("priority", SmallInteger, nullable=False),
    _text("routing_key"),
    Column("body", LargeBinary, nullable=False),
    _json("headers"),
    _time("occurred_at"),
    _time("received_at", now=True),
    _text("state"),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("copies", Integer, nullable=False, server_default=text("1")),
    _time("next_at", now=True),
    _big("claim", null=True),
    _text("last_run_id", null=True),
    _text("correlation_id", null=True),
    _text("note", null=True),
    _time("settled_at"),
    UniqueConstraint("source", "message_id"),
    _one_of("state", "pending", "retry", "done", "parked", "skipped", "discarded"),
    CheckConstraint(
        "state NOT IN ('pending', 'retry', 'done') OR (tenant_id IS NOT NULL AND order_id IS NOT "
        "NULL AND event_type IS NOT NULL)",
        name="applicable",
    ),
    Index(
        "ix_inbox_due",
        "priority",
        "next_at",
        "id",
        postgresql_where=text("state IN ('pending', 'retry')"),
    ),
    Index(
        "ix_inbox_lane",
        "tenant_id",
        "order_id",
        "id",
        postgresql_where=text("state IN ('pending', 'retry')"),
    ),
    Index("ix_inbox_claim", "claim", postgresql_where=text("state IN ('pending', 'retry')")),
    comment="Every message that was ever taken in, byte for byte, once per id.",
    schema="intake",
)

lane = Table(
    "lane",
    metadata,
    _text("tenant_id"),
    _text("order_id"),
    _big("fence", default="0"),
    _text("owner", null=True),
    _time("claimed_at"),
    PrimaryKeyConstraint("tenant_id", "order_id"),
    comment="One order's events: whose hands they are in. `fence` is the claim that may write.",
    schema="intake",
)

# --- orders: order_ops' own ledger ------------------------------------------------------

_STATES = ("PENDING", "RESERVED", "CONFIRMED", "COMPLETED", "CANCELLED", "EXPIRED", "REFUNDED")

orders = Table(
    "orders",
    metadata,
    _text("tenant_id"),
    _text("order_id"),
    _text("state"),
    _big("version"),
    _text("currency"),
    _big("total_minor"),
    _time("created_at", null=False),
    _time("expires_at"),
    Column("stock_held", Boolean, nullable=False, server_default=text("false")),
    _time("checked_at"),
    _time("updated_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id"),
    _one_of("state", *_STATES),
    CheckConstraint("total_minor >= 0", name="total_minor"),
    CheckConstraint("length(order_id) <= 128", name="order_id"),
    CheckConstraint("state <> 'RESERVED' OR expires_at IS NOT NULL", name="expires_at"),
    Index(
        "ix_orders_due",
        text("checked_at NULLS FIRST"),
        "expires_at",
        "order_id",
        postgresql_where=text("state = 'RESERVED'"),
    ),
    comment="An order and where it stands; its history leads there, or the row is refused.",
    schema="orders",
)


def _order_key() -> list[Column[str]]:
    return [_text("tenant_id"), _text("order_id")]


order_events = Table(
    "order_events",
    metadata,
    *_order_key(),
    _big("version"),
    _text("kind"),
    _text("from_state", null=True),
    _text("to_state"),
    _time("occurred_at", null=False),
    _text("cause"),
    _json("detail"),
    _time("recorded_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id", "version"),
    comment="The history of an order: one row per change.",
    schema="orders",
)

payments = Table(
    "payments",
    metadata,
    *_order_key(),
    _text("payment"),
    _text("account"),
    _big("amount_minor"),
    _text("currency"),
    _text("status"),
    _time("succeeded_at"),
    _time("updated_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id", "payment"),
    UniqueConstraint("account", "payment"),
    _one_of("status", "pending", "succeeded", "failed"),
    CheckConstraint("status <> 'succeeded' OR succeeded_at IS NOT NULL", name="succeeded_at"),
    Index("ix_payments_account_succeeded", "account", "succeeded_at"),
    comment="One row per payment intent of the provider.",
    schema="orders",
)

refunds = Table(
    "refunds",
    metadata,
    *_order_key(),
    _text("refund"),
    _text("payment"),
    _text("account"),
    _big("amount_minor"),
    _text("currency"),
    _text("status"),
    _time("settled_at"),
    _time("updated_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id", "refund"),
    UniqueConstraint("account", "refund"),
    _one_of("status", "pending", "succeeded", "failed"),
    comment="One row per refund at the provider.",
    schema="orders",
)

reservations = Table(
    "reservations",
    metadata,
    *_order_key(),
    _text("sku"),
    Column("quantity", Integer, nullable=False),
    _text("state"),
    _time("updated_at", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id", "sku"),
    _one_of("state", "held", "allocated", "released"),
    comment="Stock held, allocated or released.",
    schema="orders",
)

# --- ops: what the jobs need to be right ------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _text("message_id"),
    _text("tenant_id"),
    _text("order_id"),
    _text("routing_key"),
    Column("body", LargeBinary, nullable=False),
    _json("headers"),
    _time("created_at", now=True),
    _time("published_at"),
    UniqueConstraint("message_id"),
    Index("ix_outbox_unpublished", "id", postgresql_where=text("published_at IS NULL")),
    comment="What is said to the world, written with the change it speaks of.",
    schema="ops",
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    _text("owner"),
    _big("fence"),
    _time("lease_until", null=False),
    comment="Who is the one active process of a kind, until when, by the database's clock.",
    schema="ops",
)

alert = Table(
    "alert",
    metadata,
    _id(),
    _text("dedupe_key"),
    _text("severity"),
    _text("title"),
    _json("detail"),
    _text("tenant_id", null=True),
    _text("order_id", null=True),
    _big("amount_minor", null=True),
    _text("currency", null=True),
    _time("created_at", now=True),
    _time("resolved_at"),
    _one_of("severity", "info", "warning", "critical"),
    Index("uq_alert_open", "dedupe_key", unique=True, postgresql_where=text("resolved_at IS NULL")),
    comment="What a person must hear of; one open row per `dedupe_key`.",
    schema="ops",
)

dead_letter = Table(
    "dead_letter",
    metadata,
    _id(),
    _text("origin"),
    _text("origin_id"),
    _text("tenant_id", null=True),
    _text("order_id", null=True),
    _text("name"),
    Column("payload", LargeBinary, nullable=True),
    _json("headers"),
    _text("category"),
    _text("error"),
    _text("stack", null=True),
    Column("attempts", Integer, nullable=False),
    _text("fingerprint"),
    _big("amount_minor", null=True),
    _text("currency", null=True),
    _text("state", default="open"),
    _text("reviewer", null=True),
    _time("created_at", now=True),
    _time("reviewed_at"),
    UniqueConstraint("origin", "origin_id"),
    _one_of("origin", "event", "run"),
    _one_of("state", "open", "replaying", "replayed", "discarded"),
    Index("ix_dead_letter_fingerprint", "fingerprint"),
    comment="Events and runs that could not be done, with payload, error and stack.",
    schema="ops",
)

act = Table(
    "act",
    metadata,
    _id(),
    _text("kind"),
    _text("tenant_id"),
    _text("order_id"),
    _text("account", null=True),
    _big("order_version"),
    _text("state"),
    _text("reason"),
    _json("facts"),
    _text("run_id", null=True),
    _time("created_at", now=True),
    _time("ended_at"),
    UniqueConstraint("kind", "tenant_id", "order_id", "order_version"),
    _one_of("kind", "expire", "confirm", "cancel", "refund", "reinstate"),
    _one_of("state", "proposed", "intended", "done", "overtaken", "failed"),
    comment="What is planned, proposed or done about an order, and on which facts.",
    schema="ops",
)

# --- recon: reconciliation --------------------------------------------------------------

source_file = Table(
    "source_file",
    metadata,
    _id(),
    _text("account"),
    _text("provider"),
    _text("name"),
    _text("sha256"),
    _big("lines"),
    _json("totals"),
    _time("received_at", now=True),
    UniqueConstraint("account", "sha256"),
    comment="Provider files, each once by its hash, with their control totals.",
    schema="recon",
)

provider_transactions = Table(
    "provider_transactions",
    metadata,
    _text("account"),
    _text("entry_id"),
    Column("file_id", BigInteger, ForeignKey("recon.source_file.id"), nullable=False),
    _big("line_no"),
    Column("day", Date, nullable=False),
    _text("kind"),
    _text("category"),
    _text("provider_ref", null=True),
    _text("order_ref", null=True),
    _big("amount_minor"),
    _big("fee_minor"),
    _big("net_minor"),
    _text("currency"),
    _time("occurred_at", null=False),
    Column("available_on", Date, nullable=True),
    _text("payout_id", null=True),
    _json("raw"),
    PrimaryKeyConstraint("account", "entry_id"),
    Index("ix_provider_transactions_day", "account", "day"),
    comment="Lines of provider files, by account and the provider's line id.",
    schema="recon",
)

internal_transactions = Table(
    "internal_transactions",
    metadata,
    _text("account"),
    _text("entry_id"),
    Column("day", Date, nullable=False),
    _text("tenant_id"),
    _text("kind"),
    _text("provider_ref", null=True),
    _text("order_ref", null=True),
    _big("amount_minor"),
    _text("currency"),
    _text("status"),
    _text("order_state", null=True),
    _time("occurred_at", null=False),
    PrimaryKeyConstraint("account", "entry_id"),
    Index("ix_internal_transactions_day", "account", "day"),
    comment="Our payments and refunds, as they were when the day was last read.",
    schema="recon",
)

day = Table(
    "day",
    metadata,
    _text("account"),
    Column("day", Date, nullable=False),
    _big("generation", default="1"),
    _big("snapshot_generation", default="0"),
    _big("done_generation", default="0"),
    _time("requested_at"),
    Column("requests", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("account", "day"),
    Index("ix_day_due", "account", "day", postgresql_where=text("generation > done_generation")),
    comment="Which accounting days have news that no run has taken in.",
    schema="recon",
)

run = Table(
    "run",
    metadata,
    _text("account"),
    Column("day", Date, nullable=False),
    _text("run_id"),
    _text("verdict"),
    _json("summary"),
    _text("rules_hash"),
    _text("input_hash"),
    _text("carry_in_hash"),
    _text("carry_out_hash"),
    _text("report", null=True),
    _time("finished_at", now=True),
    PrimaryKeyConstraint("account", "day"),
    comment="The latest run of each day: verdict, summary, and the hashes of what it used.",
    schema="recon",
)


def _partition() -> list[Column[object]]:
    return [Column("account", Text, nullable=False), Column("day", Date, nullable=False)]


payment_matches = Table(
    "payment_matches",
    metadata,
    *_partition(),
    _text("match_id"),
    _text("rule"),
    _text("kind"),
    _text("currency"),
    _big("internal_minor"),
    _big("provider_minor"),
    _big("difference_minor"),
    _text("explanation"),
    PrimaryKeyConstraint("account", "match_id"),
    Index("ix_payment_matches_day", "account", "day"),
    comment="Which of our entries is which provider line, by what rule.",
    schema="recon",
)

match_members = Table(
    "match_members",
    metadata,
    *_partition(),
    _text("match_id"),
    _text("side"),
    _text("entry_id"),
    PrimaryKeyConstraint("account", "side", "entry_id"),
    Index("ix_match_members_day", "account", "day"),
    _one_of("side", "internal", "provider"),
    comment="Both sides of each match; its key makes a double match impossible.",
    schema="recon",
)

reconciliation_breaks = Table(
    "reconciliation_breaks",
    metadata,
    *_partition(),
    _text("break_id"),
    _text("class"),
    _text("status"),
    _text("leg"),
    _text("key"),
    _text("kind"),
    _text("currency"),
    _big("difference_minor"),
    _big("at_stake_minor"),
    _big("entries"),
    _text("order_ref", null=True),
    _text("provider_ref", null=True),
    Column("first_seen", Date, nullable=False),
    Column("break_on", Date, nullable=False),
    _text("explanation"),
    PrimaryKeyConstraint("account", "day", "break_id"),
    _one_of("status", "break", "pending"),
    comment="Every difference of a day, named, with the money at stake.",
    schema="recon",
)

break_members = Table(
    "break_members",
    metadata,
    *_partition(),
    _text("break_id"),
    _text("side"),
    _text("entry_id"),
    PrimaryKeyConstraint("account", "day", "break_id", "side", "entry_id"),
    comment="The entries that each break is about.",
    schema="recon",
)

reconciliation_bridge = Table(
    "reconciliation_bridge",
    metadata,
    *_partition(),
    _text("currency"),
    _big("position"),
    _text("line"),
    _big("amount_minor"),
    _big("count"),
    PrimaryKeyConstraint("account", "day", "currency", "line"),
    comment="From our total to the provider's, line by line; the residual is 0.",
    schema="recon",
)

carry = Table(
    "carry",
    metadata,
    *_partition(),
    _text("side"),
    _text("entry_id"),
    PrimaryKeyConstraint("account", "day", "side", "entry_id"),
    comment="What a day leaves open for the next one.",
    schema="recon",
)
