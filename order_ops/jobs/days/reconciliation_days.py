"""Which accounting days are to be reconciled: marked when something about them is new.

A day is due when it is closed and has news that no run has taken in. Asking
for one is recorded, so that a lost run is asked for again and a failing one
not for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from order_ops.domain.orders import Order
from order_ops.mapping import Mapping, MappingError
from order_ops.store.engine import Connection
from order_ops.store.queries import recon

ASK_AGAIN_S = 600
REQUESTS = 5
CATCH_UP = timedelta(days=7)


@dataclass(frozen=True, slots=True, order=True)
class AccountDay:
    """A partition: an accounting day of a provider account."""

    day: date
    account: str

    @property
    def key(self) -> str:
        """Dagster's partition key: account|day."""
        return f"{self.account}|{self.day.isoformat()}"

    @classmethod
    def parse(cls, key: str) -> "AccountDay":
        """From `account|2026-01-31`."""
        account, _, day = key.partition("|")
        found = cls(date.fromisoformat(day), account)
        if found.key != key:  # fromisoformat also reads 20260131 and 2026-W05-6
            raise ValueError(f"{key!r} is not written like account|2026-01-31")
        return found


@dataclass(frozen=True, slots=True)
class DueDay:
    """A day to be reconciled; `request_key` is new each time it is asked for."""

    account_day: AccountDay
    request_key: str


def mark(conn: Connection, days: set[AccountDay]) -> None:
    """Something about these days is new."""
    if days:
        ordered = sorted(days)
        recon.mark_days(conn, account=[d.account for d in ordered], day=[d.day for d in ordered])


def mark_changed(conn: Connection, mapping: Mapping, orders: Sequence[Order]) -> None:
    """The days that the payments, refunds and disputes of changed orders fall on have news."""
    accounts = {account.name: account for account in mapping.accounts}
    days = set()
    for order in orders:
        moments = [(p.account, p.succeeded_at) for p in order.payments.values()]
        moments += [(r.account, r.settled_at) for r in order.refunds.values()]
        moments += [(d.account, d.opened_at) for d in order.disputes.values()]
        moments += [(d.account, d.closed_at) for d in order.disputes.values() if d.closed_at]
        for name, moment in moments:
            if name in accounts:
                day = accounts[name].accounting_day(moment or order.created_at)
                days.add(AccountDay(day, name))
    mark(conn, days)


def take_due(conn: Connection, mapping: Mapping, now: datetime, *, days: int = 50) -> list[DueDay]:
    """Closed days with news, oldest first, recorded as asked for."""
    rows = list(
        recon.due_days(
            conn,
            account=[account.name for account in mapping.accounts],
            first_day=[account.first_day for account in mapping.accounts],
            last_closed=[account.last_closed_day(now) for account in mapping.accounts],
            again_s=ASK_AGAIN_S,
            requests=REQUESTS,
            days=days,
        )
    )
    recon.mark_requested(conn, account=[r.account for r in rows], day=[r.day for r in rows])
    return [_due(row) for row in rows]


def _due(row: Any) -> DueDay:
    account_day = AccountDay(row.day, row.account)
    return DueDay(account_day, f"{account_day.key}:{row.generation}.{row.requests}")


def open_closed_days(conn: Connection, mapping: Mapping, now: datetime) -> None:
    """The last week's closed days of every account exist, whatever happened on them."""
    accounts = mapping.accounts
    closed = [account.last_closed_day(now) for account in accounts]
    first = [
        max(account.first_day, last - CATCH_UP)
        for account, last in zip(accounts, closed, strict=True)
    ]
    recon.open_days(
        conn,
        account=[account.name for account in accounts],
        first_day=first,
        last_closed=closed,
    )


def parse_partition(key: str, mapping: Mapping) -> AccountDay:
    """A partition key of this mapping.

    Raises:
        MappingError: not `account|YYYY-MM-DD` of an account there is.
    """
    try:
        found = AccountDay.parse(key)
    except ValueError as error:
        raise MappingError(f"{key!r} is not a partition; say account|2026-01-31") from error
    mapping.account(found.account)
    return found
