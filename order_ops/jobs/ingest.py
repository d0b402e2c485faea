"""Taking in a provider file: read whole, or refused whole.

A file is known by its hash, a line by account and the provider's line id: the
same file again changes nothing, a later file may repeat lines and add some. A
line id that comes again with other amounts is a contradiction, and the file is
refused, unless the line was pending until then. The days that got lines are
marked, and so come up for reconciliation, with later days that may tell the same.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from order_ops.jobs import reconciliation_days
from order_ops.jobs.reconciliation_days import AccountDay
from order_ops.mapping import Account
from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import ProviderReport, ReportError
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import recon

LINE_COLUMNS = (
    "account", "entry_id", "file_id", "line_no", "day", "kind", "category", "provider_ref",
    "order_ref", "amount_minor", "fee_minor", "net_minor", "currency", "occurred_at",
    "available_on", "payout_id", "raw", "status", "settled_minor", "settlement_currency", "method",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a file brought: lines that are new by accounting day; none when it was known."""

    name: str
    known_since: str | None
    lines: int
    new_by_day: dict[date, int]


def ingest(pool: Engine, account: Account, path: Path) -> Ingested:
    """Store a provider file of an account.

    Raises:
        ReportError: the file cannot be read, or contradicts an earlier one; nothing is stored.
    """
    report = open_report(f"{account.file_format}:{path}", **account.file_options)
    lines = _with_day(report.lines, account)
    with transaction(pool) as conn:
        known = recon.known_file(conn, account=account.name, sha256=report.sha256)
        if known is not None:
            when = known.received_at.isoformat(timespec="seconds")
            return Ingested(report.name, when, report.lines.height, {})
        file_id = _add_file(conn, account, report)
        _copy(conn, lines.with_columns(pl.lit(file_id).alias("file_id")))
        _refuse_contradictions(conn, report.name)
        ended = {row.day for row in recon.end_pending(conn)}
        new = {row.day: row.lines for row in recon.add_lines(conn)}
        days = ended | new.keys() | {row.day for row in recon.days_of_same_reference(conn)}
        reconciliation_days.mark(conn, {AccountDay(day, account.name) for day in days})
    return Ingested(report.name, None, report.lines.height, new)


def _with_day(lines: pl.DataFrame, account: Account) -> pl.DataFrame:
    """The accounting day of each line, by the same bounds as our own side's."""
    named = lines.with_columns(pl.lit(account.name).alias("account"))
    if named.is_empty():
        return named.with_columns(pl.lit(None, pl.Date).alias("day"))
    moments = named["occurred_at"].sort()
    first, last = (account.accounting_day(moments[end]) for end in (0, -1))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    bounds = pl.DataFrame(
        {"day": days, "start": [account.day_bounds(day)[0] for day in days]},
        {"day": pl.Date(), "start": pl.Datetime("us", "UTC")},
    )
    dated = named.sort("occurred_at").join_asof(
        bounds, left_on="occurred_at", right_on="start", strategy="backward"
    )
    return dated.sort("line_no")


def _add_file(conn: Connection, account: Account, report: ProviderReport) -> int:
    file_id: int = recon.add_file(
        conn,
        account=account.name,
        provider=report.provider,
        name=report.name,
        sha256=report.sha256,
        lines=report.lines.height,
        totals=json.dumps([asdict(total) for total in report.totals]),
    )
    return file_id


def _copy(conn: Connection, lines: pl.DataFrame) -> None:
    recon.make_line_table(conn)
    statement = f"COPY incoming_line ({', '.join(LINE_COLUMNS)}) FROM STDIN"
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        for row in lines.select(LINE_COLUMNS).iter_rows():
            copy.write_row(row)


def _refuse_contradictions(conn: Connection, name: str) -> None:
    for row in recon.conflicting_lines(conn):
        raise ReportError(
            name,
            f"line id {row.entry_id} came with other amounts before "
            f"({row.known_file}, line {row.known_line})",
            "ask the provider which of the two files is right; this one was not stored",
            line=row.line_no,
        )
