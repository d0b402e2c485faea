"""After an outage a schedule asks once, for all there is to do: there is no flood."""

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import ModuleTarget
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs

from order_ops.jobs.catalogue import JOBS
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, reserved


def test_a_day_without_a_daemon_is_one_tick_of_each_schedule(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    target = ModuleTarget("order_ops.definitions", None, None, "order_ops")
    log, times = logging.getLogger("schedules of a test"), dict[str, ScheduleIterationTimes]()
    stopped = datetime.now(UTC) - timedelta(days=1, hours=2)
    most = instance.scheduler.max_catchup_runs  # type: ignore[union-attr]
    with create_test_daemon_workspace_context(target, instance) as context:
        for now in (stopped, datetime.now(UTC)):
            list(launch_scheduled_runs(context, log, now, times, max_catchup_runs=most))
    ticks = {
        state.name: len(instance.get_ticks(state.instigator_origin_id, state.selector_id))
        for state in instance.all_instigator_state()
    }
    assert ticks == {job.schedule: 1 for job in JOBS if job.cron}
    runs = Counter(run.job_name for run in instance.get_runs())
    assert runs["expire_orders_job"] == 1
