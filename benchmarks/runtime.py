"""Runtime: what it adds to a piece of work that it is on record, leased, kept and fenced.

The work is one row in a transaction of its own: by hand, and performed by the job runtime; then
both as the only step of a run of Dagster's, in this process. The figure is milliseconds each.
Statements are those that reach PostgreSQL; an execution leaves one row, and adds to a total.
"""

import os
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import dagster as dg
import psycopg
from sqlalchemy import Engine

from benchmarks import harness, results
from benchmarks.servers import servers
from order_ops.devstack import postgres
from order_ops.devstack.services import prepare_dagster_home
from order_ops.domain.jobs import LEASE_S, RENEWALS
from order_ops.jobs.catalogue import EXPIRE_ORDERS
from order_ops.jobs.running.runtime import perform
from order_ops.settings import Settings
from order_ops.store import executions
from order_ops.store.engine import engine, transaction
from order_ops.store.executions import Asked, Execution

JOB = EXPIRE_ORDERS
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
EXECUTE = psycopg.Cursor.execute
ROW = "INSERT INTO ops.pause (name, actor, reason) VALUES (%(name)s, 'benchmark', 'none')"


def asked(name: str) -> Asked:
    """A request that nobody made before."""
    return Asked(JOB.name, "work", name, name, name, "here:1", most_s=JOB.lease_s)


def by_hand(pool: Engine) -> None:
    """The work alone."""
    with transaction(pool) as conn:
        conn.execute(ROW, {"name": str(uuid4())})


def performed(pool: Engine) -> None:
    """The work, as every step of every job does it."""
    perform(pool, JOB, asked(str(uuid4())), lambda running: by_hand(running.pool))


def run_of(work: Callable[[Engine], None], pool: Engine) -> dg.JobDefinition:
    """A job whose only step does the work."""

    @dg.op
    def work_op() -> None:
        work(pool)

    @dg.job(config=QUIET)
    def bench_job() -> None:
        work_op()

    return bench_job


class Measure:
    """Milliseconds of each contender, the median of a few."""

    def __init__(self, pool: Engine, instance: dg.DagsterInstance, messages: int) -> None:
        hand, ours = run_of(by_hand, pool), run_of(performed, pool)
        self.contenders: dict[str, tuple[Callable[[], Any], int]] = {
            "by hand": (lambda: by_hand(pool), messages),
            "performed": (lambda: performed(pool), messages),
            "run, by hand": (lambda: hand.execute_in_process(instance=instance), messages // 10),
            "run, performed": (lambda: ours.execute_in_process(instance=instance), messages // 10),
        }

    def __call__(self, name: str) -> float:
        work, times = self.contenders[name]
        took = []
        for _ in range(times):
            started = time.perf_counter()
            work()
            took.append(1_000 * (time.perf_counter() - started))
        return harness.medians({name: took})[name]


def statements(work: Callable[[], object]) -> int:
    """How many a piece of work sends, its transactions' BEGIN and COMMIT aside."""
    with patch.object(psycopg.Cursor, "execute", autospec=True, side_effect=EXECUTE) as sent:
        work()
    return sent.call_count


def renewal(pool: Engine) -> float:
    """Milliseconds of one."""
    with transaction(pool) as conn:
        execution = executions.begin(conn, asked("renewed"))
    assert isinstance(execution, Execution)
    took = []
    for _ in range(200):
        started = time.perf_counter()
        with transaction(pool) as conn:
            executions.renew(conn, execution, LEASE_S)
        took.append(1_000 * (time.perf_counter() - started))
    return harness.medians({"": took})[""]


def report(raw: dict[str, list[float]], sent: dict[str, int], renewed: float) -> results.Part:
    found = harness.medians(raw)
    what = {
        "by hand": "a row and a commit",
        "performed": "the same, by the runtime",
        "run, by hand": "the same as the only step of a run",
        "run, performed": "performed as the only step of a run",
    }
    every = LEASE_S / RENEWALS
    return results.Part(
        name="runtime",
        title="Runtime: what it adds to a job",
        text=(__doc__ or "").split("\n\n", 1)[1].strip(),
        columns=["", "what", "ms", "statements"],
        rows=[[name, what[name], f"{found[name]:.1f}", str(sent.get(name, ""))] for name in what],
        aims=[],
        raw={"ms": raw, "statements": sent, "renewal ms": renewed},
        notes=[
            f"A piece of work costs {found['performed'] - found['by hand']:.1f} ms more than by "
            f"hand. A run of one step takes {found['run, performed']:.0f} ms, and "
            f"{found['run, by hand']:.0f} by hand: what the runtime adds is small beside Dagster's "
            "own record of a run, and beside how much that varies (the figures are in results/). "
            "The start of a run's process, about 2 s, is not in it.",
            f"A lease is renewed every {every:.0f} s, at {renewed:.1f} ms: "
            f"{renewed / every / 10:.3f} % of the time.",
        ],
    )


def main() -> None:
    parser = harness.options(__doc__, repeat=5)
    parser.add_argument("--messages", type=int, default=200, help="pieces of work; default: 200")
    options = parser.parse_args()
    with servers(with_broker=False) as made, made.database() as url:
        os.environ["DAGSTER_POSTGRES_URL"] = postgres.dagster_postgres_url(made.home)
        os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(made.home))
        postgres.create_database(made.home, "dagster")
        pool = engine(Settings(database_url=url))
        with dg.DagsterInstance.get() as instance:
            measure = Measure(pool, instance, options.messages)
            for work, _ in measure.contenders.values():
                work()
            sent = {
                name: statements(measure.contenders[name][0]) for name in ("by hand", "performed")
            }
            raw = harness.in_turn(measure.contenders, options.repeat, measure)
        part = report(raw, sent, renewal(pool))
        results.show(part)
        results.save(part, made.versions(), repeat=options.repeat)


if __name__ == "__main__":
    main()
