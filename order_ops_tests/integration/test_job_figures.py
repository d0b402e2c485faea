"""What a scrape says of jobs: it is what is on record, and not what a process remembers."""

import time

from prometheus_client import CollectorRegistry

from order_ops.jobs.catalogue import EXPIRE_ORDERS, RECONCILE_PAYMENTS
from order_ops.jobs.running import again
from order_ops.jobs.running.runtime import Running, perform
from order_ops.jobs.running.sweep import sweep
from order_ops.jobs.upkeep import scraped
from order_ops.settings import get_settings
from order_ops.store.engine import transaction
from order_ops.telemetry.metrics import Reading
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.executions import asked, begin, let_lease_pass

JOB = EXPIRE_ORDERS


def _scraped(shop: Shop, name: str, job: str, **labels: str) -> float | None:
    """A figure of a job, as a process that has just started is scraped for it."""
    registry = CollectorRegistry()
    events = shop.mapping.events
    registry.register(Reading(scraped.sources(shop.pool, get_settings(), events, None)))
    return registry.get_sample_value(name, {"job_name": job, **labels})


def test_as_many_are_active_as_are_in_hand(shop: Shop) -> None:
    job, days = RECONCILE_PAYMENTS, [f"shop-cards|2026-03-0{day}" for day in range(1, 6)]
    for day in days:
        begin(shop, asked(job, f"run {day}", work_key=day))
    assert _scraped(shop, "order_ops_jobs_active", job.name) == len(days)
    let_lease_pass(shop)
    sweep(shop.pool)
    assert _scraped(shop, "order_ops_jobs_active", job.name) is None, "nobody has any in hand"


def test_a_table_that_is_locked_is_told_before_prometheus_gives_up(shop: Shop) -> None:
    registry = CollectorRegistry()
    events = shop.mapping.events
    registry.register(Reading(scraped.sources(shop.pool, get_settings(), events, None)))
    readable = ("order_ops_readable", {"source": "database"})
    with transaction(shop.pool) as other:
        other.execute("LOCK TABLE ops.alert IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        assert registry.get_sample_value(*readable) == 0
        assert time.monotonic() - began < 10
    assert registry.get_sample_value(*readable) == 1


def test_a_worker_that_is_lost_is_one_stall_more(shop: Shop) -> None:
    for stalls in (1.0, 2.0):
        begin(shop, asked(JOB, request="tick 1"))
        let_lease_pass(shop)
        sweep(shop.pool)
        assert _scraped(shop, "order_ops_job_stalls_total", JOB.name) == stalls


def test_work_that_was_lost_took_as_long_as_its_worker_was_heard_of(shop: Shop) -> None:
    """What it waited is nobody's work; giving it up takes no time."""
    begin(shop, asked(JOB))
    shop.rows(
        """UPDATE ops.job_execution SET started_at = now() - interval '10 hours',
            heartbeat_at = now() - interval '9 hours 59 minutes' RETURNING 1"""
    )
    let_lease_pass(shop)
    sweep(shop.pool)
    shop.rows("UPDATE ops.job_execution SET again_at = now() RETURNING 1")
    ((one,),) = again.due(shop.pool)
    again.give_up(shop.pool, one, "no run began it")
    seconds = dict(shop.rows("SELECT status, seconds FROM ops.job_total"))
    assert seconds == {"stalled": 60.0, "failed": 0.0}


def test_how_long_it_took_is_in_the_buckets_it_belongs_to(shop: Shop) -> None:
    def begun_7_s_ago(running: Running) -> None:
        shop.rows(
            "UPDATE ops.job_execution SET started_at = now() - interval '7 s' "
            "WHERE id = %(id)s RETURNING 1",
            id=running.execution.id,
        )

    perform(shop.pool, JOB, asked(JOB, "run-1"), lambda _: None)
    perform(shop.pool, JOB, asked(JOB, "run-2"), begun_7_s_ago)
    took = "order_ops_job_duration_seconds"
    assert _scraped(shop, f"{took}_bucket", JOB.name, status="done", le="5.0") == 1
    assert _scraped(shop, f"{took}_bucket", JOB.name, status="done", le="10.0") == 2
    total = _scraped(shop, f"{took}_sum", JOB.name, status="done")
    assert total is not None
    assert 7 <= total < 12
