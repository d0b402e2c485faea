"""Applying staged events."""

import dagster as dg

from order_ops.domain.failures import DATABASE
from order_ops.jobs.apply_events import Applied, apply_while_due
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.retries import failures_by_kind


class ApplyConfig(dg.Config):
    """How long one run goes on while events are due, and waits for more when none is."""

    seconds: float = 300.0
    linger_s: float = 0.0


@dg.op(description="Applies due events of many orders at a time until none is left.")
def apply_order_events(
    context: dg.OpExecutionContext, config: ApplyConfig, order_ops: OrderOps
) -> None:
    """See `order_ops.jobs.apply_events`."""
    with failures_by_kind(context, DATABASE):
        done = apply_while_due(
            order_ops.worker(context.run_id),
            seconds=config.seconds,
            linger_s=config.linger_s,
            progress=lambda so_far: context.log.info("applied so far: %s", dict(so_far.events)),
        )
    if done is None:
        context.log.info("another run is applying events: this one had nothing to do")
    context.add_output_metadata(_metadata(done or Applied()))


def _metadata(done: Applied) -> dict[str, int]:
    return {"lanes": done.lanes, **dict(done.events)}
