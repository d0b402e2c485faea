"""Bank statements; what each file says of each line, so that a file can be taken back."""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_CORRECTED = """SELECT 1 FROM recon.source_file c {lines}
        WHERE c.account = t.account AND c.withdrawn_at IS NULL AND t.file_id = ANY (c.corrects)"""
# What counts of what was told: nothing of a file that was taken back, and not what was corrected.
# A provider corrects line by line, a bank the whole statement (most of its lines have no id).
_TELLING = """
    CREATE VIEW recon.telling AS
    SELECT t.* FROM recon.told_lines t JOIN recon.source_file f ON f.id = t.file_id
    WHERE f.withdrawn_at IS NULL AND NOT EXISTS (
        {corrected}
            AND n.account = t.account AND n.entry_id = t.entry_id)
"""
_BANK_TELLING = """
    CREATE VIEW recon.bank_telling AS
    SELECT t.* FROM recon.bank_lines t JOIN recon.source_file f ON f.id = t.file_id
    WHERE f.withdrawn_at IS NULL AND NOT EXISTS ({corrected})
"""
_BANKED = """
    CREATE VIEW recon.banked AS
    SELECT t.* FROM recon.bank_telling t WHERE NOT EXISTS (
        SELECT 1 FROM recon.bank_telling first WHERE first.account = t.account
            AND first.entry_id = t.entry_id AND first.day = t.day AND first.file_id < t.file_id)
"""
_REFUSE_BANK_FILES = """
    DO $$ BEGIN
        IF EXISTS (SELECT 1 FROM recon.bank_statements s
            JOIN recon.source_file f ON f.id = s.file_id WHERE f.withdrawn_at IS NULL) THEN
            RAISE EXCEPTION 'there are bank files, which an earlier release cannot keep: '
                'withdraw them first (order-ops bank withdraw), or stay on this release';
        END IF;
    END $$
"""
_FILES = (
    "Files of providers and banks, each once by its hash, with their control totals. "
    "`days`: those that it speaks of, oldest first. "
    "`told_in_full`: all that it says is kept, so that it can be corrected and taken back."
)


def _line() -> list[sa.Column[Any]]:
    return [
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
    ]


def _raw() -> sa.Column[Any]:
    empty = sa.text("'{}'::jsonb")
    return sa.Column("raw", postgresql.JSONB(), server_default=empty, nullable=False)


def _of_file(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_file_id_source_file")
    return sa.ForeignKeyConstraint(["file_id"], ["recon.source_file.id"], name=name)


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "told_lines",
        *_line(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("order_ref", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("available_on", sa.Date(), nullable=True),
        sa.Column("payout_id", sa.Text(), nullable=True),
        _raw(),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("settled_minor", sa.BigInteger(), nullable=True),
        sa.Column("settlement_currency", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        _of_file("told_lines"),
        sa.PrimaryKeyConstraint("account", "entry_id", "file_id", name=op.f("pk_told_lines")),
        schema="recon",
        comment="What each provider file says of each line; provider_transactions has their sum.",
    )
    op.create_index("ix_told_lines_file_id", "told_lines", ["file_id"], schema="recon")
    op.create_table(
        "bank_statements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("bank_account", sa.Text(), nullable=False),
        sa.Column("statement_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("opening_minor", sa.BigInteger(), nullable=True),
        sa.Column("opening_on", sa.Date(), nullable=True),
        sa.Column("closing_minor", sa.BigInteger(), nullable=True),
        sa.Column("closing_on", sa.Date(), nullable=True),
        _of_file("bank_statements"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_statements")),
        schema="recon",
        comment="Statements of bank files, one row per currency, with their balances.",
    )
    op.create_index("ix_bank_statements_file_id", "bank_statements", ["file_id"], schema="recon")
    op.create_index("ix_bank_statements_account", "bank_statements", ["account"], schema="recon")
    op.create_table(
        "bank_lines",
        *_line(),
        sa.Column("bank_account", sa.Text(), nullable=False),
        sa.Column("counted_on", sa.Date(), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("remittance", sa.Text(), nullable=True),
        sa.Column("party", sa.Text(), nullable=True),
        _raw(),
        _of_file("bank_lines"),
        sa.PrimaryKeyConstraint("account", "entry_id", "file_id", name=op.f("pk_bank_lines")),
        schema="recon",
        comment="What each bank file says of each line; the view recon.banked is what they come to. "
        "`counted_on`: the day whose closing balance has it first.",
    )
    op.create_index("ix_bank_lines_day", "bank_lines", ["account", "day"], schema="recon")
    op.create_index("ix_bank_lines_file_id", "bank_lines", ["file_id"], schema="recon")
    _widen_files()
    op.execute(
        "INSERT INTO recon.told_lines SELECT account, entry_id, file_id, line_no, day, kind, category,"
        " provider_ref, order_ref, amount_minor, fee_minor, net_minor, currency, occurred_at,"
        " available_on, payout_id, raw, status, settled_minor, settlement_currency, method"
        " FROM recon.provider_transactions"
    )
    op.execute(
        "UPDATE recon.source_file f SET days = told.days"
        " FROM (SELECT file_id, array_agg(DISTINCT day ORDER BY day) AS days"
        " FROM recon.told_lines GROUP BY file_id) told WHERE told.file_id = f.id"
    )
    lines = "JOIN recon.told_lines n ON n.file_id = c.id"
    op.execute(_TELLING.format(corrected=_CORRECTED.format(lines=lines)))
    op.execute(_BANK_TELLING.format(corrected=_CORRECTED.format(lines="")))
    op.execute(_BANKED)
    op.execute("CREATE VIEW analytics.bank_lines AS SELECT * FROM recon.banked")


def _widen_files() -> None:
    for column in (
        sa.Column(
            "days", sa.ARRAY(sa.Date()), server_default=sa.text("'{}'::date[]"), nullable=False
        ),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column(
            "corrects",
            sa.ARRAY(sa.BigInteger()),
            server_default=sa.text("'{}'::bigint[]"),
            nullable=False,
        ),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_in_full", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    ):
        op.add_column("source_file", column, schema="recon")
    op.create_table_comment(
        "source_file",
        _FILES,
        existing_comment="Provider files, each once by its hash, with their control totals.",
        schema="recon",
    )
    op.drop_constraint(
        op.f("uq_source_file_account_sha256"), "source_file", schema="recon", type_="unique"
    )
    op.create_index(
        "uq_source_file_account_sha256",
        "source_file",
        ["account", "sha256"],
        unique=True,
        schema="recon",
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )


def downgrade() -> None:
    """Contract. Files that were withdrawn are not known to what was before.

    Those of banks would be, with nothing of them left, and so could not come again: refused.
    """
    op.execute(_REFUSE_BANK_FILES)
    op.execute("DROP VIEW analytics.bank_lines")
    op.execute("DROP VIEW recon.banked")
    op.execute("DROP VIEW recon.bank_telling")
    op.execute("DROP VIEW recon.telling")
    for table in ("bank_lines", "bank_statements", "told_lines"):
        op.drop_table(table, schema="recon")
    op.execute(
        "DELETE FROM recon.source_file f WHERE withdrawn_at IS NOT NULL AND NOT EXISTS ("
        "SELECT 1 FROM recon.provider_transactions p WHERE p.file_id = f.id)"
    )
    op.drop_index("uq_source_file_account_sha256", table_name="source_file", schema="recon")
    op.create_unique_constraint(
        op.f("uq_source_file_account_sha256"), "source_file", ["account", "sha256"], schema="recon"
    )
    op.create_table_comment(
        "source_file",
        "Provider files, each once by its hash, with their control totals.",
        existing_comment=_FILES,
        schema="recon",
    )
    for name in ("told_in_full", "withdrawn_at", "corrects", "sequence", "days"):
        op.drop_column("source_file", name, schema="recon")
