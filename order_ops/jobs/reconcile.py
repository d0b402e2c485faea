"""Reconciling one accounting day of one provider account, from the tables and into them.

Days of an account run one after another (a lock of the database). A day takes
in what the latest earlier run carried out, replaces what it wrote before, and
writes matches, breaks, bridge, carry-out and verdict in one transaction. When
what it carries out changed, the next day that had used it is due again, so that
any order of files and backfills comes to the same tables.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import polars as pl
from sqlalchemy import Engine

from order_ops.jobs import internal_source, reconciliation_days
from order_ops.jobs.reconciliation_days import AccountDay
from order_ops.mapping import Mapping
from order_ops.reconciliation import frames
from order_ops.reconciliation.breaks import Repeats
from order_ops.reconciliation.closing import Side
from order_ops.reconciliation.core import Day, reconcile
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import Rules
from order_ops.reconciliation.summary import Summary, summarise
from order_ops.store import results
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import recon

_INTERNAL = (
    "entry_id", "tenant_id", "kind", "provider_ref", "order_ref", "amount_minor", "currency",
    "status", "order_state", "occurred_at", "method", "ceiling_minor",
)  # fmt: skip
_POLARS = {
    "amount_minor": pl.Int64(),
    "ceiling_minor": pl.Int64(),
    "settled_minor": pl.Int64(),
    "fee_minor": pl.Int64(),
    "net_minor": pl.Int64(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "day": pl.Date(),
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """One side's entries of a day: counts and sums (minor units) by currency, and a hash."""

    entries: int
    amount_minor: dict[str, int]
    sha256: str


@dataclass(frozen=True, slots=True)
class DayResult:
    """What a day came to; frames as in `reconciliation.result`."""

    account_day: AccountDay
    result: Reconciliation
    input_hash: str
    summary: Summary


def snapshot_internal(pool: Engine, mapping: Mapping, account_day: AccountDay) -> Inputs:
    """Take the internal side of a day as it is now into recon.internal_transactions."""
    at = {"account": account_day.account, "day": account_day.day}
    with transaction(pool) as conn:
        recon.lock_account(conn, account=account_day.account)
        recon.note_snapshot(conn, **at)
        rows = internal_source.read(conn, mapping, account_day)
        moved = recon.forget_moved(conn, **at, entry_ids=[row["entry_id"] for row in rows])
        left = {AccountDay(row.day, account_day.account) for row in moved}
        reconciliation_days.mark(conn, left)
        picked = ([row[name] for name in _INTERNAL] for row in rows)
        results.replace(conn, "internal_transactions", at, _INTERNAL, picked)
        return _inputs(_ours(recon.day_internal(conn, **at)))


def read_provider(pool: Engine, account_day: AccountDay) -> Inputs:
    """The provider's side of a day, as the files have brought it so far."""
    at = {"account": account_day.account, "day": account_day.day}
    with transaction(pool) as conn:
        return _inputs(_theirs(recon.day_provider(conn, **at)))


def reconcile_day(
    pool: Engine, mapping: Mapping, rules: Rules, account_day: AccountDay, run_id: str
) -> DayResult:
    """Reconcile a day and store what it comes to.

    Raises:
        FrameError: an entry of the internal source breaks the contract of its columns.
    """
    account = mapping.account(account_day.account)
    at = {"account": account_day.account, "day": account_day.day}
    with transaction(pool) as conn:
        recon.lock_account(conn, account=account.name)
        previous = recon.previous_run(conn, **at)
        before = {**at, "previous": previous.day if previous else None}
        internal = _ours(recon.day_internal(conn, **at))
        provider = _theirs(recon.day_provider(conn, **at))
        carried_internal = _ours(recon.carried_internal(conn, **before))
        carried_provider = _theirs(recon.carried_provider(conn, **before))
        day = Day(account_day.day, account.name, account.tenant, rules, account.provider)
        result = reconcile(
            day, internal, provider, carried_internal, carried_provider, _repeats(conn, at)
        )
        done = DayResult(
            account_day,
            result,
            _hash(internal, provider, carried_internal, carried_provider),
            summarise(result),
        )
        carried = [pl.concat([carried_internal, internal]), pl.concat([carried_provider, provider])]
        carry_in = previous.carry_out_hash if previous else ""
        _store(conn, done, carry_in, _carry_hash(result, carried), run_id)
    return done


def _store(conn: Connection, done: DayResult, carry_in: str, carry_out: str, run_id: str) -> None:
    at = {"account": done.account_day.account, "day": done.account_day.day}
    members = done.result.match_members
    recon.withdraw_other_claims(
        conn, **at, side=members["side"].to_list(), entry_id=members["entry_id"].to_list()
    )
    recon.forget_orphaned_matches(conn, **at)
    for table, frame in _tables(done.result).items():
        results.replace(conn, table, at, frame.columns, frame.iter_rows())
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
    )
    recon.mark_done(conn, **at)
    recon.stale_days(conn, **at, carry_out_hash=carry_out)


def _tables(result: Reconciliation) -> dict[str, pl.DataFrame]:
    return {
        "payment_matches": result.matches.drop("day"),
        "match_members": result.match_members,
        "reconciliation_breaks": result.breaks,
        "break_members": result.break_members,
        "match_proposals": result.proposals,
        "proposal_members": result.proposal_members,
        "reconciliation_bridge": result.bridge,
        "carry": result.carry_out,
    }


def uneven_matches(pool: Engine, account: str) -> int:
    """Matches of an account without exactly one entry a side, over all its days; 0 is right."""
    with transaction(pool) as conn:
        return int(recon.uneven_matches(conn, account=account))


def _ours(rows: Iterable[Any]) -> pl.DataFrame:
    return _frame(rows, frames.INTERNAL)


def _theirs(rows: Iterable[Any]) -> pl.DataFrame:
    """The provider's lines; those of a release that knew less of a line have settled as paid."""
    return _frame(rows, frames.PROVIDER).with_columns(
        pl.col("status").fill_null("succeeded"),
        pl.col("settled_minor").fill_null(pl.col("amount_minor")),
        pl.col("settlement_currency").fill_null(pl.col("currency")),
    )


def _frame(rows: Iterable[Any], contract: Any) -> pl.DataFrame:
    schema = {name: _POLARS.get(name, pl.String()) for name in contract}
    cells = [[getattr(row, name) for name in schema] for row in rows]
    return pl.DataFrame(cells, schema, orient="row")


def _inputs(frame: pl.DataFrame) -> Inputs:
    sums = frame.group_by("currency").agg(pl.col("amount_minor").sum()).sort("currency")
    return Inputs(frame.height, dict(sums.iter_rows()), _hash(frame))


def _hash(*parts: pl.DataFrame) -> str:
    digest = sha256()
    for part in parts:
        digest.update(part.sort("entry_id").write_csv().encode())
    return digest.hexdigest()


def _carry_hash(result: Reconciliation, sides: Sequence[pl.DataFrame]) -> str:
    """Of what is carried, and of what it was taken for: a carried entry that changes is news."""
    carry: pl.DataFrame = result.carry_out
    taken_for = result.break_members.join(
        result.breaks.select("break_id", "class"), on="break_id"
    ).select("side", "entry_id", "class")
    told = carry.join(taken_for, on=["side", "entry_id"], how="left")
    return _hash(
        *(
            entries.join(told.filter(pl.col("side") == side).drop("side"), on="entry_id")
            for side, entries in zip(("internal", "provider"), sides, strict=True)
        )
    )


def _repeats(conn: Connection, at: dict[str, Any]) -> Repeats:
    """Asks which entries repeat what an earlier day has matched."""

    def ask(side: Side, entry_ids: Sequence[str]) -> set[str]:
        if not entry_ids:
            return set()
        query = recon.repeated_internal if side == "internal" else recon.repeated_provider
        return {row.entry_id for row in query(conn, **at, entry_ids=list(entry_ids))}

    return ask
