"""The ledger of messages as an asset, with the check that nothing is missing."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from order_ops.jobs.catalogue import MESSAGE_LEDGER
from order_ops.jobs.messages.message_ledger import Balance, hours, refresh
from order_ops.jobs.running.runtime import Running
from order_ops.orchestration.assets.chosen import chosen
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps

_SHOWN = 24
_COLUMNS = ("received", "copies", "pending", "done", "parked", "missing", "to_publish", "published")


@dg.multi_asset(
    name="message_ledger",
    pool=MESSAGE_LEDGER.pool,
    can_subset=True,
    specs=[
        dg.AssetSpec(
            "message_ledger",
            group_name="intake",
            owners=["team:platform"],
            kinds={"postgres"},
            description="Per hour: what came, what became of it, and which numbers never came.",
            skippable=True,
        )
    ],
    check_specs=[dg.AssetCheckSpec("no_message_is_missing", asset="message_ledger")],
)
def message_ledger(
    context: dg.AssetExecutionContext, order_ops: OrderOps
) -> Iterator["dg.MaterializeResult[None]"]:
    """intake.hour; the watcher keeps it up to date between runs."""

    def work(running: Running) -> tuple[Balance, list[Any]]:
        grace_s = order_ops.settings.gap_grace_s
        found = refresh(running.pool, order_ops.mapping.events.source, grace_s)
        return found, hours(running.pool, _SHOWN)

    done = performed(context, order_ops, MESSAGE_LEDGER, work)
    if done is None:
        return
    found, latest = done
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
    result: dg.MaterializeResult[None] = dg.MaterializeResult(
        asset_key="message_ledger",
        metadata={"gap": found.gap, "hours": dg.MetadataValue.md(head + rows)},
        check_results=[check],
    )
    yield from chosen(context, [result])
