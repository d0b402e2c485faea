"""What Dagster loads: the table of contents of order_ops' assets, jobs and triggers."""

import dagster as dg

from order_ops.orchestration import jobs, schedules, sensors
from order_ops.orchestration.assets import messages, reconciliation
from order_ops.orchestration.resources import OrderOps

defs = dg.Definitions(
    assets=[
        messages.message_ledger,
        reconciliation.provider_transactions,
        reconciliation.internal_transactions,
        reconciliation.reconcile_payments,
    ],
    jobs=jobs.ALL,
    schedules=[
        schedules.reconcile_payments_schedule,
        schedules.expire_orders_schedule,
        schedules.message_ledger_schedule,
    ],
    sensors=[
        sensors.staging_sensor,
        sensors.changed_days_sensor,
        sensors.run_failure_sensor,
        sensors.replay_sensor,
    ],
    resources={"order_ops": OrderOps(), "io_manager": dg.mem_io_manager},
    executor=dg.in_process_executor,
)
