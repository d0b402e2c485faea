"""Fetching days of accounts from the API of their provider."""

from datetime import UTC, date, datetime

import dagster as dg

from order_ops.domain.failures import FailureKind
from order_ops.jobs.catalogue import FETCH_TRANSACTIONS
from order_ops.jobs.files.fetched_days import Fetched, FetchError, days_between, due, fetch_days
from order_ops.jobs.running.runtime import Running
from order_ops.mapping import Account
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps


class FetchConfig(dg.Config):
    """Which days, such as 2026-03-01, of which account; none: all that are due of every account.

    With `to`, from `day` to that day.
    """

    account: str = ""
    day: str = ""
    to: str = ""


@dg.op(pool=FETCH_TRANSACTIONS.pool, description=FETCH_TRANSACTIONS.what)
def fetch_transactions(
    context: dg.OpExecutionContext, config: FetchConfig, order_ops: OrderOps
) -> None:
    """See `order_ops.jobs.files.fetched_days`."""

    def work(running: Running) -> list[Fetched]:
        wanted = _wanted(running, order_ops, config)
        context.log.info("%d days are fetched", len(wanted))
        return list(fetch_days(running.pool, order_ops.settings, wanted))

    done = performed(context, order_ops, FETCH_TRANSACTIONS, work) or []
    rows = "\n".join(
        f"| {one.account} | {one.day} | {one.ingested.name} | {one.ingested.lines} | "
        f"{sum(one.ingested.new_by_day.values())} |"
        for one in done
    )
    table = f"| account | day | file | lines | new |\n|---|---|---|---|---|\n{rows}"
    context.add_output_metadata({"days": len(done), "files": dg.MetadataValue.md(table)})


def _wanted(
    running: Running, order_ops: OrderOps, config: FetchConfig
) -> list[tuple[Account, date]]:
    now = datetime.now(UTC)
    if not config.account:
        return due(running.pool, order_ops.mapping, now)
    account = order_ops.mapping.account(config.account)
    try:
        first, last = (date.fromisoformat(day) for day in (config.day, config.to or config.day))
    except ValueError:
        told = f"day {config.day!r}, to {config.to!r}: say days such as 2026-03-01"
        raise FetchError(told, FailureKind.PERMANENT) from None
    return [(account, day) for day in days_between(account, first, last, now)]
