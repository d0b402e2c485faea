"""The doctor on real servers: healthy, and with each thing that can be wrong."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pika
import psycopg
import pytest
from dagster._daemon.types import DaemonHeartbeat
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import create_engine, inspect
from structlog.testing import capture_logs
from typer.testing import CliRunner

from order_ops.cli import app
from order_ops.devstack.services import prepare_dagster_home
from order_ops.devstack.waiting import wait_until
from order_ops.jobs.messages.consume import make_consumer
from order_ops.jobs.messages.relay import Relay
from order_ops.jobs.upkeep import doctor
from order_ops.mapping import Events
from order_ops.messaging import topology
from order_ops.orchestration.doctor import dagster_findings
from order_ops.settings import Settings, get_settings
from order_ops.store.migrate import config
from order_ops_tests.integration.conftest import Shop

CRITICAL = "order_ops.critical"


@pytest.fixture
def settings(
    shop: Shop, amqp_url: str, broker_api_url: str, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("ORDER_OPS_AMQP_URL", amqp_url)
    monkeypatch.setenv("ORDER_OPS_BROKER_API_URL", broker_api_url)
    get_settings.cache_clear()
    return get_settings()


def on_channel(settings: Settings, act: Any) -> None:
    with pika.BlockingConnection(pika.URLParameters(settings.amqp_url)) as connection:
        act(connection.channel())


def declared(settings: Settings, shop: Shop) -> None:
    topology.ensure(str(settings.amqp_url), shop.mapping.events)


def another_limit(channel: BlockingChannel) -> None:
    arguments = topology.queue_arguments() | {"x-delivery-limit": 5}
    channel.queue_declare(CRITICAL, durable=True, arguments=arguments)


def told(settings: Settings, events: Events) -> list[str]:
    outcome = doctor.run(doctor.checks(settings, events, bindings=True))
    return [str(found) for checked in outcome for found in checked.findings]


def test_a_healthy_system_has_no_findings(shop: Shop, settings: Settings) -> None:
    declared(settings, shop)
    assert told(settings, shop.mapping.events) == []


def test_what_is_missing_is_found_and_not_made(shop: Shop, settings: Settings) -> None:
    first = told(settings, shop.mapping.events)
    assert (
        f"queue {CRITICAL}: does not exist; start `order-ops consume` once: it declares it" in first
    )
    assert any(line.startswith("exchange shop.events: does not exist") for line in first)
    assert told(settings, shop.mapping.events) == first


def test_a_foreign_exchange_that_is_missing_names_its_owner(shop: Shop, settings: Settings) -> None:
    declared(settings, shop)
    foreign = shop.mapping.events.model_dump() | {"exchange": {"name": "legacy", "passive": True}}
    lines = told(settings, Events.model_validate(foreign))
    assert any(line.startswith("exchange legacy: does not exist; its owner") for line in lines)


def test_another_delivery_limit_is_named(shop: Shop, settings: Settings) -> None:
    on_channel(settings, another_limit)
    lines = told(settings, shop.mapping.events)
    expected = f"queue {CRITICAL}: has another x-delivery-limit: expected '20' but current is '5'"
    assert f"{expected}; delete the queue after draining it, or use a new name" in lines


@pytest.mark.parametrize("process", ["consumer", "relay"])
def test_the_processes_say_what_is_wrong_and_recover(
    process: str, shop: Shop, settings: Settings
) -> None:
    on_channel(settings, another_limit)
    events = shop.mapping.events
    made: Any = make_consumer(settings)
    if process == "relay":
        made = Relay(shop.pool, str(settings.amqp_url), events)
    thread = threading.Thread(target=made.run)
    with capture_logs() as logs:
        thread.start()
        try:
            wait_until(lambda: any("in_s" in line for line in logs), 20, "a refusal")
            on_channel(settings, lambda channel: channel.queue_delete(CRITICAL))
            wait_until(lambda: told(settings, events) == [], 30, "the topology")
        finally:
            made.stop()
            thread.join(30)
    findings = [line for line in logs if line["event"] == "topology.finding"]
    assert {line["subject"] for line in findings} == {f"queue {CRITICAL}"}
    assert "x-delivery-limit" in findings[0]["problem"]
    assert findings[0]["log_level"] == "error"
    retried = next(line for line in logs if "in_s" in line)
    assert "TopologyError" in retried["error"]


def test_a_classic_queue_is_named_as_one(shop: Shop, settings: Settings) -> None:
    on_channel(settings, lambda channel: channel.queue_declare(CRITICAL, durable=True))
    lines = [line for line in told(settings, shop.mapping.events) if CRITICAL in line]
    assert any("has another x-" in line for line in lines)
    assert any("is a classic queue, not a quorum queue" in line for line in lines)


def test_bindings_that_are_missing_or_too_many_are_named(shop: Shop, settings: Settings) -> None:
    declared(settings, shop)

    def rebind(channel: BlockingChannel) -> None:
        channel.queue_unbind(CRITICAL, "shop.events", "refund.failed")
        channel.queue_bind("order_ops.bulk", "shop.events", "stock.counted")
        channel.queue_unbind(topology.PARKED, topology.DEAD_EXCHANGE, "#")

    on_channel(settings, rebind)
    dead, missing, extra = told(settings, shop.mapping.events)
    assert "queue order_ops.parked: '#' of order_ops.dead is not bound" in dead
    assert f"queue {CRITICAL}: 'refund.failed' of shop.events is not bound" in missing
    assert "order_ops.bulk: 'stock.counted' of shop.events is bound to it" in extra
    declared(settings, shop)
    assert len(told(settings, shop.mapping.events)) == 1, "consume binds, and unbinds nothing"


def test_a_refused_user_of_the_api_is_a_finding(shop: Shop, settings: Settings) -> None:
    declared(settings, shop)
    host = str(settings.broker_api_url).rpartition("@")[2]
    wrong = settings.model_copy(update={"broker_api_url": f"http://nobody:hunter2@{host}"})
    (line,) = told(wrong, shop.mapping.events)
    assert "is answered with 401" in line
    assert "hunter2" not in line


def test_a_refused_user_of_the_broker_is_a_finding(shop: Shop, settings: Settings) -> None:
    wrong = settings.model_copy(
        update={"amqp_url": str(settings.amqp_url).replace("://", "://nobody-")}
    )
    (found,) = doctor.broker(wrong, shop.mapping.events)
    assert "ACCESS_REFUSED" in found.problem


def test_a_database_one_migration_behind_is_a_finding(database_url: str) -> None:
    from alembic import command

    assert doctor.database(database_url) == []
    command.downgrade(config(database_url), "-1")
    (found,) = doctor.database(database_url)
    assert "this release needs" in found.problem
    assert "order-ops migrate" in found.remedy


def test_a_database_that_takes_no_writes_is_a_finding(database_url: str) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "")) as conn:
        name = conn.info.dbname.encode()
        conn.execute(b"ALTER DATABASE " + name + b" SET default_transaction_read_only = on")
    (found,) = doctor.database(database_url)
    assert "takes no writes" in found.problem
    assert "primary" in found.remedy


def test_a_stopped_daemon_and_missing_tables_are_findings(
    dagster_postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", dagster_postgres_url)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_dagster_home(tmp_path)))
    now = datetime.now(UTC)
    (empty,) = dagster_findings(now)
    assert "has no table" in empty.problem
    engine = create_engine(dagster_postgres_url)
    assert inspect(engine).get_table_names() == [], "looking creates nothing"
    engine.dispose()
    with dg.DagsterInstance.get() as instance:
        (never,) = dagster_findings(now)
        assert "SENSOR (never)" in never.problem
        for name in instance.get_required_daemon_types():
            instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp(), name, "d", []))
        assert dagster_findings(now) == []
        (stopped,) = dagster_findings(now + timedelta(seconds=91))
    assert "SENSOR (91 s ago)" in stopped.problem
    assert stopped.remedy == "start dagster-daemon run"


def test_the_command_finds_a_server_that_is_away(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared(settings, shop)
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    get_settings.cache_clear()
    result = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "400", "TERM": "dumb"})
    assert result.exit_code == 1
    fine = [line for line in result.stdout.splitlines() if line.startswith("✔")]
    assert len(fine) == 3
    assert "✘ database 127.0.0.1:1/nothing: does not answer" in result.stdout
    assert "✘ DAGSTER_HOME: is not set" in result.stdout
