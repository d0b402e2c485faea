"""Old runs and executions go by the class of their job; a failure that is not reviewed stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg

from order_ops.domain.failures import FailureKind
from order_ops.domain.jobs import Job
from order_ops.domain.retention import MONEY
from order_ops.jobs.catalogue import APPLY_ORDER_EVENTS, EXPIRE_ORDERS, RECONCILE_PAYMENTS
from order_ops.jobs.letters import dead_letters, letter_sets
from order_ops.jobs.running.run_failures import LOOK_BACK, FailedRun, record, unhandled
from order_ops.jobs.upkeep.purge import RUNS_LOOKED_FOR, purge
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.executions import asked, begin, let_lease_pass

SEEDED = 1_500
ANA = Actor("ana", "seen")
DAY = timedelta(days=1)


def _do(shop: Shop, statement: str, **values: Any) -> None:
    with transaction(shop.pool) as conn:
        conn.execute(statement, values)


def _letters(shop: Shop) -> list[int]:
    return [letter.id for letter in letter_sets.find(shop.pool, letter_sets.Selection())]


def _runs(
    instance: dg.DagsterInstance,
    url: str,
    job: str,
    count: int,
    age: timedelta,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
) -> list[str]:
    """Runs of a job, a second apart, the last one so old."""
    made = [
        instance.add_run(dg.DagsterRun(job_name=job, status=status)).run_id for _ in range(count)
    ]
    first = datetime.now(UTC) - age - timedelta(seconds=count)
    at = [(first + timedelta(seconds=n)).replace(tzinfo=None) for n in range(count)]
    with psycopg.connect(url.replace("+psycopg2", "").replace("+psycopg", "")) as conn:
        conn.execute(
            "UPDATE runs SET create_timestamp = given.at FROM unnest(%s::text[], %s::timestamp[])"
            " AS given(run_id, at) WHERE runs.run_id = given.run_id",
            (made, at),
        )
    return made


def test_runs_go_by_the_class_of_their_job(
    shop: Shop, instance: dg.DagsterInstance, dagster_postgres_url: str
) -> None:
    from order_ops.orchestration.run_storage import StoredRuns

    url, failure = dagster_postgres_url, dg.DagsterRunStatus.FAILURE
    _runs(instance, url, "apply_order_events_job", SEEDED // 2, 3 * DAY)
    _runs(instance, url, "message_ledger_job", SEEDED // 2, 2 * DAY)
    _runs(instance, url, "reconcile_payments_job", 150, 3 * DAY)
    ancient = _runs(instance, url, "reconcile_payments_job", 5, MONEY.keep_for + DAY)
    going = _runs(instance, url, "expire_orders_job", 1, 9 * DAY, dg.DagsterRunStatus.STARTED)
    untold = _runs(instance, url, "expire_orders_job", 1, 8 * DAY, failure)
    unreviewed = _runs(instance, url, "expire_orders_job", 1, 7 * DAY, failure)
    reviewed = _runs(instance, url, "expire_orders_job", 1, 6 * DAY, failure)
    for run_id in (*unreviewed, *reviewed):
        failed = FailedRun(run_id, "j", "E", run_id, None, FailureKind.UNKNOWN, {}, {})
        record(shop.pool, [failed])
    dead_letters.discard(shop.pool, _letters(shop)[1:], ANA)
    runs = StoredRuns(instance)
    would = purge(shop.pool, dry_run=True, runs=runs).counts
    assert instance.get_runs_count() == SEEDED + 159
    done = purge(shop.pool, runs=runs).counts
    assert would == done
    # of 1,504 runs of busy jobs, the newest 1,000, and three of the others
    assert (done["runs busy"], done["runs money"]) == (501, 5)
    left = {run.run_id for run in instance.get_runs()}
    assert {*going, *untold, *unreviewed} <= left
    assert not {*reviewed, *ancient} & left
    busy = dg.RunsFilter(job_name="message_ledger_job")
    assert instance.get_runs_count(busy) == SEEDED // 2


def test_what_a_run_has_written_goes_with_it_and_an_unfinished_one_stays(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    from order_ops.definitions import defs
    from order_ops.orchestration.run_storage import StoredRuns

    job = defs.resolve_job_def("apply_order_events_job")
    run_id = job.execute_in_process(instance=instance).run_id
    output = Path(instance.storage_directory()) / run_id
    kept = list(output.rglob("*")) if output.exists() else []
    going = instance.add_run(dg.DagsterRun(job_name="j", status=dg.DagsterRunStatus.STARTED))
    runs = StoredRuns(instance)
    assert runs.delete([run_id, going.run_id, "unknown"]) == 1
    assert kept
    assert not output.exists()
    assert instance.get_records_for_run(run_id).records == []
    runs.end(going.run_id, "its worker is gone")
    runs.end(going.run_id, "again")
    runs.end("unknown", "never was")
    ended = instance.get_run_by_id(going.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.FAILURE


def _executed(shop: Shop, job: Job, state: str, ended: timedelta) -> None:
    """1,500 executions that ended so long ago, each of a run of its own."""
    _do(
        shop,
        """INSERT INTO ops.job_execution (job, step, work_key, request, state, run_id, run_ids,
            worker, lease_until, deadline_at, ended_at)
        SELECT %(job)s, 's', 'all', 'r' || n, %(state)s, %(job)s || n, ARRAY[%(job)s || n], 'w',
            now(), now(), now() - %(ended)s FROM generate_series(1, %(seeded)s) AS n""",
        job=job.name,
        state=state,
        ended=ended,
        seeded=SEEDED,
    )


def test_executions_go_by_the_class_of_their_job(shop: Shop) -> None:
    _executed(shop, APPLY_ORDER_EVENTS, "done", 2 * DAY)
    _executed(shop, RECONCILE_PAYMENTS, "done", 2 * DAY)
    assert purge(shop.pool).counts["ops.job_execution"] == 500
    left = dict(shop.rows("SELECT job, count(*) FROM ops.job_execution GROUP BY job"))
    assert left == {APPLY_ORDER_EVENTS.name: 1_000, RECONCILE_PAYMENTS.name: SEEDED}
    purge(shop.pool, now=datetime.now(UTC) + MONEY.keep_for)
    assert dict(shop.rows("SELECT job, count(*) FROM ops.job_execution GROUP BY job")) == {
        APPLY_ORDER_EVENTS.name: 1_000
    }


def test_a_failed_execution_stays_until_its_letter_is_dealt_with(shop: Shop) -> None:
    _executed(shop, EXPIRE_ORDERS, "failed", 2 * DAY)
    assert purge(shop.pool).counts["ops.job_execution"] == 0
    first = f"{EXPIRE_ORDERS.name}1"
    failed = FailedRun(first, "j", "E", first, None, FailureKind.UNKNOWN, {}, {})
    record(shop.pool, [failed])
    assert purge(shop.pool).counts["ops.job_execution"] == 0
    (letter,) = letter_sets.find(shop.pool, letter_sets.Selection())
    dead_letters.discard(shop.pool, [letter.id], ANA)
    assert purge(shop.pool).counts["ops.job_execution"] == 1


def test_why_a_failed_run_has_no_letter_is_kept_as_long_as_such_runs_are_looked_for(
    shop: Shop, instance: dg.DagsterInstance, dagster_postgres_url: str
) -> None:
    """Its worker was lost, and a later request took the work's place."""
    from order_ops.orchestration.run_storage import StoredRuns

    (lost,) = _runs(
        instance, dagster_postgres_url, EXPIRE_ORDERS.name, 1, 2 * DAY, dg.DagsterRunStatus.FAILURE
    )
    begin(shop, asked(EXPIRE_ORDERS, lost, request="tick 1"))
    let_lease_pass(shop)
    begin(shop, asked(EXPIRE_ORDERS, "next", request="tick 2"))
    _do(
        shop,
        "UPDATE ops.job_execution SET ended_at = now() - interval '2 d' WHERE run_id = %(r)s",
        r=lost,
    )
    _executed(shop, EXPIRE_ORDERS, "done", timedelta(hours=1))
    _runs(instance, dagster_postgres_url, EXPIRE_ORDERS.name, 1_000, DAY)
    assert unhandled(shop.pool, [lost]) == []
    purge(shop.pool, runs=StoredRuns(instance))
    assert unhandled(shop.pool, [lost]) == []
    assert instance.get_run_by_id(lost) is None, "it is nobody's to review"
    assert LOOK_BACK < RUNS_LOOKED_FOR
    purge(shop.pool, now=datetime.now(UTC) + RUNS_LOOKED_FOR)
    assert shop.rows("SELECT 1 FROM ops.job_execution WHERE run_id = %(r)s", r=lost) == []
