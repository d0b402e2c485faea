"""The report of a day: the page on disk, and the bridge as a table for Dagster's UI."""

import base64
import re
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Engine

from order_ops.domain.money import format_minor
from order_ops.jobs.days.reconcile import DayResult
from order_ops.reconciliation.difference import said
from order_ops.reconciliation.summary import largest_first
from order_ops.reporting.report import Context, PastDay, line_words, render, waterfalls
from order_ops.store.engine import transaction
from order_ops.store.queries import recon

_CHANGES = 50
_PAST = 30


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
    context = Context(title, facts, day, _past(pool, account, day))
    unfinished.write_text(render(context, done.result), encoding="utf-8")
    unfinished.replace(page)
    with transaction(pool) as conn:
        recon.set_report(conn, account=account, day=day, report=str(page))
    return page


def _past(pool: Engine, account: str, day: date) -> list[PastDay]:
    """The last days of an account that were reconciled, with the day itself."""
    first = day - timedelta(days=_PAST - 1)
    days: dict[date, dict[str, tuple[int, int]]] = {}
    with transaction(pool) as conn:
        rows = recon.drift_of_days(conn, account=account, first_day=first, last_day=day)
        for row in rows:
            drift = days.setdefault(row.day, {})
            if row.currency is not None:
                drift[row.currency] = (int(row.gross_minor), int(row.net_minor))
    return [PastDay(one, drift) for one, drift in days.items()]


def bridge_markdown(done: DayResult) -> str:
    """The bridge as a Markdown table."""
    lines = ["| | amount | entries |", "|---|---:|---:|"]
    for row in done.result.bridge.iter_rows(named=True):
        amount = format_minor(row["amount_minor"], row["currency"])
        lines.append(f"| {line_words(row['line'])} | {amount} | {row['count']} |")
    return "\n".join(lines)


def breaks_markdown(done: DayResult) -> str:
    """Breaks and what is pending by class, as a Markdown table."""
    lines = ["| | count | at stake |", "|---|---:|---:|"]
    told = (
        (done.summary["breaks"], ""),
        (done.summary["pending"], ", pending"),
        (done.summary["accepted"], ", accepted"),
        (done.summary["written_off"], ", written off"),
    )
    for classes, more in told:
        for name in largest_first(classes):
            found = classes[name]
            money = ", ".join(
                format_minor(sum_, code) for code, sum_ in found["amount_minor"].items()
            )
            lines.append(f"| {line_words(name)}{more} | {found['count']:,} | {money} |")
    return "\n".join(lines) if len(lines) > 2 else "No breaks."


def bridge_plots(done: DayResult) -> str:
    """The waterfall of each currency, as pictures inside Markdown."""
    drawn = [
        (code, base64.b64encode(plot.encode()).decode())
        for code, plot in waterfalls(done.result.bridge)
    ]
    pictures = [f"![Bridge in {code}](data:image/svg+xml;base64,{plot})" for code, plot in drawn]
    return "\n\n".join(pictures) or "No entries on either side."


def difference_markdown(done: DayResult) -> str:
    """What a run changed of the day, or would, as a Markdown list."""
    lines = said(done.difference)
    more = [f"and {len(lines) - _CHANGES} more"] if len(lines) > _CHANGES else []
    told = [_escaped(line) for line in lines[:_CHANGES]] + more
    return "\n".join(f"- {line}" for line in told) or "Nothing changes."


def _escaped(text: str) -> str:
    """References come from outside: nothing of them is Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", text)
