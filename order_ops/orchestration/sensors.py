"""Sensors: one cheap question each, and a run only when there is work.

No sensor has a cursor over ids (ids commit out of order) and none does work of
its own: a lost run costs a delay, since the work is asked for again. The watcher
expects each to look as often as the catalogue says.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from order_ops.jobs import again, reconciliation_days, run_failures, run_replays
from order_ops.jobs.apply_events import has_due, is_being_applied
from order_ops.jobs.catalogue import BY_NAME, SENSORS
from order_ops.jobs.run_failures import REPLAY_OF
from order_ops.orchestration.jobs import (
    ALL,
    apply_order_events_job,
    handle_run_failure_job,
    reconcile_payments_job,
)
from order_ops.orchestration.ops.failures import LOOK_BACK, failed_run_pages
from order_ops.orchestration.performing import AGAIN, REQUEST
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.schedules import day_request
from order_ops.store import beats
from order_ops.store.engine import transaction

_STARTING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING]
_BEING_STORED = timedelta(minutes=1)
"""A run that is stored, and not queued after so long, never will be: who asked for it is gone."""
_LATE = timedelta(minutes=10)
"""A failure may be written so much later than its time says."""


def starting_runs(instance: dg.DagsterInstance, job: str) -> int:
    """How many runs of a job are queued or starting: Dagster itself ends those that never do."""
    stored = dg.RunsFilter(
        job_name=job,
        statuses=[dg.DagsterRunStatus.NOT_STARTED],
        created_after=datetime.now(UTC) - _BEING_STORED,
    )
    starting = dg.RunsFilter(job_name=job, statuses=_STARTING)
    return instance.get_runs_count(starting) or instance.get_runs_count(stored)


def _beat(order_ops: OrderOps, name: str) -> None:
    beats.beat(order_ops.pool, f"sensor:{name}", SENSORS[name])


_PARTITION = "dagster/partition"
_CANCELLED = {dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED}
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
    _beat(order_ops, "staging_sensor")
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
    _beat(order_ops, "changed_days_sensor")
    with transaction(order_ops.pool) as conn:
        due = reconciliation_days.take_due(conn, order_ops.mapping, datetime.now(UTC))
    if not due:
        yield dg.SkipReason("no closed day has news")
    for day in due:
        yield day_request(day)


@dg.sensor(
    name="run_failure_sensor",
    job=handle_run_failure_job,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Failed runs without a dead letter -> handle_run_failure_job, for all of them.",
)
def run_failure_sensor(
    context: dg.SensorEvaluationContext, order_ops: OrderOps
) -> dg.RunRequest | dg.SkipReason:
    """It looks itself, and is not told: the cursor is only where to look from.

    Dagster's own failure sensor tells of one run a tick, and has lost it when that tick raises.
    """
    _beat(order_ops, "run_failure_sensor")
    now = datetime.now(UTC)
    since = datetime.fromisoformat(context.cursor) if context.cursor else now - LOOK_BACK
    since -= _LATE
    missing = 0
    for page in failed_run_pages(context.instance, since):
        failed = [run.run_id for run in page if run.job_name != handle_run_failure_job.name]
        missing += len(run_failures.unhandled(order_ops.pool, failed))
    if not missing:  # the handler's own failures are handled with the next of another job
        context.update_cursor(now.isoformat())
        return dg.SkipReason("every failed run has its dead letter, or is done again")
    if starting_runs(context.instance, handle_run_failure_job.name):
        return dg.SkipReason("a run that will handle them is starting")
    config = {"ops": {"handle_run_failure": {"config": {"since": since.isoformat()}}}}
    asks = f"failures {now:%Y-%m-%dT%H:%M:%S.%f}Z"
    return dg.RunRequest(run_config=config, tags={REQUEST: asks})


@dg.sensor(
    name="again_sensor",
    jobs=list(ALL),
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Work that was lost with its worker -> a run that does it again.",
)
def again_sensor(
    context: dg.SensorEvaluationContext, order_ops: OrderOps
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Until a run begins it; a launch that never did is followed by the next."""
    _beat(order_ops, "again_sensor")
    due = again.due(order_ops.pool)
    if not due:
        yield dg.SkipReason("no work waits to be done again")
    for one in due:
        launched = context.instance.get_runs(filters=dg.RunsFilter(tags={AGAIN: one.key}))
        if any(not run.is_finished for run in launched):
            continue
        if _was_cancelled(context.instance, one.run_id):
            again.cancel(order_ops.pool, one)
        elif why := _not_again(context, one, len(launched)):
            again.give_up(order_ops.pool, one, why)
        else:
            told = {REQUEST: one.request, AGAIN: one.key}
            yield _as_before(one.job, one.config, one.tags, f"{one.key}.{len(launched)}", told)


def _was_cancelled(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in _CANCELLED


def _not_again(context: dg.SensorEvaluationContext, one: again.Again, launched: int) -> str | None:
    """Why work is not launched again; None: it is."""
    if launched >= again.LAUNCHES:
        return f"no run began it, {launched} times"
    if not one.whole:
        return "its config, which held something sensitive, is not kept: execute the run again"
    return _unlaunchable(context, one.job, one.tags)


def _unlaunchable(
    context: dg.SensorEvaluationContext, job: str, tags: dict[str, str]
) -> str | None:
    """Why a run cannot be as it was; None: it can.

    Looked at before it is asked for: Dagster refuses all that a tick asks for with the first.
    """
    if job not in BY_NAME:
        return f"there is no job {job} any more"
    partition = tags.get(_PARTITION)
    if partition is None:
        return None
    assert context.repository_def is not None
    partitions = context.repository_def.get_job(job).partitions_def
    if partitions is None or not partitions.has_partition_key(partition):
        return f"{job} has no partition {partition} any more: its account may have left the mapping"
    return None


def _as_before(
    job: str, config: dict[str, Any], tags: dict[str, str], key: str, told: dict[str, str]
) -> dg.RunRequest:
    """As a run was, with its tags but for those that Dagster gave it, and what is told of this."""
    own = {name: value for name, value in tags.items() if "dagster/" not in name}
    return dg.RunRequest(
        run_key=key,
        job_name=job,
        run_config=config,
        partition_key=tags.get(_PARTITION),
        tags=own | told,
    )


_ENDS = {
    dg.DagsterRunStatus.SUCCESS: (True, "succeeded"),
    dg.DagsterRunStatus.FAILURE: (True, "failed again: done again, or a letter of its own"),
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
    _beat(order_ops, "replay_sensor")
    due = run_replays.launches(order_ops.pool)
    if not due:
        yield dg.SkipReason("no run is to be launched again")
    for launch in due:
        runs = context.instance.get_runs(filters=dg.RunsFilter(tags={REQUEST: launch.key}), limit=1)
        replayed, why = _ENDS.get(runs[0].status, (None, "")) if runs else (None, "")
        if not runs and (gone := _unlaunchable(context, launch.job, launch.tags)):
            replayed, why = False, gone
        if replayed is not None:
            run_replays.launch_ended(order_ops.pool, launch.letter_id, replayed=replayed, why=why)
        elif not runs:
            told = {REPLAY_OF: str(launch.letter_id), REQUEST: launch.key}
            yield _as_before(launch.job, launch.config, launch.tags, launch.key, told)
