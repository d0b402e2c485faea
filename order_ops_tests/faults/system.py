"""One system under test: a database, a vhost, a proxy before each server, its processes.

`System.check` is how every test ends: whatever the fault left is worked off,
the consumers drain and end, the broker holds nothing any more, and then every
invariant must hold. What is broken on purpose belongs to the tests.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import psycopg

from order_ops.devstack.processes import LOOPBACK
from order_ops.devstack.waiting import wait_until
from order_ops.mapping import BUNDLED, load_mapping
from order_ops.messaging import topology
from order_ops_tests.faults.invariants import Found, violations
from order_ops_tests.faults.processes import Process, python
from order_ops_tests.faults.proxy import Proxy
from order_ops_tests.faults.servers import Servers
from order_ops_tests.faults.workload import Workload

LEASE_S = 4
"""Seconds: the claims' and the workers' lease in this suite, 45 by default."""
QUIET_S = 150.0
QUEUES = (*topology.QUEUES.values(), topology.PARKED)


class System:
    """order_ops on servers that may be killed, reached through proxies that may be cut."""

    def __init__(
        self, servers: Servers, database: str, vhost: str, folder: Path, seed: int
    ) -> None:
        self.mapping = folder / "mapping.yaml"
        if not self.mapping.exists():
            self.mapping.write_text(BUNDLED.read_text())
        self.servers = servers
        self.database, self.vhost, self.folder = database, vhost, folder
        self.database_url = servers.postgres.url(database)
        self.amqp_url = servers.broker.url(vhost)
        self.postgres_proxy = Proxy(servers.postgres.socket)
        self.broker_proxy = Proxy(lambda: servers.broker.port)
        self.workload = Workload(self.amqp_url, seed)
        self.processes: list[Process] = []
        self.heartbeat_s = 10
        topology.ensure(self.amqp_url, load_mapping(self.mapping).events)

    def start(self, program: str, proxy: Proxy | None = None, **settings: object) -> Process:
        """Start one of the launcher's programs, or a command of `order-ops`, behind the proxies."""
        module = ("order_ops.cli", program)
        if program not in ("consume", "relay", "watch"):
            module = ("order_ops_tests.faults.launcher", program)
        name = f"{len(self.processes)}-{program}"
        env = self.env(proxy) | {f"ORDER_OPS_{k.upper()}": str(v) for k, v in settings.items()}
        process = Process(name, python("-m", *module), env, self.folder / f"{name}.log")
        self.processes.append(process)
        return process

    def env(self, postgres_proxy: Proxy | None = None) -> dict[str, str]:
        """The variables of a process of this system."""
        port = (postgres_proxy or self.postgres_proxy).port
        proxied = f"postgresql+psycopg://postgres@{LOOPBACK}:{port}/{self.database}"
        amqp = self.servers.broker.url(self.vhost, self.broker_proxy.port, self.heartbeat_s)
        return {
            "ORDER_OPS_DATABASE_URL": proxied,
            "ORDER_OPS_AMQP_URL": amqp,
            "ORDER_OPS_HOME": str(self.folder),
            "ORDER_OPS_MAPPING": str(self.mapping),
            "ORDER_OPS_LEASE_S": str(LEASE_S),
        }

    def rows(self, query: str, *values: object) -> list[Any]:
        """Rows of a query, past the proxy."""
        url = self.database_url.replace("+psycopg", "")
        with psycopg.connect(url, connect_timeout=10, autocommit=True) as conn:
            result = conn.execute(query.encode(), values)
            return result.fetchall() if result.description else []

    def one(self, query: str, *values: object) -> Any:
        """The single value of a query."""
        ((value,),) = self.rows(query, *values)
        return value

    def staged(self) -> int:
        """How many rows the inbox has."""
        return int(self.one("SELECT count(*) FROM intake.inbox"))

    def copies(self) -> int:
        """How many messages came in, copies counted."""
        return int(self.one("SELECT coalesce(sum(copies), 0) FROM intake.inbox"))

    def unsettled(self) -> int:
        """How many rows still wait to be applied."""
        count = "SELECT count(*) FROM intake.inbox WHERE state IN ('pending', 'retry')"
        return int(self.one(count))

    def waiting(self) -> str:
        """What still waits to be applied, why, and who has it: for a person to read."""
        events = """SELECT order_id, producer, sequence, event_type, state, attempts, next_at, note
            FROM intake.inbox WHERE state IN ('pending', 'retry') ORDER BY id LIMIT 20"""
        held = "SELECT * FROM intake.claim"
        suspects = "SELECT * FROM intake.suspect"
        return "\n".join(map(str, [*self.rows(events), *self.rows(held), *self.rows(suspects)]))

    def depth(self) -> int:
        """How many messages are ready in the broker."""
        with pika.BlockingConnection(pika.URLParameters(self.amqp_url)) as connection:
            channel = connection.channel()
            declared = [channel.queue_declare(queue, passive=True) for queue in QUEUES]
            return sum(answer.method.message_count for answer in declared)

    def wanted(self) -> int:
        """How many messages of different content were confirmed."""
        return len({sent.body for sent in self.workload.confirmed})

    def all_staged(self, timeout: float = QUIET_S) -> None:
        """Wait until as many rows are there as messages of different content were confirmed."""
        wanted = self.wanted()
        _wait(lambda: self.staged() >= wanted, timeout, lambda: f"{wanted} rows: {self.staged()}")

    def quiet(self, timeout: float = QUIET_S) -> None:
        """Work off what is left, end every process in order, and find the broker empty."""
        self._one_that("consum", "consume").wait_said("consumer.consuming")
        self._one_that("work", "worker").wait_said("worker.working")
        self.all_staged(timeout)
        _wait(lambda: not self.depth(), timeout, lambda: f"an empty broker: {self.depth()}")
        _wait(lambda: not self.unsettled(), timeout, lambda: f"nothing due: {self.waiting()}")
        claims = "SELECT count(*) FROM intake.claim"
        _wait(lambda: not self.one(claims), timeout, lambda: "no claim")
        self.end()

    def end(self) -> None:
        """End every process in order: then nothing may be left in the broker."""
        for process in self.processes:
            if process.runs():
                process.stop()
        assert self.depth() == 0, "the consumers ended in order and left messages in the broker"

    def _one_that(self, works: str, else_start: str) -> Process:
        running = [one for one in self.processes if one.runs() and works in one.name]
        return running[0] if running else self.start(else_start)

    def check(self, timeout: float = QUIET_S) -> None:
        """Become quiet, then every invariant over everything.

        Raises:
            AssertionError: with the violations in words.
        """
        self.quiet(timeout)
        told = violations(Found(self.database_url, self.workload))
        assert not told, "\n".join(told)

    def close(self) -> None:
        """End whatever still runs."""
        for process in self.processes:
            if process.runs():
                process.send(signal.SIGCONT)
                process.discard()
        self.postgres_proxy.close()
        self.broker_proxy.close()


def _wait(condition: Callable[[], bool], timeout: float, what: Callable[[], str]) -> None:
    try:
        wait_until(condition, timeout, "")
    except TimeoutError:
        raise TimeoutError(f"waited {timeout:g} s in vain for {what()}") from None


@contextmanager
def running_system(servers: Servers, folder: Path, seed: int) -> Iterator[System]:
    """A system on fresh ground, with its logs in `folder`."""
    with servers.postgres.database() as database, servers.broker.vhost() as vhost:
        system = System(servers, database, vhost, folder, seed)
        try:
            yield system
        finally:
            system.close()
