"""The reconciliation assets: inputs of both sides, then matches, breaks and bridge together.

Matches, breaks and bridge are one result, written in one transaction: one
asset definition, with its checks. Each
partition is an accounting day of a provider account.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from order_ops.jobs.catalogue import RECONCILE_PAYMENTS
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.jobs.running.runtime import Running
from order_ops.orchestration.assets.chosen import chosen
from order_ops.orchestration.assets.described import DAILY, LEDGER, OWNERS, PROVIDER_FILES, columns
from order_ops.orchestration.partitions import account_days
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps

if TYPE_CHECKING:
    from order_ops.jobs.days.reconcile import DayResult, Inputs

GROUP = "reconciliation"


@dg.asset(
    deps=[PROVIDER_FILES],
    metadata=columns("provider_transactions"),
    freshness_policy=DAILY,
    partitions_def=account_days,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    pool=RECONCILE_PAYMENTS.pool,
    output_required=False,
    description="The provider's lines of the day, as its files have brought them so far.",
)
def provider_transactions(
    context: dg.AssetExecutionContext, order_ops: OrderOps
) -> Iterator["dg.MaterializeResult[None]"]:
    """recon.provider_transactions of the partition: pinned by its hash."""
    from order_ops.jobs.days.reconcile import read_provider  # noqa: PLC0415 - dataframes

    def work(running: Running) -> "Inputs":
        return read_provider(running.pool, AccountDay.parse(context.partition_key))

    yield from _inputs(performed(context, order_ops, RECONCILE_PAYMENTS, work, once=False))


@dg.asset(
    deps=[LEDGER],
    metadata=columns("internal_transactions"),
    freshness_policy=DAILY,
    partitions_def=account_days,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    pool=RECONCILE_PAYMENTS.pool,
    output_required=False,
    description="Our payments and refunds of the day, read through the mapping.",
)
def internal_transactions(
    context: dg.AssetExecutionContext, order_ops: OrderOps
) -> Iterator["dg.MaterializeResult[None]"]:
    """recon.internal_transactions of the partition: a snapshot of the internal source."""
    from order_ops.jobs.days.reconcile import snapshot_internal  # noqa: PLC0415 - dataframes

    _refuse_beside_dry_run(context)

    def work(running: Running) -> "Inputs":
        account_day = AccountDay.parse(context.partition_key)
        return snapshot_internal(running.pool, order_ops.mapping, account_day)

    yield from _inputs(performed(context, order_ops, RECONCILE_PAYMENTS, work, once=False))


class ReconcileConfig(dg.Config):
    """With `dry_run` nothing is written: the difference to what stands is in an observation.

    Choose payment_matches, reconciliation_breaks and reconciliation_bridge alone for it.
    """

    dry_run: bool = False


def _refuse_beside_dry_run(context: dg.AssetExecutionContext) -> None:
    """Inputs of a dry run are read by it and are not to be written before it."""
    configs: Any = context.run.run_config.get("ops", {})
    if configs.get("reconcile_payments", {}).get("config", {}).get("dry_run"):
        raise dg.Failure(
            "a dry run reads both sides itself: choose payment_matches, reconciliation_breaks and "
            "reconciliation_bridge alone for it",
            allow_retries=False,
        )


@dg.multi_asset(
    name="reconcile_payments",
    partitions_def=account_days,
    pool=RECONCILE_PAYMENTS.pool,
    can_subset=True,
    specs=[
        dg.AssetSpec(
            name,
            deps=[provider_transactions, internal_transactions],
            group_name=GROUP,
            owners=OWNERS,
            kinds={"postgres", "polars"},
            description=description,
            metadata=columns(name),
            freshness_policy=DAILY,
            skippable=True,
        )
        for name, description in (
            ("payment_matches", "Which of our payments is which provider line, and by what rule."),
            ("reconciliation_breaks", "Every difference, named, with the money at stake."),
            ("reconciliation_bridge", "From our total to the provider's, line by line."),
        )
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "bridge_closes_to_zero",
            asset="reconciliation_bridge",
            partitions_def=account_days,
            description="Our total, the breaks and what is pending make the provider's total.",
        ),
        dg.AssetCheckSpec(
            "entries_matched_once",
            asset="payment_matches",
            partitions_def=account_days,
            description="Each match has one entry on a side and one or several on the other.",
        ),
        dg.AssetCheckSpec(
            "parquet_says_what_the_tables_say",
            asset="payment_matches",
            partitions_def=account_days,
            description="The Parquet of every day of the account is of its latest run.",
        ),
        dg.AssetCheckSpec(
            "no_break_is_unclassified",
            asset="reconciliation_breaks",
            partitions_def=account_days,
            description="Each type of line that the provider lists is mapped to a kind.",
        ),
    ],
)
def reconcile_payments(
    context: dg.AssetExecutionContext, config: ReconcileConfig, order_ops: OrderOps
) -> Iterator["dg.MaterializeResult[None]"]:
    """Reconcile the partition; see `order_ops.jobs.days.reconcile`."""
    from order_ops.jobs.days import parquet, reconcile  # noqa: PLC0415 - dataframes
    from order_ops.jobs.days.report import write_report  # noqa: PLC0415 - plots

    account_day = AccountDay.parse(context.partition_key)

    def reconciled(running: Running) -> "DayResult":
        return reconcile.reconcile_day(
            running.pool,
            order_ops.mapping,
            order_ops.rules(),
            account_day,
            context.run.run_id,
            engine=order_ops.settings.engine,
            dry_run=config.dry_run,
        )

    if config.dry_run:
        _observe(
            context, performed(context, order_ops, RECONCILE_PAYMENTS, reconciled, dry_run=True)
        )
        return

    def work(running: Running) -> "tuple[DayResult, Path, int]":
        day = reconciled(running)
        page = write_report(running.pool, order_ops.settings.home, day)
        root = parquet.root_of(order_ops.settings)
        parquet.write_day(running.pool, root, account_day)
        return day, page, parquet.mend(running.pool, root, account_day.account)

    done = performed(context, order_ops, RECONCILE_PAYMENTS, work)
    if done is None:
        return
    day, report, unwritten = done
    uneven = reconcile.uneven_matches(order_ops.pool, account_day.account)
    yield from chosen(
        context, (_matches(day, uneven, unwritten), _breaks(day, str(report)), _bridge(day))
    )


def _observe(context: dg.AssetExecutionContext, done: "DayResult | None") -> None:
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


def _inputs(inputs: "Inputs | None") -> Iterator["dg.MaterializeResult[None]"]:
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


def _matches(done: "DayResult", uneven: int, unwritten: int) -> "dg.MaterializeResult[None]":
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


def _breaks(done: "DayResult", report: str) -> "dg.MaterializeResult[None]":
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


def _bridge(done: "DayResult") -> "dg.MaterializeResult[None]":
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
