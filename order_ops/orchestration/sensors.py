"""Sensors: one cheap question each, and a run only when there is work.

No sensor has a cursor over ids (ids commit out of order) and none does work of
its own: a lost run costs a delay, since the work is asked for again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from order_ops.jobs import reconciliation_days, run_replays
from order_ops.jobs.apply_events import has_due, is_being_applied
from order_ops.jobs.run_failures import REPLAY_OF
from order_ops.orchestration.jobs import (
    ALL,
    apply_order_events_job,
    handle_run_failure_job,
    reconcile_payments_job,
)
from order_ops.orchestration.resources import OrderOps
from order_ops.store.engine import transaction

WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
WORKING = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
STARTING = [*WAITING, dg.DagsterRunStatus.STARTING]
WORKS_AT_MOST = timedelta(seconds=360)
"""A run of these jobs ends itself sooner. One that did not may be dead and still be listed as
started: it holds up nothing, since what it might still do is fenced."""


def live_runs(instance: dg.DagsterInstance, job: str) -> int:
    """How many runs of a job are queued, or have started lately."""
    lately = datetime.now(UTC) - WORKS_AT_MOST
    waiting = dg.RunsFilter(job_name=job, statuses=WAITING)
    working = dg.RunsFilter(job_name=job, statuses=WORKING, updated_after=lately)
    return instance.get_runs_count(waiting) + instance.get_runs_count(working)


def starting_runs(instance: dg.DagsterInstance, job: str) -> int:
    """How many runs of a job are queued or starting: Dagster itself ends those that never do."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=STARTING))


_LINGERING = {"ops": {"apply_order_events": {"config": {"linger_s": 20.0}}}}


@dg.sensor(
    name="staging_sensor",
    job=apply_order_events_job,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Staged events that are due, and nobody applying them -> a run.",
)
def staging_sensor(
    context: dg.SensorEvaluationContext, order_ops: OrderOps
) -> dg.RunRequest | dg.SkipReason:
    """One run applies thousands of events."""
    if not has_due(order_ops.pool):
        return dg.SkipReason("no staged event is due")
    if is_being_applied(order_ops.pool):
        return dg.SkipReason("a run is applying events already")
    if starting_runs(context.instance, apply_order_events_job.name):
        return dg.SkipReason("a run that will apply them is starting")
    return dg.RunRequest(run_config=_LINGERING)


@dg.sensor(
    name="changed_days_sensor",
    job=reconcile_payments_job,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Closed days with news (a file, a late event, an earlier day) -> reconcile them.",
)
def changed_days_sensor(order_ops: OrderOps) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Days are recorded as asked for; asked again when no run has taken them in."""
    with transaction(order_ops.pool) as conn:
        due = reconciliation_days.take_due(conn, order_ops.mapping, datetime.now(UTC))
    if not due:
        yield dg.SkipReason("no closed day has news")
    for day in due:
        yield dg.RunRequest(run_key=day.request_key, partition_key=day.account_day.key)


@dg.run_failure_sensor(
    name="run_failure_sensor",
    request_job=handle_run_failure_job,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A failed run -> handle_run_failure_job. Nothing in here can fail.",
)
def run_failure_sensor(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
    """A sensor that raises here would lose the failure for good."""
    if context.dagster_run.job_name == handle_run_failure_job.name:
        return dg.SkipReason("the handler's own failure is handled by its next run")
    return dg.RunRequest(
        run_key=f"failure:{context.dagster_run.run_id}", job_name=handle_run_failure_job.name
    )


_PARTITION = "dagster/partition"
_REQUEST = "order_ops/replay"
_ENDS = {
    dg.DagsterRunStatus.SUCCESS: (True, "succeeded"),
    dg.DagsterRunStatus.FAILURE: (True, "failed again: it has a letter of its own"),
    dg.DagsterRunStatus.CANCELED: (False, "was cancelled"),
}


@dg.sensor(
    name="replay_sensor",
    jobs=list(ALL),
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Dead letters of runs that are being replayed -> launch them, once each.",
)
def replay_sensor(
    context: dg.SensorEvaluationContext, order_ops: OrderOps
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A letter is one run key: asked for at every tick, launched once, until it has ended."""
    due = run_replays.launches(order_ops.pool)
    if not due:
        yield dg.SkipReason("no run is to be launched again")
    for launch in due:
        runs = context.instance.get_runs(
            filters=dg.RunsFilter(tags={_REQUEST: launch.key}), limit=1
        )
        replayed, why = _ENDS.get(runs[0].status, (None, "")) if runs else (None, "")
        if launch.job not in {job.name for job in ALL}:
            replayed, why = False, f"no job {launch.job} is there to be launched"
        if replayed is not None:
            run_replays.launch_ended(order_ops.pool, launch.letter_id, replayed=replayed, why=why)
        elif not runs:
            yield _launched_again(launch)


def _launched_again(launch: run_replays.Launch) -> dg.RunRequest:
    """As the run that failed was, but for the tags that Dagster gave it."""
    own = {name: value for name, value in launch.tags.items() if "dagster/" not in name}
    return dg.RunRequest(
        run_key=launch.key,
        job_name=launch.job,
        run_config=launch.config,
        partition_key=launch.tags.get(_PARTITION),
        tags={**own, REPLAY_OF: str(launch.letter_id), _REQUEST: launch.key},
    )
