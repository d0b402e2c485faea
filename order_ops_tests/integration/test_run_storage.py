"""Dagster's own storage of runs, as the watcher uses it: pools, and the queue that is scraped."""

import dagster as dg
import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from order_ops.domain.jobs import POOLS
from order_ops.jobs.upkeep import scraped
from order_ops.orchestration.run_storage import StoredRuns
from order_ops.settings import get_settings
from order_ops.telemetry.metrics import Reading
from order_ops_tests.integration.conftest import Shop


def _limits(instance: dg.DagsterInstance) -> dict[str, int]:
    return {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


def test_pools_get_the_slots_that_are_declared(instance: dg.DagsterInstance) -> None:
    runs = StoredRuns(instance)
    runs.limit_pools(POOLS)
    assert _limits(instance) == POOLS


def test_a_pool_that_somebody_changed_is_as_declared_again_and_others_are_left_alone(
    instance: dg.DagsterInstance,
) -> None:
    name = next(iter(POOLS))
    storage = instance.event_log_storage
    storage.set_concurrency_slots(name, POOLS[name] + 1)
    storage.set_concurrency_slots("of somebody else", 7)
    StoredRuns(instance).limit_pools(POOLS)
    assert _limits(instance) == POOLS | {"of somebody else": 7}


def test_a_scrape_tells_how_many_runs_wait(
    shop: Shop, instance: dg.DagsterInstance, dagster_postgres_url: str
) -> None:
    started = dg.DagsterRunStatus.STARTED
    for _ in range(3):
        instance.add_run(dg.DagsterRun(job_name="a_job", status=started))
    # only a code location's run can be queued: its status alone is what is counted
    with psycopg.connect(dagster_postgres_url.replace("+psycopg2", "")) as conn:
        conn.execute("UPDATE runs SET status = 'QUEUED' WHERE id IN (SELECT id FROM runs LIMIT 2)")
    runs = StoredRuns(instance)
    registry = CollectorRegistry()
    registry.register(
        Reading(scraped.sources(shop.pool, get_settings(), shop.mapping.events, runs))
    )
    told = generate_latest(registry).decode().splitlines()
    assert "order_ops_runs_queued 2.0" in told
    assert 'order_ops_readable{source="dagster"} 1.0' in told


def _sessions(url: str) -> set[int]:
    """Sessions on Dagster's database, but for the one that asks."""
    others = """SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    with psycopg.connect(url.replace("+psycopg2", "")) as conn:
        return {pid for (pid,) in conn.execute(others)}


def _ask(instance: dg.DagsterInstance) -> None:
    instance.get_runs_count()
    instance.all_instigator_state()
    instance.event_log_storage.get_pool_limits()


def test_daemons_keep_their_connections(
    instance: dg.DagsterInstance, dagster_postgres_url: str
) -> None:
    _ask(instance)
    kept = _sessions(dagster_postgres_url)
    assert len(kept) == 3, "one for runs, for events, for schedules"
    for _ in range(20):
        _ask(instance)
    assert _sessions(dagster_postgres_url) == kept


def test_nobody_waits_for_ever_for_a_storage_that_does_not_answer(
    instance: dg.DagsterInstance,
) -> None:
    """The watcher's duty hung with a lock in Dagster's database, and nobody was told."""
    storage = instance.run_storage
    with storage.connect() as conn:  # type: ignore[attr-defined]
        assert conn.exec_driver_sql("SHOW statement_timeout").scalar() == "5min"
        told = conn.connection.driver_connection.get_dsn_parameters()
    assert int(told["connect_timeout"]) <= 10
    assert int(told["tcp_user_timeout"]) <= 60_000


@pytest.mark.parametrize("web_server", [False, True])
def test_a_connection_that_the_server_closed_is_replaced_and_fails_nothing(
    instance: dg.DagsterInstance, dagster_postgres_url: str, *, web_server: bool
) -> None:
    if web_server:
        instance.optimize_for_webserver(statement_timeout=9_000, pool_recycle=600, max_overflow=5)
    _ask(instance)
    kept = _sessions(dagster_postgres_url)
    with psycopg.connect(dagster_postgres_url.replace("+psycopg2", "")) as conn:
        for pid in kept:
            conn.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
    _ask(instance)
    assert not kept & _sessions(dagster_postgres_url)
