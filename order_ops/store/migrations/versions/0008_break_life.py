"""The life of a break: events of people, chained; accepted and written-off breaks."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ACTS = (
    "'acknowledge', 'assign', 'due', 'note', 'accept', 'write_off', 'propose_write_off', "
    "'approve_write_off', 'reject', 'reopen', 'accept_match'"
)
_BREAKS = "CREATE OR REPLACE VIEW analytics.reconciliation_breaks AS SELECT * FROM recon.reconciliation_breaks"
_EXTEND = """
    CREATE FUNCTION recon.extend_chain() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE head recon.audit_head;
    BEGIN
        SELECT * INTO STRICT head FROM recon.audit_head WHERE chain = 'breaks' FOR UPDATE;
        IF NEW.id <> head.count + 1 OR NEW.previous_hash <> head.hash THEN
            RAISE EXCEPTION 'event % does not follow on event % of the chain', NEW.id, head.count
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        UPDATE recon.audit_head SET count = NEW.id, hash = NEW.hash WHERE chain = 'breaks';
        RETURN NEW;
    END $$
"""
_ONLY_MOVED = """
    CREATE FUNCTION recon.moved_by_events() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND pg_trigger_depth() > 1 THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'recon.audit_head moves with recon.break_events alone'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""
_STANDING = """
    CREATE VIEW recon.standing_breaks AS
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


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "break_events",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("break_id", sa.Text(), nullable=True),
        sa.Column("proposal_id", sa.Text(), nullable=True),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("class", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("difference_minor", sa.BigInteger(), nullable=False),
        sa.Column("at_stake_minor", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("members_hash", sa.Text(), nullable=False),
        sa.Column(
            "members",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint(f"act IN ({_ACTS})", name=op.f("ck_break_events_act")),
        sa.CheckConstraint(
            "(break_id IS NULL) <> (proposal_id IS NULL)", name=op.f("ck_break_events_subject")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_break_events")),
        sa.UniqueConstraint("previous_hash", name=op.f("uq_break_events_previous_hash")),
        schema="recon",
        comment="What a person did about a break or a proposal, the facts it was done upon, and "
        "from which day it holds. `id` counts without gaps, `hash` is over the row and the hash "
        "before it.",
    )
    op.create_index(
        "ix_break_events_break", "break_events", ["account", "break_id", "id"], schema="recon"
    )
    op.create_index(
        "ix_break_events_proposal",
        "break_events",
        ["account", "proposal_id", "id"],
        schema="recon",
        postgresql_where=sa.text("proposal_id IS NOT NULL"),
    )
    op.create_table(
        "audit_head",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("chain IN ('breaks')", name=op.f("ck_audit_head_chain")),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_head")),
        schema="recon",
        comment="How many events a chain has, and the hash of the last: moved by the insert alone.",
    )
    op.execute("INSERT INTO recon.audit_head (chain, count, hash) VALUES ('breaks', 0, '')")
    op.execute(_EXTEND)
    op.execute(_ONLY_MOVED)
    op.execute(
        "CREATE TRIGGER extend_chain BEFORE INSERT ON recon.break_events"
        " FOR EACH ROW EXECUTE FUNCTION recon.extend_chain()"
    )
    for what, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER only_added_{each.lower()} BEFORE {what} ON recon.break_events"
            f" FOR EACH {each} EXECUTE FUNCTION ops.only_added()"
        )
    for what, each in (("INSERT OR UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER moved_by_events_{each.lower()} BEFORE {what} ON recon.audit_head"
            f" FOR EACH {each} EXECUTE FUNCTION recon.moved_by_events()"
        )
    op.add_column(
        "run",
        sa.Column("decisions_hash", sa.Text(), server_default="", nullable=False),
        schema="recon",
    )
    op.add_column(
        "run",
        sa.Column("decided_through", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        schema="recon",
    )
    op.create_table_comment(
        "run",
        "The latest run of each day: verdict, summary, and the hashes of what it used. "
        "`decided_through`: the last event about breaks that it knew.",
        existing_comment="The latest run of each day: verdict, summary, and the hashes of what it used.",
        schema="recon",
    )
    op.add_column(
        "reconciliation_breaks",
        sa.Column("business_days", sa.BigInteger(), nullable=True),
        schema="recon",
    )
    op.create_index(
        "ix_reconciliation_breaks_break_id",
        "reconciliation_breaks",
        ["break_id"],
        schema="recon",
        postgresql_ops={"break_id": "text_pattern_ops"},
    )
    op.create_table_comment(
        "reconciliation_breaks",
        "Every difference of a day, named, with the money at stake. `business_days`: since it was "
        "first seen, by the calendar of the rules.",
        existing_comment="Every difference of a day, named, with the money at stake.",
        schema="recon",
    )
    _replace_status("break", "pending", "accepted", "written_off")
    op.execute(_BREAKS)
    op.execute(_STANDING)
    op.execute("CREATE VIEW analytics.standing_breaks AS SELECT * FROM recon.standing_breaks")


def downgrade() -> None:
    """Contract; what people have decided is not thrown away."""
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM recon.break_events) THEN"
        " RAISE EXCEPTION 'there are decisions about breaks: keep this version'; END IF; END $$"
    )
    for view in (
        "analytics.standing_breaks",
        "recon.standing_breaks",
        "analytics.reconciliation_breaks",
    ):
        op.execute(f"DROP VIEW {view}")
    _replace_status("break", "pending")
    op.create_table_comment(
        "reconciliation_breaks",
        "Every difference of a day, named, with the money at stake.",
        existing_comment="Every difference of a day, named, with the money at stake. "
        "`business_days`: since it was first seen, by the calendar of the rules.",
        schema="recon",
    )
    op.drop_index(
        "ix_reconciliation_breaks_break_id", table_name="reconciliation_breaks", schema="recon"
    )
    op.drop_column("reconciliation_breaks", "business_days", schema="recon")
    op.create_table_comment(
        "run",
        "The latest run of each day: verdict, summary, and the hashes of what it used.",
        existing_comment="The latest run of each day: verdict, summary, and the hashes of what it "
        "used. `decided_through`: the last event about breaks that it knew.",
        schema="recon",
    )
    op.drop_column("run", "decided_through", schema="recon")
    op.drop_column("run", "decisions_hash", schema="recon")
    op.drop_table("audit_head", schema="recon")
    op.drop_table("break_events", schema="recon")
    op.execute("DROP FUNCTION recon.extend_chain()")
    op.execute("DROP FUNCTION recon.moved_by_events()")
    op.execute(_BREAKS)


def _replace_status(*values: str) -> None:
    listed = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint("status", "reconciliation_breaks", schema="recon", type_="check")
    op.create_check_constraint(
        "status", "reconciliation_breaks", f"status IN ({listed})", schema="recon"
    )
