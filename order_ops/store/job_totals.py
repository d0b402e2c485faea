"""How often executions of a job ended in which way, and how long they took: kept for good."""

from order_ops.store.engine import Connection
from order_ops.store.queries import executions as sql

BUCKETS_S = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600)
"""Bounds of the duration histogram, in seconds, up to the longest timeout."""


def count(conn: Connection, job: str, status: str, seconds: float) -> None:
    """One more execution that ended so; counts outlive the executions."""
    buckets = [int(seconds <= bound) for bound in BUCKETS_S]
    sql.count_ended(conn, job=job, status=status, seconds=seconds, buckets=buckets)
