"""Sensors: one cheap question each, and a run only when there is work.

No sensor has a cursor over ids (ids commit out of order) and none does work of
its own: a lost run costs a delay, since the work is asked for again. The watcher
expects each to look as often as the catalogue says.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from order_ops.jobs.catalogue import (
    APPLY_ORDER_EVENTS,
    BY_NAME,
    HANDLE_RUN_FAILURE,
    SENSORS,
    TAKE_IN_FILES,
)
from order_ops.jobs.days import reconciliation_days
from order_ops.jobs.files import watched_files
from order_ops.jobs.letters import run_replays
from order_ops.jobs.orders.apply_events import has_due
from order_ops.jobs.running import again, run_failures
from order_ops.jobs.running.run_failures import LOOK_BACK, REPLAY_OF
from order_ops.orchestration.jobs import (
    ALL,
    apply_order_events_job,
    handle_run_failure_job,
    reconcile_payments_job,
    take_in_files_job,
)
from order_ops.orchestration.performing import AGAIN, REQUEST
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.run_storage import StoredRuns
from order_ops.orchestration.schedules import day_request
from order_ops.orchestration.under_way import is_starting, under_way
from order_ops.store import beats
from order_ops.store.engine import transaction

_LATE = timedelta(minutes=10)
"""A failure may be written so much later than its time says."""
_PARTITION = "dagster/partition"
_CANCELLED = {dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED}
_LINGERING = {"ops": {"apply_order_events": {"config": {"linger_s": 20.0}}}}
_REFUSAL_CHARS = 500

Looked = Iterator[dg.RunRequest | dg.SkipReason]
Look = Callable[[dg.SensorEvaluationContext, OrderOps], Looked]


def _sensor(what: str, **jobs: Any) -> Callable[[Look], dg.SensorDefinition]:
    """A sensor that beats once it has looked: who fails at every look is missed."""

    def made(look: Look) -> dg.SensorDefinition:
        name = look.__name__

        def tick(context: dg.SensorEvaluationContext, order_ops: OrderOps) -> Looked:
            yield from look(context, order_ops)
            beats.beat(order_ops.pool, f"sensor:{name}", SENSORS[name])

        return dg.sensor(
            name=name,
            minimum_interval_seconds=int(SENSORS[name]),
            default_status=dg.DefaultSensorStatus.RUNNING,
            description=what,
            **jobs,
        )(tick)

    return made


@_sensor(
    "Staged events that are due, and nobody applying them -> a run.", job=apply_order_events_job
)
def staging_sensor(context: dg.SensorEvaluationContext, order_ops: OrderOps) -> Looked:
    """One run applies thousands of events."""
    if not has_due(order_ops.pool):
        yield dg.SkipReason("no staged event is due")
    elif why := under_way(context.instance, order_ops.pool, APPLY_ORDER_EVENTS):
        yield dg.SkipReason(why)
    else:
        yield dg.RunRequest(run_config=_LINGERING)


@_sensor(
    "Closed days with news (a file, a late event, an earlier day) -> reconcile them.",
    job=reconcile_payments_job,
)
def changed_days_sensor(_: dg.SensorEvaluationContext, order_ops: OrderOps) -> Looked:
    """Days are recorded as asked for; asked again when no run has taken them in."""
    with transaction(order_ops.pool) as conn:
        due = reconciliation_days.take_due(conn, order_ops.mapping, datetime.now(UTC))
    if not due:
        yield dg.SkipReason("no closed day has news")
    for day in due:
        yield day_request(day)


@_sensor("Files of watched folders that are whole -> take them in.", job=take_in_files_job)
def watched_files_sensor(context: dg.SensorEvaluationContext, order_ops: OrderOps) -> Looked:
    """One run takes in all that were the same at two looks."""
    if not watched_files.look(order_ops.pool, order_ops.mapping):
        yield dg.SkipReason("no watched folder has a file that is new, and whole")
    elif why := under_way(context.instance, order_ops.pool, TAKE_IN_FILES):
        yield dg.SkipReason(why)
    else:
        yield dg.RunRequest()


@_sensor(
    "Failed runs without a dead letter -> handle_run_failure_job, for all of them.",
    job=handle_run_failure_job,
)
def run_failure_sensor(context: dg.SensorEvaluationContext, order_ops: OrderOps) -> Looked:
    """It looks itself, and is not told: the cursor is only where to look from.

    Dagster's own failure sensor tells of one run a tick, and has lost it when that tick raises.
    """
    now = datetime.now(UTC)
    since = datetime.fromisoformat(context.cursor) if context.cursor else now - LOOK_BACK
    since -= _LATE
    missing = 0
    for failed in StoredRuns(context.instance).failed(since):
        missing += len(run_failures.unhandled(order_ops.pool, failed))
    if not missing:
        context.update_cursor(now.isoformat())
        yield dg.SkipReason("every failed run has its dead letter, or is done again")
    elif why := is_starting(context.instance, HANDLE_RUN_FAILURE):
        yield dg.SkipReason(why)
    else:
        config = {"ops": {"handle_run_failure": {"config": {"since": since.isoformat()}}}}
        asks = f"failures {now:%Y-%m-%dT%H:%M:%S.%f}Z"
        yield dg.RunRequest(run_config=config, tags={REQUEST: asks})


@_sensor("Work that was lost with its worker -> a run that does it again.", jobs=list(ALL))
def again_sensor(context: dg.SensorEvaluationContext, order_ops: OrderOps) -> Looked:
    """Until a run begins it; a launch that never did is followed by the next.

    Work whose launch waits in the queue keeps none behind it from being launched.
    """
    launched = 0
    for page in again.due(order_ops.pool):
        for request in _launches(context, order_ops, page):
            yield request
            launched += 1
        if launched >= again.MOST:
            return
    if not launched:
        yield dg.SkipReason("no work waits to be launched again")


def _launches(
    context: dg.SensorEvaluationContext, order_ops: OrderOps, page: Sequence[again.Again]
) -> Iterator[dg.RunRequest]:
    """Those of some work that are to be launched now; what never will be has its end."""
    launched = Counter[str]()
    waiting = set[str]()
    for run in context.instance.get_runs(dg.RunsFilter(tags={AGAIN: [one.key for one in page]})):
        launched[run.tags[AGAIN]] += 1
        if not run.is_finished:
            waiting.add(run.tags[AGAIN])
    for one in page:
        if one.key in waiting:
            continue
        if _was_cancelled(context.instance, one.run_id):
            again.cancel(order_ops.pool, one)
        elif why := _not_again(context, one, launched[one.key]):
            again.give_up(order_ops.pool, one, why)
        else:
            told = {REQUEST: one.request, AGAIN: one.key}
            yield _as_before(one.job, one.config, one.tags, f"{one.key}.{launched[one.key]}", told)


def _was_cancelled(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in _CANCELLED


def _not_again(context: dg.SensorEvaluationContext, one: again.Again, launched: int) -> str | None:
    """Why work is not launched again; None: it is."""
    if launched >= again.LAUNCHES:
        return f"no run began it, {launched} times"
    if not one.whole:
        return "its config, which held something sensitive, is not kept: execute the run again"
    return _unlaunchable(context, one.job, one.config, one.tags)


def _unlaunchable(
    context: dg.SensorEvaluationContext, job: str, config: dict[str, Any], tags: dict[str, str]
) -> str | None:
    """Why a run cannot be as it was; None: it can.

    Looked at before it is asked for: Dagster refuses all that a tick asks for with the first.
    """
    if job not in BY_NAME:
        return f"there is no job {job} any more"
    assert context.repository_def is not None
    definition = context.repository_def.get_job(job)
    try:
        dg.validate_run_config(definition, config)
    except dg.DagsterInvalidConfigError as error:
        refusal = " ".join(str(error).split())[:_REFUSAL_CHARS]
        return f"its config is refused, which a release may have changed: {refusal}"
    partition, partitions = tags.get(_PARTITION), definition.partitions_def
    if partition is None or (partitions is not None and partitions.has_partition_key(partition)):
        return None
    return f"{job} has no partition {partition} any more: its account may have left the mapping"


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


@_sensor("Dead letters of runs that are being replayed -> launch them, once each.", jobs=list(ALL))
def replay_sensor(context: dg.SensorEvaluationContext, order_ops: OrderOps) -> Looked:
    """A letter is one run key: asked for at every tick, launched once, until it has ended."""
    due = run_replays.launches(order_ops.pool)
    if not due:
        yield dg.SkipReason("no run is to be launched again")
    for launch in due:
        runs = context.instance.get_runs(filters=dg.RunsFilter(tags={REQUEST: launch.key}), limit=1)
        replayed, why = _ENDS.get(runs[0].status, (None, "")) if runs else (None, "")
        if not runs and (wrong := _unlaunchable(context, launch.job, launch.config, launch.tags)):
            replayed, why = False, wrong
        if replayed is not None:
            run_replays.launch_ended(order_ops.pool, launch.letter_id, replayed=replayed, why=why)
        elif not runs:
            told = {REPLAY_OF: str(launch.letter_id), REQUEST: launch.key}
            yield _as_before(launch.job, launch.config, launch.tags, launch.key, told)
