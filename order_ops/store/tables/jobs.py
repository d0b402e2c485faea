"""The execution ledger: which work was asked for, who has it in hand, and how it ended."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from order_ops.store.tables.columns import (
    document,
    identity,
    metadata,
    moment,
    number,
    one_of,
    words,
)

job_execution = Table(
    "job_execution",
    metadata,
    identity(),
    words("job"),
    words("step"),
    words("work_key"),
    words("request"),
    words("state"),
    Column("attempt", Integer, nullable=False, server_default=text("1")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("stalls", Integer, nullable=False, server_default=text("0")),
    number("fence", default="1"),
    words("run_id"),
    Column("run_ids", ARRAY(Text), nullable=False),
    words("worker"),
    document("input"),
    moment("requested_at", now=True),
    moment("started_at", now=True),
    moment("heartbeat_at", now=True),
    moment("lease_until", null=False),
    moment("deadline_at", null=False),
    moment("again_at"),
    moment("ended_at"),
    words("category", null=True),
    words("error_type", null=True),
    words("error", null=True),
    words("stack", null=True),
    UniqueConstraint("job", "step", "work_key", "request"),
    one_of("state", "running", "waiting", "done", "failed", "cancelled", "superseded"),
    CheckConstraint("(state = 'waiting') = (again_at IS NOT NULL)", name="again_at"),
    CheckConstraint("(state IN ('running', 'waiting')) = (ended_at IS NULL)", name="ended_at"),
    Index(
        "uq_job_execution_live",
        "job",
        "step",
        "work_key",
        unique=True,
        postgresql_where=text("state IN ('running', 'waiting')"),
    ),
    Index("ix_job_execution_lease", "lease_until", postgresql_where=text("state = 'running'")),
    Index("ix_job_execution_again", "again_at", postgresql_where=text("state = 'waiting'")),
    Index("ix_job_execution_run_ids", "run_ids", postgresql_using="gin"),
    Index("ix_job_execution_step_id", "job", "step", "id"),
    Index("ix_job_execution_ended_at", "ended_at"),
    comment="Work that was asked for: one row per job, step, work key and request; at most one of "
    "a work key is in hand. `fence` goes up with each that takes it over and is checked by each "
    "write; `lease_until` passes unless its worker renews it, and never goes past `deadline_at`.",
    schema="ops",
)

job_total = Table(
    "job_total",
    metadata,
    Column("job", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    number("executions"),
    Column("seconds", Double, nullable=False, server_default=text("0")),
    Column("buckets", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")),
    comment="How executions have ended, counted, and how long they took; it outlives them.",
    schema="ops",
)

beat = Table(
    "beat",
    metadata,
    Column("name", Text, primary_key=True),
    words("instance"),
    moment("at", now=True),
    Column("every_s", Double, nullable=False),
    comment="When each process, schedule and sensor was last alive, and how often it should be.",
    schema="ops",
)
