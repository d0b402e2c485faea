"""Executions of dry runs: their ends say nothing about a job."""

from alembic import op
import sqlalchemy as sa

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.add_column(
        "job_execution",
        sa.Column("dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="ops",
    )


def downgrade() -> None:
    """Contract."""
    op.drop_column("job_execution", "dry_run", schema="ops")
