"""Recon: statements of banks, as their files say them."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
)

from order_ops.store.tables.columns import document, identity, metadata, number, words

bank_statements = Table(
    "bank_statements",
    metadata,
    identity(),
    Column("file_id", BigInteger, ForeignKey("recon.source_file.id"), nullable=False),
    words("account"),
    words("bank_account"),
    words("statement_id"),
    number("sequence", null=True),
    Column("page", Integer, nullable=True),
    number("lines"),
    words("currency", null=True),
    number("opening_minor", null=True),
    Column("opening_on", Date, nullable=True),
    number("closing_minor", null=True),
    Column("closing_on", Date, nullable=True),
    Index("ix_bank_statements_file_id", "file_id"),
    Index("ix_bank_statements_account", "account"),
    comment="Statements of bank files, one row per currency, with their balances.",
    schema="recon",
)

bank_lines = Table(
    "bank_lines",
    metadata,
    words("account"),
    words("bank_account"),
    words("entry_id"),
    Column("file_id", BigInteger, ForeignKey("recon.source_file.id"), nullable=False),
    number("line_no"),
    Column("day", Date, nullable=False),
    Column("counted_on", Date, nullable=False),
    Column("value_on", Date, nullable=True),
    words("kind"),
    number("amount_minor"),
    words("currency"),
    words("reference", null=True),
    words("remittance", null=True),
    words("party", null=True),
    document("raw"),
    PrimaryKeyConstraint("account", "entry_id", "file_id"),
    Index("ix_bank_lines_day", "account", "day"),
    Index("ix_bank_lines_file_id", "file_id"),
    comment="What each bank file says of each line; the view recon.banked is what they come to. "
    "`counted_on`: the day whose closing balance has it first.",
    schema="recon",
)
