"""A system that is up, as `order-ops up` runs it, in a folder that goes away after."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg

from benchmarks import harness
from benchmarks.events import message
from benchmarks.servers import libpq
from order_ops.devstack import broker, postgres
from order_ops.devstack.services import prepare_dagster_home
from order_ops.devstack.waiting import wait_until
from order_ops.messaging.publisher import Outgoing, Publisher

UP_S = 240.0
JOB = "apply_order_events_job"


class System:
    """A system that is up."""

    def __init__(self, home: Path, pid: int) -> None:
        self.pid = pid
        self.url = postgres.database_url(home)
        self.amqp_url = _variable(home, "ORDER_OPS_AMQP_URL")
        os.environ["DAGSTER_POSTGRES_URL"] = postgres.dagster_postgres_url(home)
        os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(home))
        self.instance = dg.DagsterInstance.get()
        self.conn = psycopg.connect(libpq(self.url), autocommit=True)
        self.publisher = Publisher(self.amqp_url)
        self.home = home

    def publish(self, kind: str, order: str, sequence: int, **data: Any) -> str:
        """Publish an event and wait for the broker's word on it; its id."""
        made = message(kind, order, sequence, **data)
        self.publisher.publish(
            [Outgoing(None, "shop.events", made.routing_key, made.body, dict(made.headers))]
        )
        return f"order-service-{order}-{sequence}"

    def settled(self, ids: Sequence[str]) -> dict[str, datetime]:
        """Those of the events that are applied, and when they were received."""
        rows = self.conn.execute(
            "SELECT message_id, received_at FROM intake.inbox"
            " WHERE message_id = ANY (%s) AND state = 'done'",
            [list(ids)],
        )
        return dict(rows.fetchall())

    def wait_quiet(self) -> None:
        """Until no run applies events or waits for some."""
        held = """SELECT count(*) FROM ops.job_execution
            WHERE job = %s AND state = 'running' AND lease_until > now()"""

        def quiet() -> bool:
            (count,) = self.conn.execute(held, [JOB]).fetchone() or (1,)
            unfinished = dg.RunsFilter(
                job_name=JOB,
                statuses=[
                    dg.DagsterRunStatus.QUEUED,
                    dg.DagsterRunStatus.STARTING,
                    dg.DagsterRunStatus.STARTED,
                    dg.DagsterRunStatus.NOT_STARTED,
                ],
            )
            self.publisher.idle(0.1)
            return not count and not self.instance.get_runs_count(unfinished)

        wait_until(quiet, 120, "the lingering run to end")

    def run_after(self, moment: float) -> dg.RunRecord:
        """The first run that was asked for after a moment, once its start is on record."""
        asked = dg.RunsFilter(job_name=JOB, created_after=datetime.fromtimestamp(moment, UTC))
        found: list[dg.RunRecord] = []

        def started() -> bool:
            found[:] = self.instance.get_run_records(asked, limit=1, ascending=True)
            return bool(found) and found[0].start_time is not None

        wait_until(started, 60, "a run that has started")
        return found[0]

    def close(self) -> None:
        self.publisher.close()
        self.conn.close()
        self.instance.dispose()


@contextlib.contextmanager
def system() -> Iterator[System]:
    """`order-ops up` in a folder of its own, once everything answers."""
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.default_int_handler)
    home = Path(tempfile.mkdtemp(prefix="oo-bench-", dir="/tmp"))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ORDER_OPS_", "DAGSTER_"))}
    output = home / "up.log"
    with output.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "order_ops.cli", "up", "--home", str(home)],
            env=env | {"PYTHONUNBUFFERED": "1"},
            cwd=harness.ROOT,
            stdout=log,
            stderr=log,
            text=True,
        )
    try:
        wait_until(
            lambda: process.poll() is not None or "Ctrl-C ends" in output.read_text(), UP_S, "up"
        )
        if process.poll() is not None:
            raise RuntimeError(output.read_text())
        made = System(home, process.pid)
        yield made
        made.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(300)
        broker.stop(home)
        postgres.stop(home)
        shutil.rmtree(home)


def _variable(home: Path, name: str) -> str:
    for line in (home / "env").read_text().splitlines():
        if line.startswith(f"export {name}="):
            return line.partition("=")[2].strip("'")
    raise RuntimeError(f"{name} is not in {home / 'env'}")
