"""Failed runs -> dead letters and alerts.

The sensor that asks for this does nothing that can fail; all the work is here,
where it can be retried. Every failed run that has no dead letter yet is
handled, not only the one that was named: a burst or a lost request loses none.
It looks back as far as the sensor did: what that found must be found here.
"""

from datetime import UTC, datetime

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from order_ops.domain.failures import RETRIED, FailureKind, classify
from order_ops.jobs.catalogue import HANDLE_RUN_FAILURE
from order_ops.jobs.running.run_failures import LOOK_BACK, FailedRun, record, unhandled
from order_ops.jobs.running.runtime import Running
from order_ops.orchestration.performing import CATEGORY, ERROR_TYPE, performed
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.run_storage import failed_run_pages


class HandleConfig(dg.Config):
    """Since when runs may have failed, ISO 8601; without it, within the last week."""

    since: str | None = None


@dg.op(
    pool=HANDLE_RUN_FAILURE.pool,
    description="Writes a dead letter and an alert for every failed run that has none yet.",
)
def handle_run_failure(
    context: dg.OpExecutionContext, config: HandleConfig, order_ops: OrderOps
) -> None:
    """See `order_ops.jobs.running.run_failures`."""

    def work(running: Running) -> int:
        a_week_ago = datetime.now(UTC) - LOOK_BACK
        since = datetime.fromisoformat(config.since) if config.since else a_week_ago
        handled, errors = 0, list[Exception]()
        for page in failed_run_pages(context.instance, since):
            missing = set(unhandled(running.pool, [run.run_id for run in page]))
            for run in (run for run in page if run.run_id in missing):
                if error := _recorded(context, running, run):
                    errors.append(error)
                else:
                    handled += 1
        if errors:
            raise errors[0]
        return handled

    handled = performed(context, order_ops, HANDLE_RUN_FAILURE, work)
    context.add_output_metadata({"handled": handled or 0})


def _recorded(
    context: dg.OpExecutionContext, running: Running, run: dg.DagsterRun
) -> Exception | None:
    """Write a run's letter; why that could not be, where the others are not to wait for it."""
    try:
        record(running.pool, [_told(context.instance, run)])
    except Exception as error:
        if classify(error) in RETRIED:
            raise
        context.log.exception("run %s has no letter yet", run.run_id)
        return error
    return None


def _told(instance: dg.DagsterInstance, run: dg.DagsterRun) -> FailedRun:
    """A failed run, for its letter; one whose failure cannot be read has a letter that says so."""
    try:
        return _read(instance, run)
    except Exception as error:
        if classify(error) in RETRIED:
            raise
        why = f"the run has failed, and why cannot be read: {error!r}"
        return _outside_of_steps(run, why)


def _read(instance: dg.DagsterInstance, run: dg.DagsterRun) -> FailedRun:
    """What run storage knows of a failure: the step's error, else the run's."""
    steps = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1, ascending=False
    ).records
    event = steps[0].event_log_entry.dagster_event if steps else None
    if event is None:
        why = f"the run failed outside of its steps: {_why(instance, run)}"
        return _outside_of_steps(run, why)
    data = event.step_failure_data
    known = data.user_failure_data.metadata if data.user_failure_data else {}
    category, kind = known.get(CATEGORY), known.get(ERROR_TYPE)
    error = _raised(data.error)
    return FailedRun(
        run_id=run.run_id,
        job=run.job_name,
        error_type=str(kind.value) if kind else (error.cls_name if error else "") or "Error",
        error=_message(data, error),
        stack=data.error.to_string() if data.error else None,
        category=_kind(category.value if category else None),
        config=dict(run.run_config),
        tags=dict(run.tags),
    )


def _kind(category: object) -> FailureKind:
    """A job of somebody else's may have categories of its own."""
    return next((kind for kind in FailureKind if kind == category), FailureKind.UNKNOWN)


def _outside_of_steps(run: dg.DagsterRun, why: str) -> FailedRun:
    return FailedRun(
        run_id=run.run_id,
        job=run.job_name,
        error_type="RunFailure",
        error=why,
        stack=None,
        category=FailureKind.UNKNOWN,
        config=dict(run.run_config),
        tags=dict(run.tags),
    )


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """What was said when a run was marked as failed: by the run, by Dagster, by the watcher."""
    ends = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE, limit=1, ascending=False
    ).records
    event = ends[0].event_log_entry.dagster_event if ends else None
    return (event and event.message) or "its worker died, or it could not start"


def _raised(error: SerializableErrorInfo | None) -> SerializableErrorInfo | None:
    """What was raised: Dagster wraps it in an error of its own that is the same for every cause."""
    while error is not None and error.cause is not None and _is_dagsters(error):
        error = error.cause
    return error


def _is_dagsters(error: SerializableErrorInfo) -> bool:
    return (error.cls_name or "").startswith("Dagster")


def _message(data: object, error: SerializableErrorInfo | None) -> str:
    user = getattr(data, "user_failure_data", None)
    return (user.description if user and user.description else None) or (
        error.message.strip().removeprefix(f"{error.cls_name}: ") if error else "no message"
    )
