"""Ops: what the jobs need to be right."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
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

_UNSETTLED = "state IN ('open', 'replaying')"

outbox = Table(
    "outbox",
    metadata,
    identity(),
    words("message_id"),
    words("tenant_id"),
    words("order_id"),
    words("routing_key"),
    Column("body", LargeBinary, nullable=False),
    document("headers"),
    words("correlation_id", null=True),
    moment("created_at", now=True),
    moment("published_at"),
    UniqueConstraint("message_id"),
    CheckConstraint("octet_length(body) <= 100000", name="body"),
    Index("ix_outbox_created", "created_at", postgresql_using="brin"),
    Index("ix_outbox_published", "published_at", postgresql_using="brin"),
    Index("ix_outbox_unpublished", "id", postgresql_where=text("published_at IS NULL")),
    comment="What is said to the world, written with the change it speaks of.",
    schema="ops",
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    words("owner"),
    number("fence"),
    moment("lease_until", null=False),
    comment="Who is the one active process of a kind, until when, by the database's clock.",
    schema="ops",
)

dead_letter = Table(
    "dead_letter",
    metadata,
    identity(),
    words("origin"),
    words("origin_id"),
    words("tenant_id", null=True),
    words("order_id", null=True),
    words("name"),
    Column("payload", LargeBinary, nullable=True),
    Column("edited", LargeBinary, nullable=True),
    document("headers"),
    words("category"),
    words("error"),
    words("stack", null=True),
    Column("attempts", Integer, nullable=False),
    words("fingerprint"),
    words("correlation_id", null=True),
    number("amount_minor", null=True),
    words("currency", null=True),
    Column("holds", Boolean, nullable=False, server_default=text("false")),
    Column("replay_of", BigInteger, ForeignKey("ops.dead_letter.id"), nullable=True),
    words("state", default="open"),
    words("reviewer", null=True),
    words("reason", null=True),
    moment("created_at", now=True),
    moment("reviewed_at"),
    UniqueConstraint("origin", "origin_id", "replay_of", postgresql_nulls_not_distinct=True),
    one_of("origin", "event", "run"),
    one_of("state", "open", "replaying", "replayed", "discarded"),
    CheckConstraint("(state = 'open') = (reviewed_at IS NULL)", name="reviewed_at"),
    Index("ix_dead_letter_fingerprint", "fingerprint"),
    Index("ix_dead_letter_unsettled", "id", postgresql_where=text(_UNSETTLED)),
    Index(
        "ix_dead_letter_holds",
        "tenant_id",
        "order_id",
        postgresql_where=text("holds AND state = 'open'"),
    ),
    comment="Events and runs that could not be done, with payload, error and stack. `holds`: "
    "later events of its producer about the order wait. `replay_of`: the letter whose replay "
    "failed and opened this one.",
    schema="ops",
)

audit = Table(
    "audit",
    metadata,
    identity(),
    moment("at", now=True),
    words("actor"),
    words("action"),
    words("subject"),
    words("reason"),
    document("detail"),
    Index("ix_audit_subject", "subject"),
    comment="What people did, to what, and why they said they did it.",
    schema="ops",
)

pause = Table(
    "pause",
    metadata,
    Column("name", Text, primary_key=True),
    words("actor"),
    words("reason"),
    moment("since", now=True),
    comment="What people have paused; a row goes when it is resumed, the audit keeps both.",
    schema="ops",
)

act = Table(
    "act",
    metadata,
    identity(),
    words("kind"),
    words("tenant_id"),
    words("order_id"),
    words("account", null=True),
    number("order_version"),
    words("state"),
    words("reason"),
    document("facts"),
    words("run_id", null=True),
    moment("created_at", now=True),
    moment("ended_at"),
    UniqueConstraint("kind", "tenant_id", "order_id", "order_version"),
    one_of("kind", "expire", "confirm", "cancel", "refund", "reinstate"),
    one_of("state", "proposed", "intended", "done", "overtaken", "failed"),
    comment="What is planned, proposed or done about an order, and on which facts.",
    schema="ops",
)
