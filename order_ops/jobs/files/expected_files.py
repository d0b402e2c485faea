"""Which files of an account are missing on a day: what the mapping expects against what is stored.

A file of a day is due at a time that the mapping says; when that has passed by the end of the day
being closed, and no file speaks of its day, the input is incomplete. How gaps are found belongs in
`reconciliation.incomplete` and `bank_ledger`.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from order_ops.mapping import Account
from order_ops.mapping.accounts import Expected
from order_ops.reconciliation.bank_ledger import (
    Ledger,
    Statement,
    missing_statements,
    unmet_balances,
)
from order_ops.reconciliation.calendars import BusinessDays
from order_ops.reconciliation.incomplete import File, Gap, missing_days, missing_numbers
from order_ops.store.engine import Connection
from order_ops.store.queries import files


def gaps(conn: Connection, account: Account, day: date, business: BusinessDays) -> list[Gap]:
    """What the input of a day is known to lack."""
    if not account.expects:
        return []
    stored = [*files.standing_files(conn, account=account.name)]
    found: list[Gap] = []
    to = f"FILE --account {account.name}"
    for what, of_bank, source, hint in (
        (
            "provider file",
            False,
            account.files,
            f"fetch it and run order-ops ingest {to} (with --covers DAY where it has no line)",
        ),
        (
            "bank statement",
            True,
            account.bank,
            f"get it from the bank and run order-ops bank upload {to}",
        ),
    ):
        expected = None if source is None else source.expected
        if expected is None:
            continue
        since = expected.since or account.first_day
        there = [
            File(row.name, frozenset(row.days), row.numbers)
            for row in stored
            if row.of_bank == of_bank and max(row.days, default=since) >= since
        ]
        wanted = _due(account, expected, day, business)
        found += missing_days(what, wanted, there, hint)
        found += missing_numbers(what, there, day, hint)
        if of_bank:
            ledgers = _ledgers(conn, account, day)
            of_ledgers = [*missing_statements(ledgers, hint), *unmet_balances(ledgers, hint)]
            found += [gap for gap in of_ledgers if gap.since >= since]
    return found


def _due(
    account: Account, expected: Expected, closing: date, business: BusinessDays
) -> Sequence[date]:
    """Days whose file must be there at the end of the day being closed."""
    if expected.every is None:
        return []
    end = account.day_bounds(closing)[1]
    zone = ZoneInfo(account.time_zone)
    since = expected.since or account.first_day
    days = [since + timedelta(days=n) for n in range((closing - since).days + 1)]

    def is_due(day: date) -> bool:
        last = business.after(day + timedelta(days=1), expected.grace_days)
        return datetime.combine(last, expected.by, zone) <= end

    return [day for day in days if (expected.every == "day" or business.has(day)) and is_due(day)]


def _ledgers(conn: Connection, account: Account, day: date) -> list[Ledger]:
    """Statements up to a day, by bank account and currency, with what was booked."""
    at = {"account": account.name, "day": day}
    names = [name.name for name in fields(Statement)]
    statements: dict[tuple[str, str], list[Statement]] = {}
    for row in files.standing_statements(conn, **at):
        told = Statement(*(getattr(row, name) for name in names))
        statements.setdefault((row.bank_account, row.currency), []).append(told)
    booked: dict[tuple[str, str], dict[date, int]] = {}
    for row in files.booked_by_day(conn, **at):
        booked.setdefault((row.bank_account, row.currency), {})[row.counted_on] = row.amount_minor
    return [
        Ledger(currency, told, booked.get((of, currency), {}))
        for (of, currency), told in statements.items()
    ]
