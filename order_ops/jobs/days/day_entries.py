"""The entries of an accounting day as the tables have them: of the day, and carried to it.

Reading alone; what they come to is worked out in `reconciliation`, and stored by `reconcile`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

import polars as pl
from psycopg import sql

from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.jobs.files.bank_statements import recognised
from order_ops.mapping import Account
from order_ops.reconciliation import frames
from order_ops.reconciliation.bank import BankSide
from order_ops.reconciliation.day import Entries
from order_ops.reconciliation.result import Reconciliation
from order_ops.store import frames as stored
from order_ops.store.engine import Connection
from order_ops.store.queries import recon

_POLARS = {
    "amount_minor": pl.Int64(),
    "ceiling_minor": pl.Int64(),
    "settled_minor": pl.Int64(),
    "fee_minor": pl.Int64(),
    "net_minor": pl.Int64(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "day": pl.Date(),
    "available_on": pl.Date(),
    "known": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class DayEntries:
    """What a day is reconciled from.

    Attributes:
        internal: our entries of the day, columns `frames.INTERNAL`.
        provider: the provider's lines of the day, columns `frames.PROVIDER`.
        bank: lines of the bank, columns `frames.BANK`.
        carried: what the day before left open, by the side that `carry` names.
    """

    internal: pl.DataFrame
    provider: pl.DataFrame
    bank: pl.DataFrame
    carried: Mapping[str, pl.DataFrame]

    def of_core(self, *, bank: bool, shared: bool) -> Entries:
        """As the core takes them.

        Args:
            bank: whether the account's bank is known, and looked into.
            shared: other accounts are paid out to the same bank account.
        """
        side = BankSide(self.bank, self.carried["bank"], self.carried["payout"], shared)
        return Entries(
            self.internal,
            self.provider,
            **{f"carried_{name}": self.carried[name] for name in _OF_PAYMENTS},
            bank=side if bank else None,
        )

    @property
    def sha256(self) -> str:
        """Hash of all of them."""
        return hashed(self.internal, self.provider, self.bank, *self.carried.values())

    def carry_hash(self, result: Reconciliation) -> str:
        """Of what is carried on, and of what it was taken for: one that changes is news."""
        carry: pl.DataFrame = result.carry_out
        taken_for = result.break_members.join(
            result.breaks.select("break_id", "class"), on="break_id"
        ).select("side", "entry_id", "class")
        told = carry.join(taken_for, on=["side", "entry_id"], how="left")
        today = {"internal": self.internal, "bank": self.bank}
        return hashed(
            *(
                pl.concat([entries, today.get(side, self.provider)]).join(
                    told.filter(pl.col("side") == side).drop("side"), on="entry_id"
                )
                for side, entries in self.carried.items()
            )
        )


_OF_PAYMENTS = ("internal", "provider", "settlement")
_OF_PROVIDER = ("provider", "settlement", "payout")


def read(
    conn: Connection, account: Account, account_day: AccountDay, previous: date | None
) -> DayEntries:
    """Read the entries of a day, and those that the run of an earlier one left open."""
    at = {"account": account_day.account, "day": account_day.day}
    before = {**at, "previous": previous}
    theirs = {
        side: _provider_lines(conn, recon.carried_provider, {**before, "side": side})
        for side in _OF_PROVIDER
    }
    return DayEntries(
        internal=internal_entries(conn, account_day),
        provider=provider_lines(conn, account_day),
        bank=_bank_lines(conn, account, recon.day_bank, at),
        carried={
            "internal": _frame(conn, recon.carried_internal, before, frames.INTERNAL),
            **theirs,
            "bank": _bank_lines(conn, account, recon.carried_bank, before),
        },
    )


def internal_entries(conn: Connection, account_day: AccountDay) -> pl.DataFrame:
    """Ours of a day, columns `frames.INTERNAL`."""
    at = {"account": account_day.account, "day": account_day.day}
    return _frame(conn, recon.day_internal, at, frames.INTERNAL)


def provider_lines(conn: Connection, account_day: AccountDay) -> pl.DataFrame:
    """The provider's lines of a day, columns `frames.PROVIDER`."""
    at = {"account": account_day.account, "day": account_day.day}
    return _provider_lines(conn, recon.day_provider, at)


def _provider_lines(conn: Connection, query: Any, at: Mapping[str, Any]) -> pl.DataFrame:
    """Those of a release that knew less of a line have settled as paid."""
    return _frame(conn, query, at, frames.PROVIDER).with_columns(
        pl.col("status").fill_null("succeeded"),
        pl.col("settled_minor").fill_null(pl.col("amount_minor")),
        pl.col("settlement_currency").fill_null(pl.col("currency")),
    )


def _bank_lines(
    conn: Connection, account: Account, query: Any, at: Mapping[str, Any]
) -> pl.DataFrame:
    """Lines of the bank, with what they are recognised by."""
    columns = [name for name in (*frames.BANK, "party") if name != "known"]
    return recognised(account, _frame(conn, query, at, columns)).select(list(frames.BANK))


def _frame(
    conn: Connection, query: Any, at: Mapping[str, Any], columns: Iterable[str]
) -> pl.DataFrame:
    """What a query of `store/sql` selects."""
    schema = {name: _POLARS.get(name, pl.String()) for name in columns}
    return stored.read(conn, sql.SQL(query.sql.rstrip().rstrip(";")), schema, at)


def hashed(*parts: pl.DataFrame) -> str:
    """Hash of entries, in any order of them."""
    digest = sha256()
    for part in parts:
        digest.update(part.sort("entry_id").write_csv().encode())
    return digest.hexdigest()
