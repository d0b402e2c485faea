"""Real servers of the tests' own, one of each per session, in a folder with a short name.

A test gets its own database (a copy of a migrated one, 0.1 s) and its own vhost
(0.3 s). A missing broker is a failure and not a skip: a suite that passes because
it did not run is worse than none.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pika
import pytest
from sqlalchemy import Engine

from order_ops.devstack import broker as rabbitmq
from order_ops.devstack import postgres as postgresql
from order_ops.devstack.broker_node import INSTALL_HINT, find_rabbitmq, node
from order_ops.devstack.services import prepare_dagster_home
from order_ops.domain.messages import Message
from order_ops.jobs.letters.dead_letters import Acted
from order_ops.jobs.letters.replays import Replayer, replay
from order_ops.jobs.messages.consume import store_messages
from order_ops.jobs.orders.apply_events import Applied, apply_due_events
from order_ops.jobs.orders.apply_lanes import Worker
from order_ops.mapping import Mapping, load_mapping
from order_ops.messaging import topology
from order_ops.messaging.codec import Codec
from order_ops.settings import Settings, get_settings
from order_ops.store import claims
from order_ops.store.audit import Actor
from order_ops.store.claims import Claim
from order_ops.store.engine import engine, transaction
from order_ops.store.inbox import StageResult
from order_ops.store.migrate import upgrade

EXTERNAL_BROKER = "ORDER_OPS_TEST_AMQP_URL"
EXTERNAL_API = "ORDER_OPS_TEST_BROKER_API_URL"
TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def servers_home() -> Iterator[Path]:
    """A folder for the session's servers: /tmp, as socket paths are limited to 107 bytes."""
    home = Path(tempfile.mkdtemp(prefix="order-ops-tests-", dir="/tmp"))
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres(servers_home: Path) -> Iterator[Path]:
    """The home of a running PostgreSQL that has a migrated database to copy from."""
    try:
        postgresql.start(servers_home)
        postgresql.create_database(servers_home, TEMPLATE)
        upgrade(postgresql.database_url(servers_home, TEMPLATE))
        yield servers_home
    finally:
        postgresql.stop(servers_home)


@pytest.fixture
def database_url(postgres: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    name = f"test_{uuid4().hex[:12]}"
    postgresql.create_database(postgres, name, template=TEMPLATE)
    yield postgresql.database_url(postgres, name)
    postgresql.drop_database(postgres, name)


@pytest.fixture
def dagster_postgres_url(postgres: Path) -> Iterator[str]:
    """The URL of an empty database for Dagster's storage."""
    name = f"dagster_{uuid4().hex[:12]}"
    postgresql.create_database(postgres, name)
    yield postgresql.dagster_postgres_url(postgres, name)
    postgresql.drop_database(postgres, name)


@pytest.fixture(scope="session")
def broker(servers_home: Path) -> Iterator[Path]:
    """The home of a running private RabbitMQ node."""
    if find_rabbitmq() is None:
        pytest.fail(f"{INSTALL_HINT} with {EXTERNAL_BROKER}", pytrace=False)
    try:
        rabbitmq.start(servers_home)
        yield servers_home
    finally:
        rabbitmq.stop(servers_home)


@pytest.fixture
def amqp_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty vhost; of the emptied one that the variable names, if set."""
    if external := os.environ.get(EXTERNAL_BROKER):
        _remove_own_queues(external)
        yield external
        return
    home: Path = request.getfixturevalue("broker")
    name = f"test_{uuid4().hex[:12]}"
    user = node(home).user
    add = f'rabbit_vhost:add(<<"{name}">>, <<"tests">>)'
    allow = f'rabbit_auth_backend_internal:set_permissions(<<"{user}">>, <<"{name}">>, '
    allow += '<<".*">>, <<".*">>, <<".*">>, <<"tests">>)'
    rabbitmq.control(home, "eval", f"ok = {add}, ok = {allow}.")
    yield node(home).amqp_url.replace("%2F", name)
    rabbitmq.control(home, "delete_vhost", name)


@pytest.fixture
def broker_api_url(request: pytest.FixtureRequest) -> str:
    """The broker's management API."""
    if not os.environ.get(EXTERNAL_BROKER):
        return node(request.getfixturevalue("broker")).api_url
    if not os.environ.get(EXTERNAL_API):
        pytest.fail(f"name the management API of {EXTERNAL_BROKER} in {EXTERNAL_API}", False)
    return os.environ[EXTERNAL_API]


def _remove_own_queues(amqp_url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        for queue in (*topology.QUEUES.values(), topology.PARKED, topology.UNROUTABLE):
            channel.queue_delete(queue)


@dataclass(frozen=True, slots=True)
class Shop:
    """One test's order_ops: a database of its own, and what works on it."""

    settings: Settings
    mapping: Mapping
    pool: Engine

    def stage(self, *messages: Message) -> StageResult:
        """Stage messages as the consumer does."""
        return store_messages(self.pool, self.codec(), messages)

    def apply(self, run_id: str = "run-1") -> Applied:
        """Apply what is due."""
        return apply_due_events(self.worker(run_id))

    def claim(self, run_id: str = "dead") -> Claim:
        """Claim what is due, as a worker does that then does no more."""
        with transaction(self.pool) as conn:
            claim = claims.claim_due(conn, run_id, 100, 45)
        assert claim is not None
        return claim

    def codec(self) -> Codec:
        """The bundled mapping's codec."""
        return Codec(self.mapping.events, self.settings.message_limit_bytes)

    def worker(self, run_id: str = "run-1") -> Worker:
        """Who applies."""
        return Worker(self.pool, self.codec(), self.settings, self.mapping, run_id)

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Rows of a query, as named tuples."""
        with transaction(self.pool) as conn:
            return conn.execute(query, values).fetchall()

    def one(self, query: str, **values: Any) -> Any:
        """The single value of a query."""
        ((value,),) = self.rows(query, **values)
        return value


@pytest.fixture
def shop(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Shop]:
    """order_ops on a fresh database, its variables set for processes and code that read them."""
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", database_url)
    monkeypatch.setenv("ORDER_OPS_HOME", str(tmp_path))
    get_settings.cache_clear()
    pool = engine(get_settings())
    yield Shop(get_settings(), load_mapping(), pool)
    pool.dispose()
    get_settings.cache_clear()


@pytest.fixture
def instance(
    shop: Shop, dagster_postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance of dagster.yaml, on a database of its own."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", dagster_postgres_url)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_dagster_home(tmp_path)))
    with dg.DagsterInstance.get() as found:
        yield found


@pytest.fixture
def defs(shop: Shop) -> dg.Definitions:
    """The definitions, loaded with the shop's settings."""
    from order_ops.definitions import defs

    return defs


@pytest.fixture
def again(shop: Shop) -> Callable[..., Acted]:
    """Replays one letter, the provider unasked."""

    def run(letter: int, *, dry_run: bool = False) -> Acted:
        (acted,) = replay(
            Replayer(shop.worker(), Actor("ana", "asked the shop"), None), [letter], dry_run=dry_run
        )
        return acted

    return run
