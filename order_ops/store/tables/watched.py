"""Recon: files that stand in watched folders."""

from sqlalchemy import BigInteger, Column, ForeignKey, PrimaryKeyConstraint, Table

from order_ops.store.tables.columns import metadata, moment, number, one_of, words

watched_files = Table(
    "watched_files",
    metadata,
    words("account"),
    words("source"),
    words("address"),
    number("size"),
    words("modified"),
    words("state", default="seen"),
    number("tries", default="0"),
    words("told", null=True),
    Column("file_id", BigInteger, ForeignKey("recon.source_file.id"), nullable=True),
    moment("looked_at", now=True),
    one_of("source", "files", "bank"),
    one_of("state", "seen", "ready", "taken", "refused", "unreadable"),
    PrimaryKeyConstraint("account", "source", "address"),
    comment="Files that were seen in watched folders, and what became of each. `state`: ready once "
    "two looks found it unchanged. `told`: what taking it in said.",
    schema="recon",
)
