"""Applying staged events."""

import dagster as dg

from order_ops.jobs.catalogue import APPLY_ORDER_EVENTS
from order_ops.jobs.orders.apply_events import Applied, apply_while_due
from order_ops.jobs.running.runtime import Running
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps


class ApplyConfig(dg.Config):
    """How long one run goes on while events are due, and waits for more when none is."""

    seconds: float = 300.0
    linger_s: float = 0.0


@dg.op(
    pool=APPLY_ORDER_EVENTS.pool,
    description="Applies due events of many orders at a time until none is left.",
)
def apply_order_events(
    context: dg.OpExecutionContext, config: ApplyConfig, order_ops: OrderOps
) -> None:
    """See `order_ops.jobs.orders.apply_events`."""

    def work(running: Running) -> Applied:
        return apply_while_due(
            order_ops.worker(running),
            seconds=config.seconds,
            linger_s=config.linger_s,
            progress=lambda so_far: context.log.info("applied so far: %s", dict(so_far.events)),
        )

    done = performed(context, order_ops, APPLY_ORDER_EVENTS, work) or Applied()
    context.add_output_metadata({"lanes": done.lanes, **dict(done.events)})
