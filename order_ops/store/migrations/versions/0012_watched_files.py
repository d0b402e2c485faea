"""Files that were seen in watched folders, and what became of each."""

from alembic import op
import sqlalchemy as sa


revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "watched_files",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="seen", nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "looked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("source IN ('files', 'bank')", name=op.f("ck_watched_files_source")),
        sa.CheckConstraint(
            "state IN ('seen', 'ready', 'taken', 'refused', 'unreadable')",
            name=op.f("ck_watched_files_state"),
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["recon.source_file.id"], name=op.f("fk_watched_files_file_id_source_file")
        ),
        sa.PrimaryKeyConstraint("account", "source", "address", name=op.f("pk_watched_files")),
        schema="recon",
        comment="Files that were seen in watched folders, and what became of each. `state`: ready "
        "once two looks found it unchanged. `told`: what taking it in said.",
    )


def downgrade() -> None:
    """Forget them: files that stand there are seen anew, and known by their hash."""
    op.drop_table("watched_files", schema="recon")
