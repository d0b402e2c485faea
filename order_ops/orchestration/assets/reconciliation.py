"""The reconciliation assets: inputs of both sides, then matches, breaks and bridge together.

Matches, breaks and bridge are one result, written in one transaction: one
asset definition, with its checks. Each partition is an accounting day of a
provider account. What is shown of a run beside the assets is in `shown`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from order_ops.jobs.catalogue import RECONCILE_PAYMENTS
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.jobs.running.runtime import Running
from order_ops.orchestration.assets import shown
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

    yield from shown.inputs(performed(context, order_ops, RECONCILE_PAYMENTS, work, once=False))


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

    yield from shown.inputs(performed(context, order_ops, RECONCILE_PAYMENTS, work, once=False))


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
        shown.observe(
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
    uneven = reconcile.uneven_matches(order_ops.pool, account_day)
    yield from chosen(
        context,
        (shown.matches(day, uneven, unwritten), shown.breaks(day, str(report)), shown.bridge(day)),
    )
