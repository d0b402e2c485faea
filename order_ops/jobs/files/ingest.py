"""Taking in a provider file: read whole, or refused whole.

A file is known by its hash, a line by account and the provider's line id: the
same file again changes nothing, a later file may repeat lines and add some. A
line id that comes again with other amounts is a contradiction, and the file is
refused, unless the line was pending until then, or the file corrects the other.
The days that got lines are marked, and so come up for reconciliation, with later
days that may tell the same.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
from psycopg import sql
from sqlalchemy import Engine

from order_ops.jobs.files import file_refusals, source_files
from order_ops.jobs.files.source_files import Ingested
from order_ops.mapping import Account
from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import ProviderReport
from order_ops.store import frames
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import files, recon

LINE_COLUMNS = (
    "account", "entry_id", "file_id", "line_no", "day", "kind", "category", "provider_ref",
    "order_ref", "amount_minor", "fee_minor", "net_minor", "currency", "occurred_at",
    "available_on", "payout_id", "raw", "status", "settled_minor", "settlement_currency", "method",
)  # fmt: skip


def ingest(
    pool: Engine,
    account: Account,
    path: Path,
    *,
    corrects: Sequence[int] = (),
    covers: Sequence[date] = (),
) -> Ingested:
    """Store a provider file of an account.

    Args:
        corrects: ids of files whose lines this one tells better; theirs that it does not tell stay.
        covers: days that it speaks of, beside those of its lines; none: those of its name, where
            the mapping says how a name tells them.

    Raises:
        ReportError: the file cannot be read, or contradicts an earlier one; nothing is stored.
        FileError: a file cannot be corrected, it cannot be of a day, or is stored otherwise.
    """
    covers = covers or file_refusals.days_of_name(account, path.name)
    file_refusals.refuse_days(account, covers)
    report = open_report(f"{account.file_format}:{path}", **account.file_options)
    file_refusals.refuse_to_come(report.lines, report.name)
    lines = _with_day(report.lines, account)
    of_lines = set(lines["day"].unique().to_list())
    spoken_of = (_whole_days(account, report.period) or of_lines) | set(covers)
    with transaction(pool) as conn:
        known = source_files.opened(
            conn, account.name, report.sha256, corrects, covers, of_bank=False
        )
        if known is not None:
            source_files.end_refusals(conn, account.name, "files", path, known.id)
            more = source_files.cover(conn, account, known, set(covers))
            return source_files.known(known, report.name, report.lines.height, more)
        file_id = _add_file(conn, account, report, spoken_of, corrects)
        _copy(conn, lines.with_columns(pl.lit(file_id).alias("file_id")))
        days = _corrected(conn, account.name, corrects)
        file_refusals.refuse_contradiction(list(recon.conflicting_lines(conn)), report.name)
        days |= {row.day for row in recon.end_pending(conn)}
        new = {row.day: row.lines for row in recon.add_lines(conn)}
        recon.tell_lines(conn)
        days |= new.keys() | {row.day for row in recon.days_of_same_reference(conn)}
        source_files.mark(conn, account, days | of_lines | spoken_of)
        source_files.end_refusals(conn, account.name, "files", path, file_id)
    early = lines.filter(pl.col("day") < account.first_day).height
    return Ingested(report.name, None, report.lines.height, new, file_id, too_early=early)


def _corrected(conn: Connection, account: str, corrects: Sequence[int]) -> set[date]:
    """Lines that the file tells better are told anew by the others, before they are compared."""
    if not corrects:
        return set()
    files.make_touched_table(conn)
    files.touch_corrected_lines(conn, corrects=list(corrects))
    return source_files.retold(conn, account, corrects)


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


def _whole_days(account: Account, period: tuple[datetime, datetime] | None) -> set[date]:
    """The days that lie in the period of a file as a whole: of others it knows a part."""
    if period is None:
        return set()
    first, last = (account.accounting_day(moment) for moment in period)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return {
        day
        for day in days
        if day >= account.first_day
        and period[0] <= account.day_bounds(day)[0]
        and account.day_bounds(day)[1] <= period[1]
    }


def _add_file(
    conn: Connection,
    account: Account,
    report: ProviderReport,
    days: set[date],
    corrects: Sequence[int],
) -> int:
    file_id: int = files.add_file(
        conn,
        account=account.name,
        provider=report.provider,
        name=report.name,
        sha256=report.sha256,
        lines=report.lines.height,
        totals=json.dumps([asdict(total) for total in report.totals]),
        days=sorted(days),
        numbers=json.dumps(dict(report.numbers)),
        corrects=list(corrects),
    )
    return file_id


def _copy(conn: Connection, lines: pl.DataFrame) -> None:
    """In the order of their key, in which PostgreSQL adds them to its indexes soonest."""
    recon.make_line_table(conn)
    keyed = lines.select(LINE_COLUMNS).sort("entry_id")
    frames.write(conn, sql.Identifier("incoming_line"), keyed)
