"""Recon: what people decide about breaks, as events that are only added."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from order_ops.domain.break_acts import ACTS
from order_ops.store.tables.columns import document, metadata, moment, number, one_of, words

break_events = Table(
    "break_events",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    words("tenant_id"),
    words("account"),
    words("break_id", null=True),
    words("proposal_id", null=True),
    words("act"),
    words("actor"),
    words("role"),
    moment("at", null=False),
    Column("decided_on", Date, nullable=False),
    words("reason"),
    words("assignee", null=True),
    Column("due_on", Date, nullable=True),
    words("class", null=True),
    words("currency"),
    number("difference_minor"),
    number("at_stake_minor"),
    number("entries"),
    words("members_hash"),
    document("members"),
    words("previous_hash"),
    words("hash"),
    UniqueConstraint("previous_hash"),
    one_of("act", *ACTS),
    CheckConstraint("(break_id IS NULL) <> (proposal_id IS NULL)", name="subject"),
    Index("ix_break_events_break", "account", "break_id", "id"),
    Index(
        "ix_break_events_proposal",
        "account",
        "proposal_id",
        "id",
        postgresql_where=text("proposal_id IS NOT NULL"),
    ),
    comment="What a person did about a break or a proposal, the facts it was done upon, and from "
    "which day it holds. `id` counts without gaps, `hash` is over the row and the hash before it.",
    schema="recon",
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("chain", Text, primary_key=True),
    number("count"),
    words("hash"),
    one_of("chain", "breaks"),
    comment="How many events a chain has, and the hash of the last: moved by the insert alone.",
    schema="recon",
)
