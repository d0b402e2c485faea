"""Intake: what came from the broker, and whose hands it is in."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, INT8RANGE

from order_ops.store.tables.columns import (
    document,
    identity,
    metadata,
    moment,
    number,
    one_of,
    words,
)

inbox = Table(
    "inbox",
    metadata,
    identity(),
    words("source"),
    words("message_id"),
    Column("sha256", LargeBinary, nullable=False),
    words("tenant_id", null=True),
    words("order_id", null=True),
    words("producer", null=True),
    number("sequence", null=True),
    words("event_type", null=True),
    Column("priority", SmallInteger, nullable=False),
    words("routing_key"),
    Column("body", LargeBinary, nullable=False),
    document("headers"),
    moment("occurred_at"),
    moment("received_at", now=True),
    words("state"),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("copies", Integer, nullable=False, server_default=text("1")),
    moment("next_at", now=True),
    words("last_run_id", null=True),
    words("correlation_id", null=True),
    words("property_message_id", null=True),
    words("property_correlation_id", null=True),
    words("note", null=True),
    moment("settled_at"),
    moment("purged_at"),
    UniqueConstraint("source", "message_id"),
    one_of("state", "pending", "retry", "done", "parked", "skipped", "discarded"),
    CheckConstraint(
        "state NOT IN ('pending', 'retry', 'done') OR (tenant_id IS NOT NULL AND order_id IS NOT "
        "NULL AND event_type IS NOT NULL)",
        name="applicable",
    ),
    Index(
        "ix_inbox_due",
        "priority",
        "next_at",
        "id",
        postgresql_where=text("state IN ('pending', 'retry')"),
    ),
    Index(
        "ix_inbox_lane",
        "tenant_id",
        "order_id",
        "id",
        postgresql_where=text("state IN ('pending', 'retry')"),
    ),
    Index("ix_inbox_correlation_id", "correlation_id"),
    Index("ix_inbox_order_id", "order_id", "tenant_id"),
    Index("ix_inbox_received", "received_at", postgresql_using="brin"),
    Index("ix_inbox_settled", "settled_at", postgresql_using="brin"),
    Index(
        "ix_inbox_payloads",
        "settled_at",
        "id",
        postgresql_where=text("purged_at IS NULL AND settled_at IS NOT NULL"),
    ),
    comment="Every message that was taken in, byte for byte, once per id. `purged_at`: since then "
    "body and headers are empty; its id and `sha256` stay, so that a copy of it is still a copy.",
    schema="intake",
)

claim = Table(
    "claim",
    metadata,
    identity(),
    words("owner"),
    moment("lease_until", null=False),
    Column("tenant_ids", ARRAY(Text), nullable=False),
    Column("order_ids", ARRAY(Text), nullable=False),
    Column("alone", Boolean, nullable=False, server_default=text("false")),
    number("event_id", null=True),
    comment="The lanes that a worker has in hand; `id` is the fence that lets it write. "
    "`alone`: a suspect lane, tried event by event, `event_id` at present.",
    schema="intake",
)

suspect = Table(
    "suspect",
    metadata,
    words("tenant_id"),
    words("order_id"),
    Column("losses", Integer, nullable=False, server_default=text("1")),
    moment("since", now=True),
    PrimaryKeyConstraint("tenant_id", "order_id"),
    comment="Lanes whose last claim was lost with its worker: each is tried alone.",
    schema="intake",
)

sequence = Table(
    "sequence",
    metadata,
    words("source"),
    words("tenant_id"),
    words("producer"),
    Column("seen", INT8MULTIRANGE, nullable=False),
    moment("updated_at", now=True),
    PrimaryKeyConstraint("source", "tenant_id", "producer"),
    comment="Which numbers of each producer have come.",
    schema="intake",
)

gap = Table(
    "gap",
    metadata,
    words("source"),
    words("tenant_id"),
    words("producer"),
    Column("numbers", INT8RANGE, nullable=False),
    moment("found_at", null=False),
    PrimaryKeyConstraint("source", "tenant_id", "producer", "numbers"),
    comment="Numbers of a producer that have not come, though a later one has.",
    schema="intake",
)

hour = Table(
    "hour",
    metadata,
    words("source"),
    moment("hour", null=False),
    *(number(name) for name in ("received", "copies", "pending", "done", "parked", "skipped")),
    *(number(name) for name in ("discarded", "missing", "to_publish", "published")),
    moment("updated_at", now=True),
    PrimaryKeyConstraint("source", "hour"),
    comment="The ledger of messages: what came in an hour, and what became of it. `missing`: "
    "numbers of producers found missing in that hour, and still missing. `to_publish`, "
    "`published`: messages of our own written in that hour, and those the broker confirmed.",
    schema="intake",
)
