"""The embedded servers survive what a laptop does to them, and leave nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pika
import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, text

from order_ops.devstack import broker, broker_node, postgres, processes, services
from order_ops.devstack.waiting import wait_until
from order_ops_tests.integration.leftovers import left_of


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="order-ops-home-", dir="/tmp"))
    yield folder
    broker.stop(folder)
    postgres.stop(folder)
    shutil.rmtree(folder)


def kill(pid: int | None) -> None:
    assert pid is not None
    processes.end(pid, signal.SIGKILL, timeout=10, what="the killed server")


def query(url: str, statement: str) -> object:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


def test_both_drivers_reach_their_database(home: Path) -> None:
    postgres.start(home)
    postgres.start(home)
    assert query(postgres.database_url(home), "SELECT current_database()") == "order_ops"
    assert query(postgres.dagster_postgres_url(home), "SELECT current_database()") == "dagster"
    postgres.stop(home)
    postgres.stop(home)
    assert not postgres.is_running(home)
    assert left_of(home) == []


def test_postgres_keeps_what_was_committed_before_a_kill(home: Path) -> None:
    postgres.start(home)
    query(postgres.database_url(home), "CREATE TABLE kept AS SELECT 7 AS value")
    kill(postgres.server_pid(home))
    assert not postgres.is_running(home)
    postgres.start(home)
    assert query(postgres.database_url(home), "SELECT value FROM kept") == 7
    assert query(postgres.database_url(home), "SHOW fsync") == "on"


def test_another_process_under_the_dead_servers_pid_is_not_the_server(home: Path) -> None:
    postgres.start(home)
    kill(postgres.server_pid(home))
    pid_file = postgres.data_dir(home) / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
    assert not postgres.is_running(home)
    postgres.start(home)
    assert postgres.server_pid(home) != os.getpid()


def test_a_home_too_long_for_a_socket_path(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    try:
        postgres.start(deep)
        assert query(postgres.database_url(deep), "SELECT 1") == 1
    finally:
        postgres.stop(deep)


def test_the_keeper_fails_with_its_server_and_stops_it_when_told(home: Path) -> None:
    command = [sys.executable, "-m", "order_ops.devstack.postgres", str(home)]
    with subprocess.Popen(command) as keeper:
        wait_until(lambda: accepts(home), 30, "the keeper's server")
        kill(postgres.server_pid(home))
        assert keeper.wait(timeout=20) == 1
    with subprocess.Popen(command) as keeper:
        wait_until(lambda: accepts(home), 30, "the keeper's server")
        keeper.terminate()
        assert keeper.wait(timeout=60) == 0
    assert left_of(home) == []


def accepts(home: Path) -> bool:
    if not postgres.is_running(home):
        return False
    try:
        psycopg.connect(
            postgres.database_url(home).replace("+psycopg", ""), connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def test_the_broker_keeps_a_durable_message_over_kill_and_restart(home: Path) -> None:
    broker.start(home)
    url = broker_node.node(home).amqp_url
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("kept", durable=True, arguments={"x-queue-type": "quorum"})
        # RabbitMQ 3.10 registers a new quorum queue on disk half a second later: killed
        # before that, it forgets what it has confirmed.
        time.sleep(1.5)
        channel.basic_publish("", "kept", b"precious", pika.BasicProperties(delivery_mode=2))
    kill(broker.program_pid(home, "node"))
    assert not broker.is_running(home)
    broker.start(home)
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        wait_until(
            lambda: channel.queue_declare("kept", passive=True).method.message_count,
            timeout=20,
            what="the message",
        )
        _, _, body = channel.basic_get("kept", auto_ack=True)
    assert body == b"precious"
    broker.stop(home)
    assert left_of(home) == []


def test_the_broker_is_private(home: Path) -> None:
    broker.start(home)
    assert (broker.version(home) or "")[0].isdigit()
    guest = f"amqp://guest:guest@127.0.0.1:{broker_node.node(home).port}/%2F"
    assert broker.server_version(guest) is None
    assert (home / "rabbitmq" / "node.json").stat().st_mode & 0o077 == 0
    listening = {
        connection.laddr.ip
        for pid in (broker.program_pid(home, "node"), broker.program_pid(home, "epmd"))
        for connection in psutil.Process(pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1"}


def test_embedded_stops_what_it_started_and_only_that(home: Path) -> None:
    with services.embedded(home, broker=False) as outer:
        with services.embedded(home, broker=False) as inner:
            assert inner == outer
        assert postgres.is_running(home)
        assert outer.env()["DAGSTER_HOME"] == str(home / "dagster")
        assert (home / "dagster" / "dagster.yaml").exists()
    assert left_of(home) == []


def test_a_server_that_the_environment_names_is_not_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", "postgresql+psycopg://u@h/d")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://u@h/d")
    with services.embedded(home, broker=False) as found:
        assert found.database_url == "postgresql+psycopg://u@h/d"
        assert not postgres.is_running(home)
