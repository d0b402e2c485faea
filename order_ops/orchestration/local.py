"""Running a job of the definitions in this process, on the Dagster instance of DAGSTER_HOME.

For the demo and for tests: the run is stored and shown in the UI like any other.
"""

import dagster as dg

_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def run_job(defs: dg.Definitions, name: str, partition: str | None = None) -> str:
    """Execute a job, of one partition if it has partitions; its run id.

    Raises:
        Exception: whatever made it fail.
    """
    with dg.DagsterInstance.get() as instance:
        done = defs.resolve_job_def(name).execute_in_process(
            instance=instance,
            partition_key=partition,
            run_config=_QUIET,
            tags={"order_ops/origin": "local"},
        )
    return done.run_id
