"""The ledger of messages as an asset, with the check that nothing is missing."""

from collections.abc import Iterator

import dagster as dg

from order_ops.domain.failures import DATABASE
from order_ops.jobs.message_ledger import hours, refresh
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.retries import failures_by_kind

_SHOWN = 24
_COLUMNS = ("received", "copies", "pending", "done", "parked", "missing", "to_publish", "published")


@dg.asset(
    group_name="intake",
    owners=["team:platform"],
    kinds={"postgres"},
    check_specs=[dg.AssetCheckSpec("no_message_is_missing", asset="message_ledger")],
    description="Per hour: what came, what became of it, and which numbers never came.",
)
def message_ledger(
    context: dg.AssetExecutionContext, order_ops: OrderOps
) -> Iterator["dg.MaterializeResult[None]"]:
    """intake.hour; the watcher keeps it up to date between runs."""
    with failures_by_kind(context, DATABASE):
        grace_s = order_ops.settings.gap_grace_s
        found = refresh(order_ops.pool, order_ops.mapping.events.source, grace_s)
        latest = hours(order_ops.pool, _SHOWN)
    head = f"| hour | {' | '.join(_COLUMNS)} |\n|{'---|' * (len(_COLUMNS) + 1)}\n"
    rows = "\n".join(
        f"| {row.hour:%Y-%m-%d %H}:00 | "
        f"{' | '.join(f'{getattr(row, name):,}' for name in _COLUMNS)} |"
        for row in latest
    )
    check = dg.AssetCheckResult(
        check_name="no_message_is_missing",
        passed=found.gap == 0,
        metadata={"gap": found.gap, "what": str(found)},
    )
    yield dg.MaterializeResult(
        metadata={"gap": found.gap, "hours": dg.MetadataValue.md(head + rows)},
        check_results=[check],
    )
