"""What Dagster loads: the table of contents of order_ops' assets, jobs and triggers."""

import dagster as dg

from order_ops.orchestration import jobs, own_process, schedules, sensors
from order_ops.orchestration.assets import described, messages, reconciliation
from order_ops.orchestration.resources import OrderOps

# a run worker logs before anything of ours is called: at the start of its run
own_process.settle_in()

defs = dg.Definitions(
    assets=[
        described.PROVIDER_FILES,
        described.LEDGER,
        messages.message_ledger,
        reconciliation.provider_transactions,
        reconciliation.internal_transactions,
        reconciliation.reconcile_payments,
    ],
    jobs=jobs.ALL,
    schedules=schedules.ALL,
    sensors=[
        sensors.staging_sensor,
        sensors.changed_days_sensor,
        sensors.run_failure_sensor,
        sensors.again_sensor,
        sensors.replay_sensor,
        sensors.watched_files_sensor,
    ],
    resources={"order_ops": OrderOps(), "io_manager": dg.mem_io_manager},
    executor=dg.in_process_executor,
)
