"""What the asset pages show of a reconciliation: counts, money, tables, plots and checks.

What is computed belongs in `order_ops.jobs.days`, how it is worded in its `report`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from order_ops.jobs.days.reconcile import DayResult, Inputs


def observe(context: dg.AssetExecutionContext, done: "DayResult | None") -> None:
    """What a dry run found, where the assets are looked at; they are not materialised."""
    if done is None:
        return
    from order_ops.jobs.days.report import difference_markdown  # noqa: PLC0415 - plots

    for key in sorted(context.selected_asset_keys):
        context.log_event(
            dg.AssetObservation(
                asset_key=key,
                partition=context.partition_key,
                metadata={
                    "dry_run": True,
                    "verdict": done.result.verdict,
                    "verdict_stands": done.stood.verdict if done.stood else "none",
                    "changes": done.difference.height,
                    "difference": dg.MetadataValue.md(difference_markdown(done)),
                },
            )
        )


def inputs(inputs: "Inputs | None") -> Iterator["dg.MaterializeResult[None]"]:
    """What was read; nothing when it was not for this run to read it."""
    if inputs is None:
        return
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": inputs.entries,
            "amount_minor": inputs.amount_minor,
            "sha256": inputs.sha256,
        },
        data_version=dg.DataVersion(inputs.sha256[:32]),
    )


def matches(done: "DayResult", uneven: int, unwritten: int) -> "dg.MaterializeResult[None]":
    """Show the matches of the day, whether each is even, and whether Parquet says the same."""
    files = dg.AssetCheckResult(
        check_name="parquet_says_what_the_tables_say",
        asset_key="payment_matches",
        passed=unwritten == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"days_to_write": unwritten},
    )
    check = dg.AssetCheckResult(
        check_name="entries_matched_once",
        asset_key="payment_matches",
        passed=uneven == 0,
        metadata={"uneven_matches": uneven},
    )
    return dg.MaterializeResult(
        asset_key="payment_matches",
        metadata={
            "dagster/row_count": done.result.matches.height,
            "matched": done.result.matched,
            "verdict": done.result.verdict,
        },
        check_results=[check, files],
    )


def breaks(done: "DayResult", report: str) -> "dg.MaterializeResult[None]":
    """Show the day's breaks: the money, the worst of them, and what changed since the last run."""
    from order_ops.jobs.days.report import breaks_markdown, difference_markdown  # noqa: PLC0415 - plots
    from order_ops.reconciliation.summary import money_sentence  # noqa: PLC0415 - dataframes

    changed = difference_markdown(done) if done.stood else "The first run of this day."
    return dg.MaterializeResult(
        asset_key="reconciliation_breaks",
        metadata={
            "dagster/row_count": done.result.breaks.height,
            "at_stake": dg.MetadataValue.md(money_sentence(done.summary["breaks"])),
            "breaks": dg.MetadataValue.md(breaks_markdown(done)),
            "changed": dg.MetadataValue.md(changed),
            "proposals": done.result.proposals.height,
            **({"sums": done.result.sums_searched} if done.result.sums_searched else {}),
            "report": dg.MetadataValue.path(report),
        },
        check_results=[_unclassified(done)],
    )


def _unclassified(done: "DayResult") -> dg.AssetCheckResult:
    found = done.result.breaks["class"].to_list().count("unclassified")
    return dg.AssetCheckResult(
        check_name="no_break_is_unclassified",
        asset_key="reconciliation_breaks",
        passed=found == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"unclassified": found},
    )


def bridge(done: "DayResult") -> "dg.MaterializeResult[None]":
    """Show the day's bridge, and whether it closes to zero."""
    from order_ops.jobs.days.report import bridge_markdown, bridge_plots  # noqa: PLC0415 - plots

    residual = dict(done.result.residual_minor)
    check = dg.AssetCheckResult(
        check_name="bridge_closes_to_zero",
        asset_key="reconciliation_bridge",
        passed=not any(residual.values()),
        metadata={"residual_minor": residual},
    )
    return dg.MaterializeResult(
        asset_key="reconciliation_bridge",
        metadata={
            "dagster/row_count": done.result.bridge.height,
            "verdict": done.result.verdict,
            "bridge": dg.MetadataValue.md(bridge_markdown(done)),
            "plot": dg.MetadataValue.md(bridge_plots(done)),
        },
        check_results=[check],
    )
