"""What a later run changed, Parquet beside the tables, and more views for analysts."""

from alembic import op
import sqlalchemy as sa


revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_RUN = (
    "The latest run of each day: verdict, summary, and the hashes of what it used. "
    "`decided_through`: the last event about breaks that it knew."
)
_PARQUET = " `report`, `parquet`: where its page and its files stand, once they do."
_VIEWS = {
    "changes": "SELECT * FROM recon.changes",
    "match_members": "SELECT * FROM recon.match_members",
    "break_members": "SELECT * FROM recon.break_members",
    "proposal_members": "SELECT * FROM recon.proposal_members",
    "runs": """SELECT account, day, run_id, verdict, (summary->>'matched')::bigint AS matched,
        rules_hash, input_hash, finished_at FROM recon.run""",
}


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("previous_run_id", sa.Text(), nullable=False),
        sa.Column("verdict_from", sa.Text(), nullable=False),
        sa.Column("verdict_to", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("row_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("what_from", sa.Text(), nullable=True),
        sa.Column("what_to", sa.Text(), nullable=True),
        sa.Column("amount_from_minor", sa.BigInteger(), nullable=True),
        sa.Column("amount_to_minor", sa.BigInteger(), nullable=True),
        sa.Column("columns", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "change IN ('appeared', 'gone', 'changed')", name=op.f("ck_changes_change")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        schema="recon",
        comment="What a later run changed of a day that had results, row by row.",
    )
    op.create_index("ix_changes_day", "changes", ["account", "day"], unique=False, schema="recon")
    op.add_column("run", sa.Column("parquet", sa.Text(), nullable=True), schema="recon")
    op.create_table_comment("run", _RUN + _PARQUET, existing_comment=_RUN, schema="recon")
    for name, query in _VIEWS.items():
        op.execute(f"CREATE VIEW analytics.{name} AS {query}")


def downgrade() -> None:
    """Contract; what runs have changed is nowhere else, so it is not dropped."""
    op.execute("""DO $$ BEGIN
        IF EXISTS (SELECT FROM recon.changes) THEN
            RAISE EXCEPTION 'recon.changes has rows, which 0008 has no place for'
                USING HINT = 'Copy them elsewhere and delete them first.';
        END IF;
    END $$""")
    for name in reversed(_VIEWS):
        op.execute(f"DROP VIEW analytics.{name}")
    op.create_table_comment("run", _RUN, existing_comment=_RUN + _PARQUET, schema="recon")
    op.drop_column("run", "parquet", schema="recon")
    op.drop_table("changes", schema="recon")
