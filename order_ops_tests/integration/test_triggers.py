"""Schedules and sensors: what asks for work, once, and when there is any."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from order_ops.jobs.catalogue import BY_NAME, JOBS, expected_beats
from order_ops.jobs.running import overdue
from order_ops.orchestration import schedules
from order_ops.store.job_totals import BUCKETS_S
from order_ops_tests.failing import raising
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run, scheduled, tick
from order_ops_tests.integration.executions import in_hand
from order_ops_tests.shop import created, reserved

AT = datetime(2026, 3, 10, 15, 4, tzinfo=UTC)


def test_every_schedule_is_in_utc_and_as_declared() -> None:
    declared = {job.schedule: job.cron for job in JOBS if job.cron}
    assert {one.name: one.cron_schedule for one in schedules.ALL} == declared
    assert {one.execution_timezone for one in schedules.ALL} == {"UTC"}


def test_two_runs_of_the_same_tick_are_one_execution(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """What two daemons ask for; that they do is in the faults."""
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    requests = [scheduled(instance, "expire_orders_schedule", AT).run_requests[0] for _ in range(2)]
    assert len({request.run_key for request in requests}) == 1
    runs = [run(defs, instance, "expire_orders_job", tags=r.tags) for r in requests]
    assert all(one.success for one in runs)
    assert shop.one("SELECT count(*) FROM ops.job_execution") == 1
    told = [instance.get_run_by_id(one.run_id).tags.get("order_ops/skipped") for one in runs]  # type: ignore[union-attr]
    assert told[0] is None
    assert f"run {runs[0].run_id} did it at" in str(told[1])


def test_after_an_outage_one_tick_finds_all_there_is_to_do(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for order in ("o1", "o2", "o3"):
        shop.stage(created(order), reserved(order))
    shop.apply()
    (request,) = scheduled(instance, "expire_orders_schedule", AT).run_requests
    run(defs, instance, "expire_orders_job", tags=request.tags)
    assert scheduled(instance, "expire_orders_schedule", AT).run_requests == []


def test_no_work_no_run(shop: Shop, instance: dg.DagsterInstance) -> None:
    assert scheduled(instance, "expire_orders_schedule").run_requests == []
    assert scheduled(instance, "message_ledger_schedule").run_requests == []
    for sensor in ("staging_sensor", "changed_days_sensor", "again_sensor", "replay_sensor"):
        assert tick(instance, sensor).run_requests == []


def test_a_failed_run_is_asked_for_until_it_has_its_dead_letter(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = raising(ValueError("broken"))

    first = tick(instance, "run_failure_sensor")
    assert (first.run_requests, bool(first.cursor)) == ([], True)
    monkeypatch.setattr("order_ops.jobs.repairs.due.reservations", broken)
    for _ in range(3):
        run(defs, instance, "expire_orders_job")
    for _ in range(2):
        asked = tick(instance, "run_failure_sensor", first.cursor)
        assert len(asked.run_requests) == 1, "one run handles them all"
        assert asked.cursor == first.cursor, "it looks from there until all have a letter"
    _handle(defs, instance, asked.run_requests[0])
    assert tick(instance, "run_failure_sensor", first.cursor).run_requests == []
    assert shop.one("SELECT count(*) FROM ops.dead_letter") == 3


def _handle(defs: dg.Definitions, instance: dg.DagsterInstance, asked: dg.RunRequest) -> None:
    job = "handle_run_failure_job"
    assert run(defs, instance, job, run_config=asked.run_config, tags=asked.tags).success


def test_a_failure_is_handled_however_long_ago_it_was(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance, dagster_postgres_url: str
) -> None:
    """The handler could not run for more than a week: it looks as far back as its sensor does."""
    job = defs.resolve_job_def("expire_orders_job")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE)
    with psycopg.connect(dagster_postgres_url.replace("+psycopg2", "")) as conn:
        conn.execute("UPDATE runs SET update_timestamp = now() - interval '8 days'")
    cursor = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    _handle(defs, instance, tick(instance, "run_failure_sensor", cursor).run_requests[0])
    assert tick(instance, "run_failure_sensor", cursor).run_requests == []
    assert shop.one("SELECT count(*) FROM ops.dead_letter") == 1


def test_a_run_that_was_stored_and_never_queued_says_so_and_holds_up_nothing(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance, dagster_postgres_url: str
) -> None:
    """Whoever asked for it was gone before it was queued: no worker ever had it."""
    shop.stage(created("o1"))
    stored = instance.create_run_for_job(defs.resolve_job_def("apply_order_events_job"))
    told = tick(instance, "staging_sensor")
    assert told.skip_message == "a run that will do it is starting"
    with psycopg.connect(dagster_postgres_url.replace("+psycopg2", "")) as conn:
        conn.execute("UPDATE runs SET create_timestamp = now() - interval '2 minutes'")
    assert len(tick(instance, "staging_sensor").run_requests) == 1
    why = "Run timed out due to taking longer than 180 seconds to start."
    instance.report_run_failed(stored, why)
    _handle(defs, instance, tick(instance, "run_failure_sensor").run_requests[0])
    error = shop.one("SELECT error FROM ops.dead_letter")
    assert error == f"RunFailure: the run failed outside of its steps: {why}"


def test_an_error_outside_of_the_runtime_is_told_as_it_was_raised(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dagster's own words are the same for all of them: two causes would be one fingerprint."""
    for error in (ValueError("no such limit"), KeyError("lease")):

        def broken(*_: object, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("order_ops.orchestration.own_process.limit", broken)
            run(defs, instance, "expire_orders_job")
    _handle(defs, instance, tick(instance, "run_failure_sensor").run_requests[0])
    letters = shop.rows("SELECT error, fingerprint, stack FROM ops.dead_letter ORDER BY error")
    assert [row.error for row in letters] == ["KeyError: 'lease'", "ValueError: no such limit"]
    assert len({row.fingerprint for row in letters}) == 2
    assert all("in broken" in row.stack for row in letters)


def test_who_is_not_heard_of_is_told_of_and_that_they_are_back(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    assert overdue.check(shop.pool, expected_beats()) == [], "each has its time from now on"
    shop.rows("UPDATE ops.beat SET at = now() - interval '10 minutes' RETURNING 1")
    late = overdue.check(shop.pool, expected_beats())
    assert "schedule:expire_orders_schedule" in late
    assert "schedule:purge_schedule" not in late, "it ticks once a day"
    assert {name for name in late if name.startswith("sensor:")} == {
        name for name in expected_beats() if name.startswith("sensor:")
    }
    alerts = "SELECT title FROM ops.alert WHERE resolved_at IS NULL ORDER BY dedupe_key"
    sensors = "".join(shop.rows(alerts)[1])
    assert "Sensors do not look for work" in sensors
    assert "again_sensor (every 5 s, last 600 s ago)" in sensors
    tick(instance, "staging_sensor")
    scheduled(instance, "expire_orders_schedule")
    assert {"sensor:staging_sensor", "schedule:expire_orders_schedule"}.isdisjoint(
        overdue.check(shop.pool, expected_beats())
    )
    shop.rows("UPDATE ops.beat SET at = now() RETURNING 1")
    overdue.check(shop.pool, expected_beats())
    assert shop.rows(alerts) == []


def _long_ago(shop: Shop, beat: str) -> None:
    """It was last heard of a month ago."""
    shop.rows(
        """INSERT INTO ops.beat (name, instance, every_s, at)
        VALUES (%(beat)s, 'x', 5, now() - interval '30 days') RETURNING 1""",
        beat=beat,
    )


LOOKS = {
    "sensor:staging_sensor": "sensors.has_due",
    "sensor:changed_days_sensor": "sensors.reconciliation_days.take_due",
    "sensor:run_failure_sensor": "sensors.run_failures.unhandled",
    "sensor:again_sensor": "sensors.again.due",
    "sensor:replay_sensor": "sensors.run_replays.launches",
    "sensor:watched_files_sensor": "sensors.watched_files.look",
    "schedule:apply_repairs_schedule": "schedules.due.has_acts_under_way",
    "schedule:expire_orders_schedule": "schedules.due.has_reservations",
    "schedule:fetch_transactions_schedule": "schedules.fetched_days.due",
    "schedule:message_ledger_schedule": "schedules.message_ledger.has_changed",
    "schedule:purge_schedule": "schedules.under_way",
    "schedule:reconcile_payments_schedule": "schedules.reconciliation_days.open_closed_days",
    "schedule:remind_customers_schedule": "schedules.due.has_expiring",
    "schedule:settle_refunds_schedule": "schedules.due.has_pending_refunds",
    "schedule:verify_payments_schedule": "schedules.due.has_open",
}
"""What each looks with."""


@pytest.mark.parametrize("beat", expected_beats())
def test_who_fails_at_every_look_is_not_heard_of(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    beat: str,
) -> None:
    instance.create_run_for_job(
        defs.resolve_job_def("expire_orders_job"), status=dg.DagsterRunStatus.FAILURE
    )
    _long_ago(shop, beat)
    kind, name = beat.split(":")
    with monkeypatch.context() as patch:
        patch.setattr(f"order_ops.orchestration.{LOOKS[beat]}", raising(RuntimeError("broken")))
        with pytest.raises((RuntimeError, dg.DagsterError)):
            (tick if kind == "sensor" else scheduled)(instance, name)
    assert overdue.check(shop.pool, expected_beats()) == [beat]
    (tick if kind == "sensor" else scheduled)(instance, name)
    assert overdue.check(shop.pool, expected_beats()) == []


def test_a_sensor_that_a_release_has_taken_away_is_missed_no_more(shop: Shop) -> None:
    gone = "sensor:of_the_last_release"
    _long_ago(shop, gone)
    alerts = "SELECT dedupe_key FROM ops.alert WHERE resolved_at IS NULL"
    assert overdue.check(shop.pool, {gone: 5.0}) == [gone]
    assert shop.rows(alerts) == [("overdue:sensor",)]
    assert overdue.check(shop.pool, expected_beats()) == []
    assert shop.rows(alerts) == []


@pytest.mark.parametrize("job", ["expire_orders_job", "message_ledger_job", "purge_job"])
def test_a_schedule_asks_for_no_run_while_one_works_or_waits_to(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance, job: str
) -> None:
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    schedule = BY_NAME[job].schedule
    with in_hand(shop, BY_NAME[job]):
        assert scheduled(instance, schedule, AT).skip_message == "a run is doing it already"
    waits = instance.create_run_for_job(defs.resolve_job_def(job))
    assert scheduled(instance, schedule, AT).skip_message == "a run that will do it is starting"
    instance.report_run_canceled(waits)
    assert len(scheduled(instance, schedule, AT).run_requests) == 1


def test_the_buckets_reach_the_longest_timeout() -> None:
    assert max(BUCKETS_S) >= max(job.timeout_s for job in JOBS)
