"""Recon, what days are reconciled from: files, both sides' entries, and which days have news."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    text,
)

from order_ops.store.tables.columns import (
    document,
    identity,
    metadata,
    moment,
    number,
    words,
)

source_file = Table(
    "source_file",
    metadata,
    identity(),
    words("account"),
    words("provider"),
    words("name"),
    words("sha256"),
    number("lines"),
    document("totals"),
    moment("received_at", now=True),
    Column("days", ARRAY(Date), nullable=False, server_default=text("'{}'::date[]")),
    document("numbers"),
    Column("corrects", ARRAY(BigInteger), nullable=False, server_default=text("'{}'::bigint[]")),
    moment("withdrawn_at"),
    Column("told_in_full", Boolean, nullable=False, server_default=text("false")),
    Index(
        "uq_source_file_account_sha256",
        "account",
        "sha256",
        unique=True,
        postgresql_where=text("withdrawn_at IS NULL"),
    ),
    comment="Files of providers and banks, each once by its hash, with their control totals. "
    "`days`: those that it speaks of, oldest first. `numbers`: of what it has, by series. "
    "`told_in_full`: all that it says is kept, so that it can be corrected and taken back.",
    schema="recon",
)


def _line() -> list[Column[Any]]:
    """A line of a provider's file."""
    return [
        words("account"),
        words("entry_id"),
        Column("file_id", BigInteger, ForeignKey("recon.source_file.id"), nullable=False),
        number("line_no"),
        Column("day", Date, nullable=False),
        words("kind"),
        words("category"),
        words("provider_ref", null=True),
        words("order_ref", null=True),
        number("amount_minor"),
        number("fee_minor"),
        number("net_minor"),
        words("currency"),
        moment("occurred_at", null=False),
        Column("available_on", Date, nullable=True),
        words("payout_id", null=True),
        document("raw"),
        words("status", null=True),
        number("settled_minor", null=True),
        words("settlement_currency", null=True),
        words("method", null=True),
    ]


provider_transactions = Table(
    "provider_transactions",
    metadata,
    *_line(),
    PrimaryKeyConstraint("account", "entry_id"),
    Index("ix_provider_transactions_day", "account", "day"),
    Index("ix_provider_transactions_reference", "account", "provider_ref"),
    comment="Lines of provider files, by account and the provider's line id.",
    schema="recon",
)

told_lines = Table(
    "told_lines",
    metadata,
    *_line(),
    PrimaryKeyConstraint("account", "entry_id", "file_id"),
    Index("ix_told_lines_file_id", "file_id"),
    comment="What each provider file says of each line; provider_transactions has their sum.",
    schema="recon",
)

internal_transactions = Table(
    "internal_transactions",
    metadata,
    words("account"),
    words("entry_id"),
    Column("day", Date, nullable=False),
    words("tenant_id"),
    words("kind"),
    words("provider_ref", null=True),
    words("order_ref", null=True),
    number("amount_minor"),
    words("currency"),
    words("status"),
    words("order_state", null=True),
    moment("occurred_at", null=False),
    words("method", null=True),
    number("ceiling_minor", null=True),
    PrimaryKeyConstraint("account", "entry_id"),
    Index("ix_internal_transactions_day", "account", "day"),
    Index("ix_internal_transactions_reference", "account", "provider_ref"),
    comment="Our payments, refunds and disputes, as they were when the day was last read.",
    schema="recon",
)

day = Table(
    "day",
    metadata,
    words("account"),
    Column("day", Date, nullable=False),
    number("generation", default="1"),
    number("snapshot_generation", default="0"),
    number("done_generation", default="0"),
    moment("requested_at"),
    Column("requests", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("account", "day"),
    Index("ix_day_due", "account", "day", postgresql_where=text("generation > done_generation")),
    comment="Which accounting days have news that no run has taken in.",
    schema="recon",
)
