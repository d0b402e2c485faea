"""The servers that a session may kill: one PostgreSQL, one RabbitMQ, in a folder of its own.

Killing is kill -9 by pid and is over when nothing of the server is left; a
restart waits until it accepts clients. Each system under test has a database and
a vhost of its own on them. How RabbitMQ 4 comes here is `broker4`.
"""

import base64
import json
import shutil
import signal
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from uuid import uuid4

from order_ops.devstack import broker as rabbitmq
from order_ops.devstack import postgres as postgresql
from order_ops.devstack import processes
from order_ops.devstack.broker_node import node
from order_ops.devstack.waiting import wait_until
from order_ops.store.migrate import upgrade
from order_ops_tests.faults.broker4 import rabbitmq4

TEMPLATE = "migrated"


class Postgres:
    """The PostgreSQL of a home."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def start(self) -> None:
        """Start it, with a migrated database to copy from."""
        postgresql.start(self.home)
        postgresql.create_database(self.home, TEMPLATE)
        upgrade(postgresql.database_url(self.home, TEMPLATE))

    def restart(self) -> None:
        """Start it again after a kill."""
        postgresql.start(self.home)

    def stop(self) -> None:
        """End it in order."""
        postgresql.stop(self.home)

    def kill(self) -> None:
        """kill -9: the server, and with it every process of its own."""
        pid = postgresql.server_pid(self.home)
        assert pid is not None, "PostgreSQL does not run: there is nothing to kill"
        workers = processes.descendants(pid)
        processes.end(pid, signal.SIGKILL, timeout=10, what="PostgreSQL")
        processes.wait_gone(workers, timeout=30, what="PostgreSQL's workers")

    def socket(self) -> str:
        """The path of its unix socket."""
        lines = (postgresql.data_dir(self.home) / "postmaster.pid").read_text().splitlines()
        return f"{lines[4]}/.s.PGSQL.5432"

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The name of a fresh database."""
        name = f"faults_{uuid4().hex[:12]}"
        postgresql.create_database(self.home, name, template=template)
        yield name
        postgresql.drop_database(self.home, name)

    def url(self, database: str, driver: str = "psycopg") -> str:
        """The URL of a database past every proxy."""
        psycopg = postgresql.database_url(self.home, database)
        return psycopg.replace("+psycopg", f"+{driver}")


class Broker:
    """The private RabbitMQ node of a home."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def start(self) -> None:
        """Start it, also again after a kill."""
        rabbitmq.start(self.home)

    def stop(self) -> None:
        """End it in order."""
        rabbitmq.stop(self.home)

    def kill(self) -> None:
        """kill -9 of the node; its epmd goes on."""
        pid = rabbitmq.program_pid(self.home, "node")
        assert pid is not None, "RabbitMQ does not run: there is nothing to kill"
        helpers = processes.descendants(pid)
        processes.end(pid, signal.SIGKILL, timeout=10, what="RabbitMQ")
        processes.wait_gone(helpers, timeout=30, what="RabbitMQ's helpers")

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl."""
        return rabbitmq.control(self.home, *arguments)

    def version(self) -> str:
        """What it says it is."""
        return rabbitmq.version(self.home) or "no answer"

    @property
    def port(self) -> int:
        """Its AMQP port."""
        return node(self.home).port

    @contextmanager
    def vhost(self) -> Iterator[str]:
        """The name of an empty vhost."""
        name, user = f"faults_{uuid4().hex[:12]}", node(self.home).user
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._api("PUT", f"vhosts/{name}", {})
        self._api("PUT", f"permissions/{name}/{user}", everything)
        yield name
        self._api("DELETE", f"vhosts/{name}")

    def url(self, vhost: str, port: int = 0, heartbeat_s: int = 0) -> str:
        """The URL of a vhost, through a proxy's port if one is given."""
        me = node(self.home)
        address = f"amqp://{me.user}:{me.password}@{processes.LOOPBACK}:{port or me.port}/{vhost}"
        return f"{address}?heartbeat={heartbeat_s}" if heartbeat_s else address

    def _api(self, method: str, path: str, body: object = None) -> None:
        me = node(self.home)
        wait_until(lambda: processes.answers(me.api_port), 60, "RabbitMQ's management API")
        token = base64.b64encode(f"{me.user}:{me.password}".encode()).decode()
        request = urllib.request.Request(
            f"http://{processes.LOOPBACK}:{me.api_port}/api/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Basic {token}", "content-type": "application/json"},
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(request, timeout=60).close()


class Servers:
    """Both servers and the folder of everything that the session writes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.postgres = Postgres(home)
        self.broker = Broker(home)


@contextmanager
def running_servers(generation: str = "3") -> Iterator[Servers]:
    """Start both servers in a folder with a short name, end them, remove it."""
    home = Path(tempfile.mkdtemp(prefix="oo-faults-", dir="/tmp"))
    servers = Servers(home)
    try:
        with rabbitmq4(home / "bin") if generation == "4" else nullcontext():
            try:
                servers.postgres.start()
                servers.broker.start()
                version = servers.broker.version()
                assert version.startswith(f"{generation}."), f"RabbitMQ {version}"
                yield servers
            finally:
                servers.broker.stop()
                servers.postgres.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)
