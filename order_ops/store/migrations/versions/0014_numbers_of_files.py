"""Numbers of what files have, by the series that they count in."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COMMENT = (
    "Files of providers and banks, each once by its hash, with their control totals. `days`: those "
    "that it speaks of, oldest first. {numbers}`told_in_full`: all that it says is kept, so that it "
    "can be corrected and taken back."
)


def upgrade() -> None:
    """Expand."""
    empty = sa.text("'{}'::jsonb")
    column = sa.Column("numbers", postgresql.JSONB(), server_default=empty, nullable=False)
    op.add_column("source_file", column, schema="recon")
    op.execute(
        "UPDATE recon.source_file SET numbers = jsonb_build_object('', jsonb_build_array(sequence))"
        " WHERE sequence IS NOT NULL"
    )
    op.drop_column("source_file", "sequence", schema="recon")
    told = _COMMENT.format(numbers="`numbers`: of what it has, by series. ")
    op.create_table_comment("source_file", told, schema="recon")


def downgrade() -> None:
    """Back; of a file with several numbers none is kept."""
    column = sa.Column("sequence", sa.BigInteger(), nullable=True)
    op.add_column("source_file", column, schema="recon")
    op.execute(
        "UPDATE recon.source_file f SET sequence = (SELECT min(n.number::bigint)"
        " FROM jsonb_each(f.numbers) s, jsonb_array_elements_text(s.value) n(number)"
        " HAVING count(*) = 1)"
    )
    op.drop_column("source_file", "numbers", schema="recon")
    op.create_table_comment("source_file", _COMMENT.format(numbers=""), schema="recon")
