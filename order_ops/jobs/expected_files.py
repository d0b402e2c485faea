"""Which files of an account are missing on a day: what the mapping expects against what is stored.

A file of a day is due at a time that the mapping says; when that has passed by the end of the day
being closed, and no file speaks of its day, the input is incomplete. How gaps are found belongs in
`reconciliation.incomplete`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from order_ops.mapping import Account
from order_ops.mapping.accounts import Expected
from order_ops.reconciliation.calendars import BusinessDays
from order_ops.reconciliation.incomplete import (
    File,
    Gap,
    Statement,
    missing_days,
    missing_numbers,
    missing_statements,
)
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
            File(row.name, row.first_day, row.last_day, row.sequence)
            for row in stored
            if row.of_bank == of_bank and (row.last_day is None or row.last_day >= since)
        ]
        wanted = _due(account, expected, day, business)
        found += missing_days(what, wanted, there, hint)
        found += missing_numbers(what, there, day, hint)
        if of_bank:
            found += missing_statements(_statements(conn, account, since), day, hint)
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


def _statements(conn: Connection, account: Account, since: date) -> list[Statement]:
    return [
        Statement(
            row.bank_account,
            row.statement_id,
            row.sequence,
            row.page,
            row.currency,
            row.opening_minor,
            row.closing_minor,
            row.closing_on,
        )
        for row in files.standing_statements(conn, account=account.name, since=since)
    ]
