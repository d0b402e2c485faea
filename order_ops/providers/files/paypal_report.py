"""PayPal's settlement report (STL, version 9) and transaction detail report (TRR) as lines.

Both have one frame of headers, sections and footers (`paypal_records`), one kind of body
(`paypal_lines`) and totals that are right before anything of a file is returned
(`paypal_footers`). The settlement report lists what moved a balance; the other one lists what is
pending or was denied too, and is full of people, whose columns never leave these modules.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from order_ops.providers.files import paypal_footers
from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.paypal_columns import COLUMNS, REQUIRED, STATUS
from order_ops.providers.files.paypal_lines import lines_of, money_of, statuses
from order_ops.providers.files.paypal_records import Report, Row, read_report
from order_ops.providers.files.report import ProviderReport, ReportError, totals_of

_AGAIN = "export the file again and do not save it from a spreadsheet"
_STL_VERSIONS = {9}
_TRR_VERSIONS = {8, 9, 10, 11}


def read_stl(path: Path, *, account_id: str | None = None) -> ProviderReport:
    """Read one settlement report completely, or refuse it completely.

    Args:
        path: the CSV file.
        account_id: PayPal's id of the account to read, where the file has sections of several. The
            totals of all of them are checked all the same.

    Raises:
        ReportError: naming file, line, column and what to do; nothing of the file is returned.
    """
    report = _opened(path, _STL_VERSIONS)
    if STATUS in report.table.columns:
        problem = "the columns are those of a transaction detail report, where not all was paid"
        raise ReportError(
            report.table.name, problem, "read it as paypal_trr", line=report.table.header_line
        )
    return _read(report, account_id)


def read_trr(path: Path, *, account_id: str | None = None) -> ProviderReport:
    """Read one transaction detail report; see `read_stl`."""
    report = _opened(path, _TRR_VERSIONS)
    if report.of("CH"):
        report.table.require([STATUS])
    return _read(report, account_id)


def _opened(path: Path, versions: set[int]) -> Report:
    report = read_report(path)
    header, part = report.of("RH")[0], report.of("FH")[0]
    version = header.cell(4)
    if not version.isdecimal() or int(version) not in versions:
        known = ", ".join(f"{number:03}" for number in sorted(versions))
        raise report.refuse(
            header, f"version {version!r} is not known", f"order one of these versions: {known}"
        )
    if part.cell(1).lstrip("0") != "1":
        problem = f"this is part {part.cell(1)} of a report in several files"
        raise report.refuse(part, problem, "ask PayPal for the report in one file")
    if report.of("CH"):
        report.table.require(REQUIRED)
    return report


def _read(report: Report, account_id: str | None) -> ProviderReport:
    accounts = [row.cell(3) for row in report.of("SH")]
    chosen = _account(report, accounts, account_id)
    table = report.table if report.of("CH") else _without_rows(report.table)
    money = money_of(table)
    paypal_footers.check(report, money, statuses(table) == "succeeded")
    sections = [place for place, account in enumerate(accounts) if account == chosen]
    ours = report.section.is_in(sections)
    lines = lines_of(table, money).filter(ours)
    return ProviderReport(
        provider="paypal",
        name=table.name,
        sha256=table.sha256,
        lines=lines,
        totals=totals_of(lines),
        repeated_lines=0,
        unknown_columns=COLUMNS.unknown(table),
        time_zone="offset of each time",
        period=_period(report, sections),
    )


def _period(report: Report, sections: Sequence[int]) -> tuple[datetime, datetime]:
    """From when to when the sections say that they are; their end is the last second.

    Raises:
        ReportError: a section does not say it as it is documented, or ends before it begins.
    """
    rows = [report.of("SH")[place] for place in sections]
    first = min(_moment(report, row, 1) for row in rows)
    last = max(_moment(report, row, 2) for row in rows) + timedelta(seconds=1)
    if last <= first:
        raise report.refuse(rows[0], "the section ends before it begins", _AGAIN)
    return first, last


def _moment(report: Report, row: Row, place: int) -> datetime:
    text = row.cell(place)
    try:
        return datetime.strptime(text, "%Y/%m/%d %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        problem = f"{text!r} is not a time like 2026/01/31 23:59:59 -0800"
        raise report.refuse(row, problem, _AGAIN) from None


def _without_rows(table: TextTable) -> TextTable:
    """The same of a report of a day without a transaction, whose columns nobody named."""
    names = dict.fromkeys(REQUIRED, pl.String)
    return replace(table, frame=pl.DataFrame(schema=names | {LINE_NO: pl.Int64}))


def _account(report: Report, accounts: list[str], wanted: str | None) -> str:
    """The account whose sections are read: the only one, or the one that was named.

    Lines of two accounts in one are never right: both have balances, payouts and books of their
    own. So that nobody has to split a file, the caller says which one is meant.
    """
    known = sorted(set(accounts))
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known:
        return wanted
    said = "the file has sections of several accounts"
    problem = said if wanted is None else f"the file has no section of account {wanted!r}"
    hint = f"name one of its accounts as account_id: {', '.join(known)}"
    raise report.refuse(report.of("SH")[0], problem, hint)
