"""What entries said to the run that listed a break; acknowledged is what is as it was then."""

from alembic import op
import sqlalchemy as sa


revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_BEFORE = """
    CREATE OR REPLACE VIEW recon.standing_breaks AS
    WITH latest AS (
        SELECT DISTINCT ON (account) account, day, decided_through
        FROM recon.run ORDER BY account, day DESC
    )
    SELECT b.account, b.day, b.break_id, b.class, b.status,
        CASE
            WHEN decision.act <> 'reopen' AND decision.id > latest.decided_through THEN
                CASE decision.act WHEN 'accept' THEN 'accepted' ELSE 'written_off' END
            WHEN b.status IN ('accepted', 'written_off') AND decision.act = 'reopen' THEN 'reopened'
            WHEN b.status IN ('accepted', 'written_off') THEN b.status
            WHEN last.proposed > COALESCE(last.settled, 0) THEN 'write_off_proposed'
            WHEN b.status = 'pending' AND decision.id IS NULL THEN 'pending'
            WHEN last.acknowledged > COALESCE(decision.id, 0) THEN 'acknowledged'
            WHEN decision.id IS NOT NULL THEN 'reopened'
            ELSE 'open'
        END AS state,
        b.leg, b.key, b.kind, b.rule, b.currency, b.difference_minor, b.at_stake_minor, b.entries,
        b.order_ref, b.provider_ref, b.first_seen, b.break_on, b.explanation,
        b.day - b.first_seen AS age_days, b.business_days AS age_business_days,
        assigned.assignee, due.due_on, note.reason AS last_note,
        decision.actor AS decided_by, decision.act AS decision, decision.reason AS decided_because,
        decision.decided_on, decision.at AS decided_at, proposal.actor AS write_off_proposed_by
    FROM latest
    JOIN recon.reconciliation_breaks b ON b.account = latest.account AND b.day = latest.day
    CROSS JOIN LATERAL (
        SELECT max(e.id) FILTER (WHERE e.act IN ('accept', 'write_off', 'approve_write_off',
                'reopen')) AS decided,
            max(e.id) FILTER (WHERE e.act IN ('accept', 'write_off', 'approve_write_off', 'reject',
                'reopen')) AS settled,
            max(e.id) FILTER (WHERE e.act = 'propose_write_off') AS proposed,
            max(e.id) FILTER (WHERE e.act = 'acknowledge') AS acknowledged,
            max(e.id) FILTER (WHERE e.act = 'assign') AS assigned,
            max(e.id) FILTER (WHERE e.act = 'due') AS due,
            max(e.id) FILTER (WHERE e.act = 'note') AS note
        FROM recon.break_events e WHERE e.account = b.account AND e.break_id = b.break_id
    ) last
    LEFT JOIN recon.break_events decision ON decision.id = last.decided
    LEFT JOIN recon.break_events assigned ON assigned.id = last.assigned
    LEFT JOIN recon.break_events due ON due.id = last.due
    LEFT JOIN recon.break_events note ON note.id = last.note
    LEFT JOIN recon.break_events proposal
        ON proposal.id = last.proposed AND last.proposed > COALESCE(last.settled, 0)
"""
_STANDING = """
    CREATE OR REPLACE VIEW recon.standing_breaks AS
    WITH latest AS (
        SELECT DISTINCT ON (account) account, day, decided_through
        FROM recon.run ORDER BY account, day DESC
    )
    SELECT b.account, b.day, b.break_id, b.class, b.status,
        CASE
            WHEN decision.act <> 'reopen' AND decision.id > latest.decided_through THEN
                CASE decision.act WHEN 'accept' THEN 'accepted' ELSE 'written_off' END
            WHEN b.status IN ('accepted', 'written_off') AND decision.act = 'reopen' THEN 'reopened'
            WHEN b.status IN ('accepted', 'written_off') THEN b.status
            WHEN last.proposed > COALESCE(last.settled, 0) THEN 'write_off_proposed'
            WHEN b.status = 'pending' AND decision.id IS NULL THEN 'pending'
            WHEN last.acknowledged > COALESCE(decision.id, 0) AND (seen.class, seen.difference_minor,
                seen.at_stake_minor, seen.entries, seen.members_hash) = (b.class,
                b.difference_minor, b.at_stake_minor, b.entries, told.members_hash)
                THEN 'acknowledged'
            WHEN decision.id IS NOT NULL THEN 'reopened'
            ELSE 'open'
        END AS state,
        b.leg, b.key, b.kind, b.rule, b.currency, b.difference_minor, b.at_stake_minor, b.entries,
        b.order_ref, b.provider_ref, b.first_seen, b.break_on, b.explanation,
        b.day - b.first_seen AS age_days, b.business_days AS age_business_days,
        assigned.assignee, due.due_on, note.reason AS last_note,
        decision.actor AS decided_by, decision.act AS decision, decision.reason AS decided_because,
        decision.decided_on, decision.at AS decided_at, proposal.actor AS write_off_proposed_by
    FROM latest
    JOIN recon.reconciliation_breaks b ON b.account = latest.account AND b.day = latest.day
    CROSS JOIN LATERAL (
        SELECT max(e.id) FILTER (WHERE e.act IN ('accept', 'write_off', 'approve_write_off',
                'reopen')) AS decided,
            max(e.id) FILTER (WHERE e.act IN ('accept', 'write_off', 'approve_write_off', 'reject',
                'reopen')) AS settled,
            max(e.id) FILTER (WHERE e.act = 'propose_write_off') AS proposed,
            max(e.id) FILTER (WHERE e.act = 'acknowledge') AS acknowledged,
            max(e.id) FILTER (WHERE e.act = 'assign') AS assigned,
            max(e.id) FILTER (WHERE e.act = 'due') AS due,
            max(e.id) FILTER (WHERE e.act = 'note') AS note
        FROM recon.break_events e WHERE e.account = b.account AND e.break_id = b.break_id
    ) last
    LEFT JOIN recon.break_events decision ON decision.id = last.decided
    LEFT JOIN recon.break_events assigned ON assigned.id = last.assigned
    LEFT JOIN recon.break_events due ON due.id = last.due
    LEFT JOIN recon.break_events note ON note.id = last.note
    LEFT JOIN recon.break_events proposal
        ON proposal.id = last.proposed AND last.proposed > COALESCE(last.settled, 0)
    LEFT JOIN recon.break_events seen ON seen.id = last.acknowledged
    LEFT JOIN recon.told_breaks told ON told.account = b.account AND told.day = b.day
        AND told.break_id = b.break_id
"""
# A break of an earlier release takes no decision before its day has run again.
_LATEST_DUE = """
    UPDATE recon.day d SET generation = generation + 1, requests = 0, requested_at = NULL
    FROM (SELECT account, max(day) AS day FROM recon.run GROUP BY account) latest
    WHERE d.account = latest.account AND d.day = latest.day
"""


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "told_breaks",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("break_id", sa.Text(), nullable=False),
        sa.Column("members_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "day", "break_id", name=op.f("pk_told_breaks")),
        schema="recon",
        comment="What the entries of each break said to the run of the day, as a hash: what people "
        "decide upon, whatever the entries say since.",
    )
    op.execute(_STANDING)
    op.execute(_LATEST_DUE)


def downgrade() -> None:
    """Contract."""
    op.execute(_BEFORE)
    op.drop_table("told_breaks", schema="recon")
