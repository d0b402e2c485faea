"""Purging what has been kept for as long as it has to be."""

import dagster as dg

from order_ops.jobs.catalogue import PURGE
from order_ops.jobs.running.runtime import Running
from order_ops.jobs.upkeep.purge import purge
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.run_storage import StoredRuns


class PurgeConfig(dg.Config):
    """With `dry_run` nothing goes; the metadata says how much would."""

    dry_run: bool = False


@dg.op(pool=PURGE.pool, description=PURGE.what)
def purge_old_rows(
    context: dg.OpExecutionContext, config: PurgeConfig, order_ops: OrderOps
) -> None:
    """See `order_ops.jobs.upkeep.purge`."""

    def work(running: Running) -> dict[str, int]:
        runs = StoredRuns(context.instance)
        return purge(running.pool, dry_run=config.dry_run, runs=runs).counts

    done = performed(context, order_ops, PURGE, work, dry_run=config.dry_run)
    context.add_output_metadata(done or {})
