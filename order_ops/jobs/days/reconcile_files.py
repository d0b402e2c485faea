"""Files against files: our entries and a provider's report in, verdict, tables and page out.

The same core as the daily run, without any server. All entries of the two files are one period,
closed on one day. Reading is in `internal_file` and `providers`, the core in `reconciliation`.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from order_ops.jobs.days.internal_file import read_internal
from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import ProviderReport
from order_ops.reconciliation.day import Day, Entries
from order_ops.reconciliation.engines import Engine
from order_ops.reconciliation.on_engine import reconcile_on
from order_ops.reconciliation.result import TABLES, Reconciliation
from order_ops.reconciliation.rules import Rules
from order_ops.reconciliation.summary import Summary, money_sentence, summarise
from order_ops.reporting.exports import write_table
from order_ops.reporting.report import Context, render


@dataclass(frozen=True, slots=True)
class FilesResult:
    """What was found, its figures ready for JSON, its first sentence, and where the page is."""

    result: Reconciliation
    summary: Summary
    sentence: str
    report: Path


def reconcile_files(  # noqa: PLR0913 - one call has everything a run depends on
    internal: Path,
    provider_spec: str,
    *,
    rules: Rules,
    account: str,
    out: Path,
    tenant: str = "default",
    time_zone: str = "UTC",
    as_of: date | None = None,
    provider_options: dict[str, str] | None = None,
    engine: Engine = "polars",
) -> FilesResult:
    """Reconcile two files and write tables and report into a folder.

    Args:
        internal: our entries, see `internal_file`.
        provider_spec: "PROVIDER:PATH", such as "stripe:payouts.csv".
        rules: see `reconciliation.rules.load_rules`.
        account: provider account, part of the ids of breaks.
        out: folder for the files, made when it is not there.
        tenant: whose account it is.
        time_zone: of the accounting days.
        as_of: day on which the period is closed, today in UTC when not given.
        engine: that reconciles, see `reconciliation.engines`.
        provider_options: passed to the provider's reader, such as decimal_separator.

    Raises:
        ReportError: one of the files cannot be read; nothing is written then.
    """
    closing = as_of or datetime.now(UTC).date()
    report = open_report(provider_spec, **(provider_options or {}))
    day = Day(closing, account=account, tenant=tenant, rules=rules, provider=report.provider)
    result = reconcile_on(
        engine,
        replace(day, names_payouts=report.names_payouts),
        Entries(
            internal=read_internal(internal, time_zone=time_zone),
            provider=with_days(report.lines, time_zone),
        ),
    )
    page = _written(out, result, render(_context(internal, report, account, closing), result))
    summary = summarise(result)
    return FilesResult(result, summary, money_sentence(summary["breaks"]), page)


def _written(out: Path, result: Reconciliation, html: str) -> Path:
    """The tables, each as CSV and Parquet, and the page, in a folder; where the page is."""
    out.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        write_table(getattr(result, name), out, name)
    page = out / "report.html"
    page.write_text(html, encoding="utf-8")
    return page


def with_days(lines: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    """Add the accounting day that each provider line falls on."""
    return lines.with_columns(
        pl.col("occurred_at").dt.convert_time_zone(time_zone).dt.date().alias("day")
    )


def _context(internal: Path, report: ProviderReport, account: str, closing: date) -> Context:
    facts = {
        "Account": account,
        "Closed on": closing.isoformat(),
        "Our file": internal.name,
        "Provider file": f"{report.name} ({report.provider})",
    }
    return Context(
        title=f"Reconciliation of {account}, {closing.isoformat()}", facts=facts, day=closing
    )
