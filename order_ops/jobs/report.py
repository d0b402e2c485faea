"""The report of a day: the page on disk, and the bridge as a table for Dagster's UI."""

from pathlib import Path

from sqlalchemy import Engine

from order_ops.domain.money import format_minor
from order_ops.jobs.reconcile import DayResult
from order_ops.reporting.report import Context, line_words, render
from order_ops.store.engine import transaction
from order_ops.store.queries import recon


def write_report(pool: Engine, home: Path, done: DayResult) -> Path:
    """Write the day's page and note its path with the run.

    Returns:
        `<home>/reports/ACCOUNT/DAY.html`; replaced as a whole, never seen half written.
    """
    account, day = done.account_day.account, done.account_day.day
    folder = home.resolve() / "reports" / account
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{day.isoformat()}.html"
    facts = {"Account": account, "Accounting day": day.isoformat(), "Input": done.input_hash[:16]}
    title = f"Reconciliation of {account}, {day.isoformat()}"
    unfinished = page.with_suffix(".part")
    unfinished.write_text(render(Context(title, facts), done.result), encoding="utf-8")
    unfinished.replace(page)
    with transaction(pool) as conn:
        recon.set_report(conn, account=account, day=day, report=str(page))
    return page


def bridge_markdown(done: DayResult) -> str:
    """The bridge as a Markdown table."""
    lines = ["| | amount | entries |", "|---|---:|---:|"]
    for row in done.result.bridge.iter_rows(named=True):
        amount = format_minor(row["amount_minor"], row["currency"])
        lines.append(f"| {line_words(row['line'])} | {amount} | {row['count']} |")
    return "\n".join(lines)
