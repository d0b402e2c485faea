"""Running jobs and ticks of the definitions on a test's own Dagster instance, in this process."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg


def run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    partition: str | None = None,
    **more: Any,
) -> dg.ExecuteInProcessResult:
    """Execute a job; an error is the result's and is not raised."""
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=partition, raise_on_error=False, **more
    )


def tick(instance: dg.DagsterInstance, name: str, cursor: str | None = None) -> Any:
    """One look of a sensor."""
    from order_ops import definitions
    from order_ops.orchestration import sensors
    from order_ops.orchestration.resources import OrderOps

    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources={"order_ops": OrderOps()},
        repository_def=definitions.defs.get_repository_def(),
    )
    return getattr(sensors, name).evaluate_tick(context)


def scheduled(instance: dg.DagsterInstance, name: str, at: datetime | None = None) -> Any:
    """One tick of a schedule, at a time (UTC)."""
    from order_ops import definitions
    from order_ops.orchestration import schedules
    from order_ops.orchestration.resources import OrderOps

    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=at or datetime.now(UTC),
        resources={"order_ops": OrderOps()},
        repository_def=definitions.defs.get_repository_def(),
    )
    return getattr(schedules, name).evaluate_tick(context)
