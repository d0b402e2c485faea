"""Reconciling one accounting day of one provider account, from the tables and into them.

Days of an account run one after another (a lock of the database). A day takes
in what the latest earlier run carried out, replaces what it wrote before, and
writes matches, breaks, bridge, carry-out and verdict in one transaction. When
what it carries out changed, the next day that had used it is due again, so that
any order of files and backfills comes to the same tables.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl
from sqlalchemy import Engine

from order_ops.jobs.breaks import decisions
from order_ops.jobs.days import day_entries, internal_source, published, reconciliation_days
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.jobs.files import expected_files
from order_ops.mapping import Mapping
from order_ops.reconciliation import frames
from order_ops.reconciliation.breaks import Repeats
from order_ops.reconciliation.calendars import BusinessDays
from order_ops.reconciliation.closing import Side
from order_ops.reconciliation.day import Day
from order_ops.reconciliation.decided import told_breaks
from order_ops.reconciliation.engines import Engine as FrameEngine
from order_ops.reconciliation.on_engine import reconcile_on
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import Rules
from order_ops.reconciliation.summary import Summary, summarise
from order_ops.store import results
from order_ops.store.engine import Connection, rehearsal, transaction
from order_ops.store.queries import recon


@dataclass(frozen=True, slots=True)
class Inputs:
    """One side's entries of a day: counts and sums (minor units) by currency, and a hash."""

    entries: int
    amount_minor: dict[str, int]
    sha256: str


@dataclass(frozen=True, slots=True)
class DayResult:
    """What a day came to; frames as in `reconciliation.result`.

    Attributes:
        stood: what an earlier run had brought; none: it was the first.
        difference: to what stood before, columns `reconciliation.difference.DIFFERENCE`.
    """

    account_day: AccountDay
    result: Reconciliation
    input_hash: str
    summary: Summary
    stood: published.Standing | None = None
    difference: pl.DataFrame = field(default_factory=pl.DataFrame)


def snapshot_internal(pool: Engine, mapping: Mapping, account_day: AccountDay) -> Inputs:
    """Take the internal side of a day as it is now into recon.internal_transactions."""
    with transaction(pool) as conn:
        return _snapshot(conn, mapping, account_day)


def _snapshot(conn: Connection, mapping: Mapping, account_day: AccountDay) -> Inputs:
    at = {"account": account_day.account, "day": account_day.day}
    recon.lock_account(conn, account=account_day.account)
    recon.note_snapshot(conn, **at)
    rows = internal_source.read(conn, mapping, account_day)
    moved = recon.forget_moved(conn, **at, entry_ids=rows["entry_id"].to_list())
    left = {AccountDay(row.day, account_day.account) for row in moved}
    reconciliation_days.mark(conn, left)
    results.replace(conn, "internal_transactions", at, rows)
    return _inputs(rows.with_columns(day=pl.lit(account_day.day)).select(list(frames.INTERNAL)))


def read_provider(pool: Engine, account_day: AccountDay) -> Inputs:
    """The provider's side of a day, as the files have brought it so far."""
    with transaction(pool) as conn:
        return _inputs(day_entries.provider_lines(conn, account_day))


def reconcile_day(
    pool: Engine,
    mapping: Mapping,
    rules: Rules,
    account_day: AccountDay,
    run_id: str,
    *,
    engine: FrameEngine = "polars",
    dry_run: bool = False,
) -> DayResult:
    """Reconcile a day and store what it comes to.

    A dry run does the same, our own side read anew, and takes all of it back: nothing stays but
    what it would have changed.

    Raises:
        FrameError: an entry of the internal source breaks the contract of its columns.
    """
    account = mapping.account(account_day.account)
    at = {"account": account_day.account, "day": account_day.day}
    with (rehearsal if dry_run else transaction)(pool) as conn:
        recon.lock_account(conn, account=account.name)
        recon.outlast_work(conn)
        if dry_run:
            _snapshot(conn, mapping, account_day)
        previous = recon.previous_run(conn, **at)
        entries = day_entries.read(conn, account, account_day, previous.day if previous else None)
        gaps = expected_files.gaps(conn, account, account_day.day, BusinessDays(rules.calendar))
        held = decisions.read(conn, account_day)
        result = reconcile_on(
            engine,
            Day(account_day.day, account.name, account.tenant, rules, account.provider, gaps=gaps),
            entries.of_core(bank=bool(account.bank), shared=mapping.shares_bank(account)),
            _repeats(conn, at),
            decisions=held.decisions,
        )
        done = DayResult(account_day, result, entries.sha256, summarise(result))
        carried = (previous.carry_out_hash if previous else "", entries.carry_hash(result))
        return _store(conn, done, carried, run_id, held)


def _store(
    conn: Connection,
    done: DayResult,
    carried: tuple[str, str],
    run_id: str,
    held: decisions.Held,
) -> DayResult:
    """Write the tables of a day, and what they change of those that stood.

    `carried`: hashes of what was carried in, and of what is carried on.
    """
    carry_in, carry_out = carried
    at = {"account": done.account_day.account, "day": done.account_day.day}
    tables = _tables(done.result)
    stood = published.standing(conn, done.account_day, tables)
    members = done.result.match_members
    taken = recon.withdraw_other_claims(
        conn, **at, side=members["side"].to_list(), entry_id=members["entry_id"].to_list()
    )
    published.record_withdrawn(conn, run_id, taken)
    for table, frame in tables.items():
        results.replace(conn, table, at, frame)
    recon.save_run(
        conn,
        **at,
        run_id=run_id,
        verdict=done.result.verdict,
        summary=json.dumps(done.summary),
        rules_hash=done.result.rules_hash,
        input_hash=done.input_hash,
        carry_in_hash=carry_in,
        carry_out_hash=carry_out,
        decisions_hash=held.sha256,
        decided_through=held.through,
    )
    recon.mark_done(conn, **at)
    recon.stale_days(conn, **at, carry_out_hash=carry_out)
    told = published.record(conn, done.account_day, run_id, done.result.verdict, stood, tables)
    return replace(done, stood=stood, difference=told)


def _tables(result: Reconciliation) -> dict[str, pl.DataFrame]:
    return {
        "payment_matches": result.matches.drop("day"),
        "match_members": result.match_members,
        "reconciliation_breaks": result.breaks,
        "break_members": result.break_members,
        "match_proposals": result.proposals,
        "proposal_members": result.proposal_members,
        "reconciliation_bridge": pl.concat([result.bridge, result.payouts, result.bank]),
        "carry": result.carry_out,
        "told_breaks": told_breaks(result.breaks, result.told_members),
    }


def uneven_matches(pool: Engine, account_day: AccountDay) -> int:
    """Matches of a day without one entry against one or several; 0 is right."""
    with transaction(pool) as conn:
        return int(recon.uneven_matches(conn, account=account_day.account, day=account_day.day))


def _inputs(frame: pl.DataFrame) -> Inputs:
    sums = frame.group_by("currency").agg(pl.col("amount_minor").sum()).sort("currency")
    return Inputs(frame.height, dict(sums.iter_rows()), day_entries.hashed(frame))


def _repeats(conn: Connection, at: dict[str, Any]) -> Repeats:
    """Asks which entries repeat what an earlier day has matched."""

    def ask(side: Side, entry_ids: Sequence[str]) -> set[str]:
        if not entry_ids:
            return set()
        query = recon.repeated_internal if side == "internal" else recon.repeated_provider
        return {row.entry_id for row in query(conn, **at, entry_ids=list(entry_ids))}

    return ask
