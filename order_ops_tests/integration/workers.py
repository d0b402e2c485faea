"""Processes that do one piece of work and are to be stopped: `python -m ... WORK SECONDS`.

The timeout is SECONDS; the process ends itself as a run's own process does.
"""

import sys
import time
import urllib.request
from dataclasses import replace

from order_ops.jobs.catalogue import EXPIRE_ORDERS
from order_ops.jobs.keeper import Clock
from order_ops.jobs.runtime import Running, perform
from order_ops.orchestration import own_process
from order_ops.settings import get_settings
from order_ops.store.engine import engine, transaction
from order_ops.store.executions import Asked
from order_ops.telemetry.logs import configure

LEASE_S = 3.0


def in_sql(running: Running) -> None:
    """The server works for a minute."""
    with transaction(running.pool) as conn:
        conn.execute("SELECT pg_sleep(60)")


def in_python(_: Running) -> None:
    """This process works for a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        sum(range(1_000))


def in_http(_: Running) -> None:
    """Another system answers in a minute."""
    with urllib.request.urlopen(sys.argv[3], timeout=60) as answer:
        answer.read()


def in_transaction(running: Running) -> None:
    """A row is written, and the rest takes a minute."""
    with transaction(running.pool) as conn:
        conn.execute("INSERT INTO ops.pause (name, actor, reason) VALUES ('half', 'a', 'b')")
        time.sleep(60)


def main() -> None:
    """Perform the work that is named."""
    configure("worker")
    job = replace(EXPIRE_ORDERS, timeout_s=float(sys.argv[2]), lease_s=120)
    asked = Asked(
        job.name, "work", "all", "request", "run-1", "worker", most_s=120, lease_s=LEASE_S
    )
    pool = engine(get_settings())
    perform(pool, job, asked, globals()[sys.argv[1]], clock=Clock(LEASE_S, own_process.end))


if __name__ == "__main__":
    main()
