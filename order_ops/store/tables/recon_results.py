"""Recon, what a day came to: run, matches, breaks, proposals, bridge, and what is carried on."""

from sqlalchemy import (
    Column,
    Date,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from order_ops.store.tables.columns import (
    document,
    identity,
    metadata,
    moment,
    number,
    one_of,
    words,
)

run = Table(
    "run",
    metadata,
    words("account"),
    Column("day", Date, nullable=False),
    words("run_id"),
    words("verdict"),
    document("summary"),
    words("rules_hash"),
    words("input_hash"),
    words("carry_in_hash"),
    words("carry_out_hash"),
    words("report", null=True),
    moment("finished_at", now=True),
    words("decisions_hash", default=""),
    number("decided_through", default="0"),
    words("parquet", null=True),
    PrimaryKeyConstraint("account", "day"),
    comment="The latest run of each day: verdict, summary, and the hashes of what it used. "
    "`decided_through`: the last event about breaks that it knew. `report`, `parquet`: where its "
    "page and its files stand, once they do.",
    schema="recon",
)


def _partition() -> list[Column[object]]:
    return [Column("account", Text, nullable=False), Column("day", Date, nullable=False)]


payment_matches = Table(
    "payment_matches",
    metadata,
    *_partition(),
    words("match_id"),
    words("rule"),
    words("kind"),
    words("currency"),
    number("internal_minor"),
    number("provider_minor"),
    number("difference_minor"),
    words("explanation"),
    PrimaryKeyConstraint("account", "match_id"),
    Index("ix_payment_matches_day", "account", "day"),
    comment="Which of our entries is which provider line, by what rule.",
    schema="recon",
)

match_members = Table(
    "match_members",
    metadata,
    *_partition(),
    words("match_id"),
    words("side"),
    words("entry_id"),
    PrimaryKeyConstraint("account", "side", "entry_id"),
    Index("ix_match_members_day", "account", "day"),
    one_of("side", "internal", "provider"),
    comment="Both sides of each match; its key makes a double match impossible.",
    schema="recon",
)

reconciliation_breaks = Table(
    "reconciliation_breaks",
    metadata,
    *_partition(),
    words("break_id"),
    words("class"),
    words("status"),
    words("leg"),
    words("key"),
    words("kind"),
    words("currency"),
    number("difference_minor"),
    number("at_stake_minor"),
    number("entries"),
    words("order_ref", null=True),
    words("provider_ref", null=True),
    Column("first_seen", Date, nullable=False),
    Column("break_on", Date, nullable=False),
    words("explanation"),
    words("rule", null=True),
    number("business_days", null=True),
    PrimaryKeyConstraint("account", "day", "break_id"),
    Index(
        "ix_reconciliation_breaks_break_id",
        "break_id",
        postgresql_ops={"break_id": "text_pattern_ops"},
    ),
    one_of("status", "break", "pending", "accepted", "written_off"),
    comment="Every difference of a day, named, with the money at stake. `business_days`: since it "
    "was first seen, by the calendar of the rules.",
    schema="recon",
)

break_members = Table(
    "break_members",
    metadata,
    *_partition(),
    words("break_id"),
    words("side"),
    words("entry_id"),
    PrimaryKeyConstraint("account", "day", "break_id", "side", "entry_id"),
    comment="The entries that each break is about.",
    schema="recon",
)

told_breaks = Table(
    "told_breaks",
    metadata,
    *_partition(),
    words("break_id"),
    words("members_hash"),
    PrimaryKeyConstraint("account", "day", "break_id"),
    comment="What the entries of each break said to the run of the day, as a hash: what people "
    "decide upon, whatever the entries say since.",
    schema="recon",
)

match_proposals = Table(
    "match_proposals",
    metadata,
    *_partition(),
    words("proposal_id"),
    words("rule"),
    words("currency"),
    number("internal_minor"),
    number("provider_minor"),
    words("explanation"),
    PrimaryKeyConstraint("account", "day", "proposal_id"),
    comment="Entries that look as if they belong together; no total and no match knows of them.",
    schema="recon",
)

proposal_members = Table(
    "proposal_members",
    metadata,
    *_partition(),
    words("proposal_id"),
    words("side"),
    words("entry_id"),
    PrimaryKeyConstraint("account", "day", "proposal_id", "side", "entry_id"),
    one_of("side", "internal", "provider"),
    comment="The entries of each proposal.",
    schema="recon",
)

reconciliation_bridge = Table(
    "reconciliation_bridge",
    metadata,
    *_partition(),
    words("currency"),
    number("position"),
    words("line"),
    number("amount_minor"),
    number("count"),
    PrimaryKeyConstraint("account", "day", "currency", "line"),
    comment="From our total to the provider's, line by line; the residual is 0.",
    schema="recon",
)

carry = Table(
    "carry",
    metadata,
    *_partition(),
    words("side"),
    words("entry_id"),
    PrimaryKeyConstraint("account", "day", "side", "entry_id"),
    comment="What a day leaves open for the next one.",
    schema="recon",
)

changes = Table(
    "changes",
    metadata,
    identity(),
    *_partition(),
    moment("at", now=True),
    words("run_id"),
    words("previous_run_id"),
    words("verdict_from"),
    words("verdict_to"),
    words("table_name"),
    words("change"),
    words("row_id"),
    words("currency", null=True),
    words("what_from", null=True),
    words("what_to", null=True),
    number("amount_from_minor", null=True),
    number("amount_to_minor", null=True),
    words("columns", null=True),
    Index("ix_changes_day", "account", "day"),
    one_of("change", "appeared", "gone", "changed"),
    comment="What a later run changed of a day that had results, row by row.",
    schema="recon",
)
