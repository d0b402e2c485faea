"""What stands of a day before a run replaces it, and the record of what the run changed.

A day that had results may have been read, exported and decided upon. Whoever did so finds in
`recon.changes` what a later run made of it: written in the transaction of the run itself, and
nothing when the same stands. Comparing is `reconciliation.difference`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.reconciliation.difference import COMPARED, difference
from order_ops.store import results
from order_ops.store.engine import Connection
from order_ops.store.queries import recon

Tables = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Standing:
    """The results of the latest run of a day."""

    run_id: str
    verdict: str
    tables: Tables


def standing(conn: Connection, account_day: AccountDay, like: Tables) -> Standing | None:
    """What stands of a day, each table with the columns of `like`; none: no run of it yet."""
    at = {"account": account_day.account, "day": account_day.day}
    if (run := recon.standing_run(conn, **at)) is None:
        return None
    tables = {name: results.read(conn, name, at, like[name].schema) for name in COMPARED}
    return Standing(run.run_id, run.verdict, tables)


def record(
    conn: Connection,
    account_day: AccountDay,
    run_id: str,
    verdict: str,
    stood: Standing | None,
    tables: Tables,
) -> pl.DataFrame:
    """Compare what stands with what stood, and record what a published day changed by.

    Returns:
        The difference; of a first run all that appeared, which is no change of anything.
    """
    before = stood.tables if stood else {name: tables[name].clear() for name in COMPARED}
    told: pl.DataFrame = difference(before, tables)
    if stood is not None:
        recon.add_changes(
            conn,
            account=account_day.account,
            day=account_day.day,
            run_id=run_id,
            previous_run_id=stood.run_id,
            verdict_from=stood.verdict,
            verdict_to=verdict,
            **told.to_dict(as_series=False),
        )
    return told


def record_withdrawn(conn: Connection, run_id: str, matches: Iterable[Any]) -> None:
    """Matches of other days whose entries belong to the day of this run."""
    if gone := list(matches):
        names = ("account", "day", "match_id", "rule", "currency", "provider_minor")
        columns = {name: [getattr(match, name) for match in gone] for name in names}
        recon.add_withdrawn(conn, run_id=run_id, **columns)
        recon.forget_parquet(conn, account=columns["account"], day=columns["day"])
