"""The reconciliation assets: inputs of both sides, then matches, breaks and bridge together.

Matches, breaks and bridge are one result, written in one transaction: one
asset definition, with its checks. Each
partition is an accounting day of a provider account.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from order_ops.jobs.catalogue import RECONCILE_PAYMENTS
from order_ops.jobs.reconciliation_days import AccountDay
from order_ops.jobs.runtime import Running
from order_ops.orchestration.assets.chosen import chosen
from order_ops.orchestration.partitions import account_days
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps

if TYPE_CHECKING:
    from order_ops.jobs.reconcile import DayResult, Inputs

GROUP = "reconciliation"
OWNERS = ["team:finance-operations"]


@dg.asset(
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
    from order_ops.jobs.reconcile import read_provider  # noqa: PLC0415 - dataframes

    def work(running: Running) -> "Inputs":
        return read_provider(running.pool, AccountDay.parse(context.partition_key))

    yield from _inputs(performed(context, order_ops, RECONCILE_PAYMENTS, work, once=False))


@dg.asset(
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
    from order_ops.jobs.reconcile import snapshot_internal  # noqa: PLC0415 - dataframes

    def work(running: Running) -> "Inputs":
        account_day = AccountDay.parse(context.partition_key)
        return snapshot_internal(running.pool, order_ops.mapping, account_day)

    yield from _inputs(performed(context, order_ops, RECONCILE_PAYMENTS, work, once=False))


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
            description="Each match has one entry on each side, on every day of the account.",
        ),
    ],
)
def reconcile_payments(
    context: dg.AssetExecutionContext, order_ops: OrderOps
) -> Iterator["dg.MaterializeResult[None]"]:
    """Reconcile the partition; see `order_ops.jobs.reconcile`."""
    from order_ops.jobs import reconcile  # noqa: PLC0415 - dataframes
    from order_ops.jobs.report import write_report  # noqa: PLC0415 - plots

    account_day = AccountDay.parse(context.partition_key)

    def work(running: Running) -> "tuple[DayResult, Path]":
        run_id = context.run.run_id
        mapping, rules = order_ops.mapping, order_ops.rules()
        day = reconcile.reconcile_day(running.pool, mapping, rules, account_day, run_id)
        return day, write_report(running.pool, order_ops.settings.home, day)

    done = performed(context, order_ops, RECONCILE_PAYMENTS, work)
    if done is None:
        return
    day, report = done
    uneven = reconcile.uneven_matches(order_ops.pool, account_day.account)
    yield from chosen(context, (_matches(day, uneven), _breaks(day, str(report)), _bridge(day)))


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


def _matches(done: "DayResult", uneven: int) -> "dg.MaterializeResult[None]":
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
        check_results=[check],
    )


def _breaks(done: "DayResult", report: str) -> "dg.MaterializeResult[None]":
    from order_ops.reconciliation.summary import money_sentence  # noqa: PLC0415 - dataframes

    return dg.MaterializeResult(
        asset_key="reconciliation_breaks",
        metadata={
            "dagster/row_count": done.result.breaks.height,
            "at_stake": dg.MetadataValue.md(money_sentence(done.summary["breaks"])),
            "breaks": done.summary["breaks"],
            "proposals": done.result.proposals.height,
            "pending": done.summary["pending"],
            "report": dg.MetadataValue.path(report),
        },
    )


def _bridge(done: "DayResult") -> "dg.MaterializeResult[None]":
    from order_ops.jobs.report import bridge_markdown  # noqa: PLC0415 - plots

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
        },
        check_results=[check],
    )
