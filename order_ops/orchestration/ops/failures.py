"""Failed runs -> dead letters and alerts.

The sensor that asks for this does nothing that can fail; all the work is here,
where it can be retried. Every failed run that has no dead letter yet is
handled, not only the one that was named: a burst or a lost request loses none.
It looks back as far as the sensor did: what that found must be found here.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from order_ops.domain.failures import FailureKind
from order_ops.jobs.catalogue import HANDLE_RUN_FAILURE
from order_ops.jobs.run_failures import FailedRun, record, unhandled
from order_ops.jobs.runtime import Running
from order_ops.orchestration.performing import CATEGORY, ERROR_TYPE, performed
from order_ops.orchestration.resources import OrderOps

LOOK_BACK = timedelta(days=7)
_PAGE = 200


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
    """See `order_ops.jobs.run_failures`."""

    def work(running: Running) -> int:
        handled = 0
        a_week_ago = datetime.now(UTC) - LOOK_BACK
        since = datetime.fromisoformat(config.since) if config.since else a_week_ago
        for page in failed_run_pages(context.instance, since):
            missing = set(unhandled(running.pool, [run.run_id for run in page]))
            failed = [_failed(context.instance, run) for run in page if run.run_id in missing]
            handled += record(running.pool, failed)
        return handled

    handled = performed(context, order_ops, HANDLE_RUN_FAILURE, work)
    context.add_output_metadata({"handled": handled or 0})


def failed_run_pages(
    instance: dg.DagsterInstance, since: datetime
) -> Iterator[Sequence[dg.DagsterRun]]:
    """Runs that failed since then, newest first, some hundred at a time."""
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    cursor = None
    while page := list(instance.get_runs(filters=wanted, cursor=cursor, limit=_PAGE)):
        yield page
        cursor = page[-1].run_id


def _failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> FailedRun:
    """What run storage knows of a failure: the step's error, else the run's."""
    steps = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1, ascending=False
    ).records
    if steps and steps[0].event_log_entry.dagster_event is not None:
        data = steps[0].event_log_entry.dagster_event.step_failure_data
        known = data.user_failure_data.metadata if data.user_failure_data else {}
        category, kind = known.get(CATEGORY), known.get(ERROR_TYPE)
        error = _raised(data.error)
        return FailedRun(
            run_id=run.run_id,
            job=run.job_name,
            error_type=str(kind.value) if kind else (error.cls_name if error else "") or "Error",
            error=_message(data, error),
            stack=data.error.to_string() if data.error else None,
            category=FailureKind(str(category.value)) if category else FailureKind.UNKNOWN,
            config=dict(run.run_config),
            tags=dict(run.tags),
        )
    return FailedRun(
        run_id=run.run_id,
        job=run.job_name,
        error_type="RunFailure",
        error=f"the run failed outside of its steps: {_why(instance, run)}",
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
