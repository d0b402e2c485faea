"""Apply: staged events of orders become their state, in order, exactly once.

Five events of each order, interleaved over a hundred orders, are staged (or enqueued) before the
clock starts, which is when the worker is up; it ends when every event is committed (fsync on).
Peers and the ceiling write a row of history and a row of state; order_ops writes lanes' claims,
fences, attempts, orders, payments, refunds, stock, history and outbox. That every event had its
effect once is checked, and counted is how many orders had events applied out of their order.
Contenders take turns; the figure is events per second.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from uuid import uuid4

import psycopg

from benchmarks import harness, results
from benchmarks.events import PER_ORDER, events
from benchmarks.intake import KEY, QUEUE, celery_messages
from benchmarks.servers import Fill, Queue, Servers, environment, libpq, servers
from order_ops.jobs.messages.consume import store_messages
from order_ops.mapping import load_mapping
from order_ops.messaging import topology
from order_ops.messaging.codec import Codec
from order_ops.settings import Settings
from order_ops.store.engine import engine

TABLES = """
CREATE TABLE staged (place bigint PRIMARY KEY, event_id text, order_id text, sequence int);
CREATE TABLE history (place bigserial, event_id text PRIMARY KEY, order_id text NOT NULL,
    sequence int NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE states (order_id text PRIMARY KEY, version int NOT NULL);
"""
OUT_OF_ORDER = """
SELECT count(DISTINCT order_id) FROM (
    SELECT order_id, sequence < max(sequence) OVER (PARTITION BY order_id ORDER BY place) AS late
    FROM history
) told WHERE late
"""
TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Contender:
    """Who applies events; its queue is filled by its own `fill`, Celery's through the broker."""

    what: str
    command: tuple[str, ...]
    fill: tuple[str, ...] = ()
    own: bool = False
    celery: bool = False
    orderly: bool = False


def contenders() -> dict[str, Contender]:
    def script(name: str) -> tuple[str, ...]:
        return (sys.executable, str(harness.PEERS / name))

    def peer(what: str, name: str, *, orderly: bool = False) -> Contender:
        command = tuple(harness.peer(name))
        return Contender(what, command, (*command, "fill"), orderly=orderly)

    return {
        "order_ops": Contender(
            "in order, all that it writes", script("apply_order_ops.py"), own=True, orderly=True
        ),
        "bare SQL": Contender(
            "the ceiling: one statement per 1,000 events", script("apply_bare.py")
        ),
        "Procrastinate": peer("in order, by `lock=`", "apply_procrastinate.py", orderly=True),
        "PgQueuer": peer("not in order", "apply_pgqueuer.py"),
        "Celery": Contender(
            "not in order, prefork, acks_late", tuple(harness.peer("apply_celery.py")), celery=True
        ),
    }


class Measure:
    """Events per second of a contender, once."""

    def __init__(self, found: Servers, chosen: dict[str, Contender], count: int) -> None:
        self._servers = found
        self._contenders = chosen
        self._count = count
        self.out_of_order: dict[str, int] = {}
        topology.ensure(found.amqp_url, load_mapping().events)

    def __call__(self, name: str) -> float:
        contender = self._contenders[name]
        with self._servers.database() as url, tempfile.TemporaryFile("w+") as errors:
            env = environment(
                ORDER_OPS_DATABASE_URL=url,
                BENCH_DATABASE_URL=libpq(url),
                BENCH_AMQP_URL=self._servers.amqp_url,
                BENCH_QUEUE=QUEUE,
            )
            self._prepare(contender, url, env)
            process = subprocess.Popen(
                contender.command,
                env=env,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
            try:
                seconds = self._watch(contender, url, process)
            except BaseException:
                errors.seek(0)
                sys.stderr.write(errors.read()[-3_000:])
                raise
            finally:
                harness.end(process, signal.SIGKILL)
            self._check(name, contender, url)
        return self._count / seconds

    def _prepare(self, contender: Contender, url: str, env: dict[str, str]) -> None:
        if contender.own:
            stage(url, self._count)
            return
        made = self._events()
        with psycopg.connect(libpq(url)) as conn, conn.cursor() as cursor:
            cursor.execute(TABLES)
            with cursor.copy("COPY staged FROM STDIN") as copy:
                for place, row in enumerate(made):
                    copy.write_row((place, *row))
        if contender.fill:
            subprocess.run(contender.fill, env=env, check=True, capture_output=True)
        if contender.celery:
            queue = Queue(self._servers.amqp_url, QUEUE)
            queue.channel.queue_purge(QUEUE)
            Fill(self._servers.amqp_url)("shop.events", KEY, *celery_messages("apply", made))
            queue.wait_ready(len(made))
            queue.close()
        with psycopg.connect(libpq(url), autocommit=True) as conn:
            conn.execute("ANALYZE")
            conn.execute("CHECKPOINT")

    def _events(self) -> list[tuple[str, str, int]]:
        """(event id, order, place among the order's events), in the order that they are staged."""
        seen: dict[str, int] = {}
        made = []
        for one in events(self._count):
            order = json.loads(one.body)["order"]
            seen[order] = seen.get(order, 0) + 1
            made.append((str(uuid4()), order, seen[order]))
        return made

    def _watch(self, contender: Contender, url: str, process: subprocess.Popen[str]) -> float:
        assert process.stdout is not None
        _wait_for("start", process)
        started = time.monotonic()
        if not contender.celery:
            _wait_for("end", process)
            return time.monotonic() - started
        with psycopg.connect(libpq(url), autocommit=True) as conn:
            while time.monotonic() < started + TIMEOUT_S:
                (count,) = conn.execute("SELECT count(*) FROM history").fetchone() or (0,)
                if count == self._count:
                    return time.monotonic() - started
                time.sleep(0.05)
        raise TimeoutError(f"{count} of {self._count} after {TIMEOUT_S:g} s")

    def _check(self, name: str, contender: Contender, url: str) -> None:
        """Every event once; and how many orders had theirs out of order."""
        orders = self._count // PER_ORDER
        with psycopg.connect(libpq(url)) as conn:
            if contender.own:
                found = conn.execute(
                    "SELECT count(*), min(version), max(version) FROM orders.orders"
                ).fetchone()
                wanted: tuple[int, ...] = (orders, PER_ORDER + 1, PER_ORDER + 1)
                late = conn.execute(
                    "SELECT count(*) FROM intake.inbox WHERE state <> 'done'"
                ).fetchone()
            else:
                found = conn.execute(
                    "SELECT count(*), min(version), max(version) FROM states"
                ).fetchone()
                wanted = (orders, PER_ORDER, PER_ORDER)
                late = conn.execute(OUT_OF_ORDER).fetchone()
        if found != wanted:
            raise RuntimeError(f"{name}: orders, least and most versions {found}, not {wanted}")
        assert late is not None
        self.out_of_order[name] = max(late[0], self.out_of_order.get(name, 0))


def stage(url: str, count: int, prefix: str = "o") -> None:
    """Stage events as the consumer does, in batches of 500; then ANALYZE, as autovacuum would."""
    settings = Settings(database_url=url)
    codec, pool = Codec(load_mapping().events, settings.message_limit_bytes), engine(settings)
    made = events(count, prefix)
    for start in range(0, len(made), 500):
        store_messages(pool, codec, made[start : start + 500])
    pool.dispose()
    with psycopg.connect(libpq(url), autocommit=True) as conn:
        conn.execute("ANALYZE")
        conn.execute("CHECKPOINT")


def _wait_for(line: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for told in process.stdout:
        if told.strip() == line:
            return
    raise RuntimeError(f"{process.args!r} ended with {process.wait()} before {line!r}")


_COST = (
    "an event costs about 58 µs of Python (read and validated again, applied to a copy of its "
    "order by rule, arrays of what is written) and 45 of PostgreSQL (13 each for its outcome in "
    "the inbox and for its message in the outbox, 6 for history, the rest for order, payments, "
    "refunds, stock and claims), and there are two cores"
)
WHY = {
    "ceiling": f"the ceiling writes a row of history and adds up to one of state, no more; {_COST}",
    "procrastinate": _COST,
    "others": f"{_COST}; this peer keeps no order",
}


def report(raw: dict[str, list[float]], late: dict[str, int], count: int) -> results.Part:
    found, chosen = harness.medians(raw), contenders()
    own, ceiling = found.get("order_ops"), found.get("bare SQL")
    aims = []
    if own and ceiling:
        aims.append(results.Aim("of the ceiling", 0.15, own / ceiling, WHY["ceiling"]))
    if own and "Procrastinate" in found:
        ratio = own / found["Procrastinate"]
        aims.append(results.Aim("times Procrastinate", 40, ratio, WHY["procrastinate"]))
    others = {name: found[name] for name in ("PgQueuer", "Celery") if name in found}
    if own and others:
        best = max(others, key=lambda name: others[name])
        aims.append(
            results.Aim(f"times the fastest other ({best})", 8, own / others[best], WHY["others"])
        )
    return results.Part(
        name="apply",
        title=f"Apply: {count:,} events of {count // PER_ORDER:,} orders, exactly once",
        text=(__doc__ or "").split("\n\n", 1)[1].strip(),
        columns=["", "what", "events/s", "least and most", "of the ceiling", "orders out of order"],
        rows=[
            [
                name,
                chosen[name].what,
                f"{found[name]:,.0f}",
                harness.spread(raw[name]),
                f"{found[name] / ceiling:.3f}" if ceiling else "",
                str(late[name]),
            ]
            for name in found
        ],
        aims=aims,
        raw=raw,
    )


def main() -> None:
    options = harness.arguments(__doc__, 20_000).parse_args()
    chosen = contenders()
    names = options.only.split(",") if options.only else list(chosen)
    with servers(with_broker=True) as found:
        measure = Measure(found, chosen, options.messages)
        raw = harness.in_turn(names, options.repeat, measure)
        part = report(raw, measure.out_of_order, options.messages)
        results.show(part)
        if not options.only:
            results.save(part, found.versions(), repeat=options.repeat)


if __name__ == "__main__":
    main()
