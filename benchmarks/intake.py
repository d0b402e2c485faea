"""Intake: one consumer takes messages of about 300 bytes from a quorum queue into PostgreSQL.

Every message is committed (fsync on) before it is acked. The queue is full before the clock
starts, which is when the broker has seen the consumer; it ends when the queue is empty and
every message is in the table. Half a second later the consumer is killed with SIGKILL:
nothing may come back to the queue, so that nothing was unacked. Slow peers get a fifth of the
messages. Contenders take turns; the figure is messages per second.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pika
import psycopg

from benchmarks import harness, results
from benchmarks.servers import Fill, Queue, Servers, environment, libpq, servers
from order_ops.mapping import load_mapping
from order_ops.messaging import topology

QUEUE = topology.QUEUES["normal"]
KEY = "order.created"
STORED = (
    "CREATE TABLE stored (message_id text PRIMARY KEY, routing_key text NOT NULL,"
    " body bytea NOT NULL, received_at timestamptz NOT NULL DEFAULT now())"
)
TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Contender:
    """Who takes messages: its command, how many it gets, and where it keeps them."""

    what: str
    command: tuple[str, ...]
    slow: bool = False
    table: str | None = "stored"
    celery: bool = False


def contenders(messages: int) -> dict[str, Contender]:
    here = (sys.executable,)
    own = (*here, "-m", "order_ops.cli", "consume")
    bare = (*here, str(harness.PEERS / "intake_bare.py"), str(messages))
    by_hand = (*here, str(harness.PEERS / "intake_by_hand.py"))

    def slow(what: str, script: str, *options: str, celery: bool = False) -> Contender:
        command = tuple(harness.peer(script, *options))
        return Contender(what, command, slow=True, celery=celery)

    return {
        "order_ops": Contender(
            "`order-ops consume`, all that the inbox records", own, table="intake.inbox"
        ),
        "bare pika": Contender("(a) consume and multi-ack, stores nothing", bare, table=None),
        "by hand": Contender("(e) pika, batches of 500, COPY, insert, commit, multi-ack", by_hand),
        "FastStream": slow("(b) a row and a commit each", "intake_faststream.py"),
        "FastStream (uvloop)": slow("(b)", "intake_faststream.py", "--uvloop"),
        "Celery": slow("(c) prefork, acks_late", "intake_celery.py", celery=True),
        "aio-pika": slow("(d) a row and a commit each", "intake_aio_pika.py"),
        "aio-pika (uvloop)": slow("(d)", "intake_aio_pika.py", "--uvloop"),
    }


def bodies(count: int) -> list[bytes]:
    """Messages of the wire contract, about 300 bytes each."""
    return [
        json.dumps(
            {
                "id": f"order-service-{number:012d}-{uuid4()}",
                "version": 1,
                "type": KEY,
                "tenant": "shop",
                "producer": "order-service",
                "sequence": 1,
                "order": f"order-{number:012d}",
                "occurred_at": "2026-03-10T15:00:00.123456+00:00",
                "data": {"total_minor": 129_90, "currency": "BRL"},
            }
        ).encode()
        for number in range(count)
    ]


def _plain_properties() -> list[pika.BasicProperties]:
    return [
        pika.BasicProperties(
            content_type="application/json", delivery_mode=2, headers={"trace": "t1"}
        )
    ]


def celery_messages(
    task: str, arguments: Sequence[Sequence[Any]]
) -> tuple[list[bytes], list[pika.BasicProperties]]:
    """Messages as a Celery producer sends them (its message protocol, version 2)."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    made = [json.dumps([list(one), {}, embed]).encode() for one in arguments]
    ids = [str(uuid4()) for _ in arguments]
    properties = [
        pika.BasicProperties(
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=2,
            correlation_id=one,
            headers={
                "lang": "py",
                "task": task,
                "id": one,
                "root_id": one,
                "parent_id": None,
                "group": None,
                "retries": 0,
            },
        )
        for one in ids
    ]
    return made, properties


class Measure:
    """Messages per second of a contender, once."""

    def __init__(self, found: Servers, chosen: dict[str, Contender], messages: int) -> None:
        self._servers = found
        self._contenders = chosen
        self._messages = messages
        self._fill = Fill(found.amqp_url)
        topology.ensure(found.amqp_url, load_mapping().events)

    def __call__(self, name: str) -> float:
        contender = self._contenders[name]
        messages = max(1, self._messages // 5) if contender.slow else self._messages
        queue = Queue(self._servers.amqp_url, QUEUE)
        with self._servers.database() as url, tempfile.TemporaryFile("w+") as errors:
            with psycopg.connect(libpq(url), autocommit=True) as conn:
                conn.execute(STORED)
                self._prepare(contender, messages, queue)
                process = subprocess.Popen(
                    contender.command,
                    env=environment(
                        ORDER_OPS_DATABASE_URL=url,
                        ORDER_OPS_AMQP_URL=self._servers.amqp_url,
                        BENCH_DATABASE_URL=libpq(url),
                        BENCH_AMQP_URL=self._servers.amqp_url,
                        BENCH_QUEUE=QUEUE,
                    ),
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    text=True,
                    start_new_session=True,
                )
                try:
                    seconds = _watch(queue, conn, contender.table, messages, process)
                    time.sleep(0.5)
                except BaseException:
                    errors.seek(0)
                    sys.stderr.write(errors.read()[-3_000:])
                    raise
                finally:
                    harness.end(process, signal.SIGKILL)
            _nothing_comes_back(queue)
            queue.close()
        return messages / seconds

    def _prepare(self, contender: Contender, messages: int, queue: Queue) -> None:
        queue.channel.queue_purge(QUEUE)
        payloads, properties = bodies(messages), _plain_properties()
        if contender.celery:
            payloads, properties = celery_messages("store", [[one.decode()] for one in payloads])
        self._fill("shop.events", KEY, payloads, properties)
        queue.wait_ready(messages)


def _watch(
    queue: Queue,
    conn: psycopg.Connection,
    table: str | None,
    messages: int,
    process: subprocess.Popen[str],
) -> float:
    """Seconds from the consumer's registration to the last message stored."""
    deadline = time.monotonic() + TIMEOUT_S
    started = None
    while True:
        ready, consumers = queue.state()
        now = time.monotonic()
        if started is None and (consumers or ready < messages):
            started = now
        if started is not None and ready == 0 and _all_stored(conn, table, messages, process):
            return time.monotonic() - started
        if process.poll() not in {None, 0} or now > deadline:
            raise RuntimeError(f"{process.args!r} ended with {process.poll()}, {ready} are left")
        time.sleep(0.003 if started is None or ready < messages / 10 else 0.05)


def _all_stored(
    conn: psycopg.Connection, table: str | None, messages: int, process: subprocess.Popen[str]
) -> bool:
    """Who stores nothing ends by itself after its last ack."""
    if table is None:
        return process.poll() == 0
    row = conn.execute(f"SELECT count(*) FROM {table}").fetchone()
    return row is not None and row[0] == messages


def _nothing_comes_back(queue: Queue) -> None:
    deadline = time.monotonic() + 20
    while queue.state()[1] and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    if left := queue.state()[0]:
        raise RuntimeError(f"{left} messages were stored and not acked")


def report(
    raw: dict[str, list[float]], chosen: dict[str, Contender], messages: int
) -> results.Part:
    found = harness.medians(raw)
    own, bare, by_hand = (found.get(name) for name in ("order_ops", "bare pika", "by hand"))
    peers = {name: found[name] for name, one in chosen.items() if one.slow and name in found}
    best = max(peers, key=lambda name: peers[name], default=None)
    aims = []
    if own and bare:
        aims.append(results.Aim("of bare pika", 0.4, own / bare, WHY["bare"], stretch=0.6))
    if own and by_hand:
        aims.append(results.Aim("of the loop by hand", 1.0, own / by_hand, WHY["by hand"]))
    if own and best:
        aims.append(
            results.Aim(f"times the best peer ({best})", 10.0, own / peers[best], WHY["peers"])
        )
    return results.Part(
        name="intake",
        title=f"Intake: {messages:,} messages from a quorum queue, stored and acked",
        text=(__doc__ or "").split("\n\n", 1)[1].strip()
        + " The first run, of bare pika, is warm-up and not counted.",
        columns=["", "what", "messages/s", "least and most", "of bare pika"],
        rows=[
            [
                name,
                chosen[name].what,
                f"{found[name]:,.0f}",
                harness.spread(raw[name]),
                f"{found[name] / bare:.2f}" if bare else "",
            ]
            for name in found
        ],
        aims=aims,
        raw=raw,
    )


WHY = {
    "bare": "of Python's time, a message costs bare pika about 17 µs and order_ops 34: reading, "
    "checking and hashing it comes on top, and writing its row",
    "by hand": "the loop by hand keeps three columns and checks nothing: 23 µs of Python and 8 of "
    "PostgreSQL a message. The inbox records seventeen columns under three more indexes, and "
    "every message is validated and hashed: 34 and 15. Both cores are busy either way",
    "peers": "both cores are busy with order_ops, the broker and PostgreSQL; a peer's time goes "
    "into its own Python and a commit for each message",
}


def main() -> None:
    parser = harness.arguments(__doc__, 200_000)
    options = parser.parse_args()
    chosen = contenders(options.messages)
    names = options.only.split(",") if options.only else list(chosen)
    with servers(with_broker=True) as found:
        measure = Measure(found, chosen, options.messages)
        Measure(found, contenders(20_000), 20_000)("bare pika")
        raw = harness.in_turn(names, options.repeat, measure)
        part = report(raw, chosen, options.messages)
        results.show(part)
        if not options.only:
            results.save(part, found.versions(), repeat=options.repeat)


if __name__ == "__main__":
    main()
