"""Run workers that do one piece of work and are to be stopped: `... execute_run WORK SECONDS`.

The timeout is SECONDS, the lease the settings', and it is held for MOST_S at most. By their first
word they are what a run launcher starts: they are limited, and end themselves, as a run's own
process does.
"""

import os
import re
import resource
import signal
import sys
import time
import urllib.request
from dataclasses import replace

import structlog

from order_ops.jobs.catalogue import EXPIRE_ORDERS
from order_ops.jobs.running.keeper import Clock
from order_ops.jobs.running.runtime import Running, perform
from order_ops.orchestration import own_process
from order_ops.settings import get_settings
from order_ops.store.engine import engine, transaction
from order_ops.store.executions import Asked
from order_ops.telemetry.logs import configure

CPU_S = 6.0
"""What the work `in_cpu` may use of processors."""
log = structlog.get_logger(__name__)


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
    with urllib.request.urlopen(sys.argv[4], timeout=60) as answer:
        answer.read()


def in_transaction(running: Running) -> None:
    """A row is written, and the rest takes a minute."""
    with transaction(running.pool) as conn:
        conn.execute("INSERT INTO ops.pause (name, actor, reason) VALUES ('half', 'a', 'b')")
        time.sleep(60)


def in_memory(_: Running) -> None:
    """More and more is kept."""
    kept = []
    while True:
        kept.append(bytes(16 * 1024 * 1024))


def in_regex(_: Running) -> None:
    """The interpreter is never let go of: for ages no other thread has its turn."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def in_lines(_: Running) -> None:
    """More and more is said, whoever listens."""
    while True:
        log.info("working", text="x" * 500)


def in_cpu(running: Running) -> None:
    """As in_python, and more of it than is allowed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    in_python(running)


class Interrupted(BaseException):
    """What Dagster raises, wherever the work is, in a process that is asked to end."""


def interrupt(*_: object) -> None:
    """SIGTERM, as in a run worker."""
    raise Interrupted


def main() -> None:
    """Perform the work that is named."""
    configure("worker")
    signal.signal(signal.SIGTERM, interrupt)
    work, settings = sys.argv[2], get_settings()
    lease_s = settings.lease_s
    most_s = float(os.environ.get("MOST_S", "120"))
    job = replace(EXPIRE_ORDERS, timeout_s=float(sys.argv[3]), lease_s=most_s)
    asked = Asked(
        job.name, work, "all", "request", "run-1", "worker", most_s=most_s, lease_s=lease_s
    )
    small = replace(job, timeout_s=0.1, lease_s=CPU_S / (os.cpu_count() or 1))
    own_process.limit(small if work == "in_cpu" else job, settings)
    perform(engine(settings), job, asked, globals()[work], clock=Clock(lease_s, own_process.end))


if __name__ == "__main__":
    main()
