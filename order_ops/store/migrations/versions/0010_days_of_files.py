"""Days that a file speaks of one by one; which balance of its bank has a line first."""

from alembic import op
import sqlalchemy as sa


revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_FILES = "Files of providers and banks, each once by its hash, with their control totals. "
_DAYS = "`days`: those that it speaks of, oldest first. "
_IN_FULL = "`told_in_full`: all that it says is kept, so that it can be corrected and taken back."
_LINES = "What each bank file says of each line; the view recon.banked is what they come to."
_COUNTED = " `counted_on`: the day whose closing balance has it first."

_BANK_TELLING = """
    CREATE VIEW recon.bank_telling AS
    SELECT t.* FROM recon.bank_lines t JOIN recon.source_file f ON f.id = t.file_id
    WHERE f.withdrawn_at IS NULL AND NOT EXISTS (SELECT 1 FROM recon.source_file c
        WHERE c.account = t.account AND c.withdrawn_at IS NULL AND t.file_id = ANY (c.corrects))
"""
_BANKED = """
    CREATE VIEW recon.banked AS
    SELECT t.* FROM recon.bank_telling t WHERE NOT EXISTS (
        SELECT 1 FROM recon.bank_telling first WHERE first.account = t.account
            AND first.entry_id = t.entry_id AND first.day = t.day AND first.file_id < t.file_id)
"""
_BANKED_BEFORE = """
    CREATE VIEW recon.banked AS
    SELECT DISTINCT ON (account, day, entry_id) * FROM recon.bank_telling
    ORDER BY account, day, entry_id, file_id
"""
# Days of a statement: after its opening balance, up to its closing one.
_STATED = """
    CREATE TEMPORARY TABLE stated ON COMMIT DROP AS
    SELECT s.file_id, s.account, s.bank_account, d.day::date FROM recon.bank_statements s,
        generate_series(least(s.closing_on, coalesce(s.opening_on + 1, s.closing_on)),
            s.closing_on, interval '1 day') AS d(day)
"""
_FILL_DAYS = """
    UPDATE recon.source_file f SET days = told.days FROM (
        SELECT file_id, array_agg(DISTINCT day ORDER BY day) AS days FROM (
            SELECT file_id, day FROM recon.told_lines
            UNION SELECT file_id, day FROM recon.bank_lines
            UNION SELECT file_id, day FROM stated
            UNION SELECT id, first_day FROM recon.source_file WHERE first_day IS NOT NULL
            UNION SELECT id, last_day FROM recon.source_file WHERE last_day IS NOT NULL
        ) every GROUP BY file_id
    ) told WHERE told.file_id = f.id
"""
# A line that an earlier version took from a file of several statements is not known to be of one
# of them: told late, it counts on the day of its booking.
_FILL_LINES = """
    UPDATE recon.bank_lines l SET bank_account = s.bank_account,
        counted_on = least(greatest(l.day, s.first_day), s.last_day)
    FROM (SELECT file_id, account, min(bank_account) AS bank_account, min(day) AS first_day,
        max(day) AS last_day FROM stated GROUP BY file_id, account) s
    WHERE s.file_id = l.file_id AND s.account = l.account
"""


def upgrade() -> None:
    """Expand, and drop what was there for one unreleased version."""
    _drop_views()
    days = sa.ARRAY(sa.Date())
    empty = sa.text("'{}'::date[]")
    op.add_column(
        "source_file", sa.Column("days", days, server_default=empty, nullable=False), schema="recon"
    )
    op.add_column("bank_lines", sa.Column("bank_account", sa.Text()), schema="recon")
    op.add_column("bank_lines", sa.Column("counted_on", sa.Date()), schema="recon")
    op.execute(_STATED)
    op.execute(_FILL_DAYS)
    op.execute(_FILL_LINES)
    op.execute(
        "UPDATE recon.bank_lines SET bank_account = '', counted_on = day WHERE counted_on IS NULL"
    )
    op.alter_column("bank_lines", "bank_account", nullable=False, schema="recon")
    op.alter_column("bank_lines", "counted_on", nullable=False, schema="recon")
    op.drop_column("source_file", "first_day", schema="recon")
    op.drop_column("source_file", "last_day", schema="recon")
    _comment("source_file", _FILES + _DAYS + _IN_FULL, _FILES + _IN_FULL)
    _comment("bank_lines", _LINES + _COUNTED, _LINES)
    _make_views(_BANKED)


def downgrade() -> None:
    """Back to the first and the last day of each file."""
    _drop_views()
    for name in ("first_day", "last_day"):
        op.add_column("source_file", sa.Column(name, sa.Date(), nullable=True), schema="recon")
    op.execute(
        "UPDATE recon.source_file SET first_day = days[1], last_day = days[cardinality(days)]"
    )
    op.drop_column("source_file", "days", schema="recon")
    op.drop_column("bank_lines", "counted_on", schema="recon")
    op.drop_column("bank_lines", "bank_account", schema="recon")
    _comment("source_file", _FILES + _IN_FULL, _FILES + _DAYS + _IN_FULL)
    _comment("bank_lines", _LINES, _LINES + _COUNTED)
    _make_views(_BANKED_BEFORE)


def _comment(table: str, comment: str, before: str) -> None:
    op.create_table_comment(table, comment, existing_comment=before, schema="recon")


def _drop_views() -> None:
    for view in ("analytics.bank_lines", "recon.banked", "recon.bank_telling"):
        op.execute(f"DROP VIEW {view}")


def _make_views(banked: str) -> None:
    op.execute(_BANK_TELLING)
    op.execute(banked)
    op.execute("CREATE VIEW analytics.bank_lines AS SELECT * FROM recon.banked")
