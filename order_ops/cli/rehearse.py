"""`order-ops rehearse`: what a stored day would come to, beside what stands; nothing stays."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from order_ops.cli.base import check_writable, console, explained, plain, pool, write_json
from order_ops.mapping import load_mapping
from order_ops.settings import SettingsError, get_settings

if TYPE_CHECKING:
    from order_ops.jobs.days.reconcile import DayResult

_SHOWN = 40
"""Rows of a difference on a terminal; --json has all of them."""


def rehearse(
    account: Annotated[str, typer.Option(help="The provider account.")],
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Its accounting day.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the whole difference to this file.")
    ] = None,
) -> None:
    """Tell what a run of a stored day would change; nothing is written."""
    with explained():
        check_writable(json_file)
        done = _rehearsed(account, day.date())
    _tell(done)
    if json_file is not None:
        write_json(json_file, _outcome(done))


def _rehearsed(account: str, day: date) -> "DayResult":
    """Reconcile a day in a transaction that is rolled back.

    Raises:
        SettingsError: the day is not over, or before the account's first.
        MappingError: no such account.
    """
    from order_ops.jobs.days.reconcile import reconcile_day  # noqa: PLC0415 - dataframes
    from order_ops.jobs.days.reconciliation_days import AccountDay  # noqa: PLC0415
    from order_ops.reconciliation.rules import load_rules  # noqa: PLC0415

    settings = get_settings()
    mapping = load_mapping(settings.mapping)
    first = mapping.account(account).first_day
    if day < first:
        raise SettingsError(f"--day: {account} is reconciled from {first} on")
    today = mapping.account(account).accounting_day(datetime.now(UTC))
    if day >= today:
        raise SettingsError(f"--day: {day} is not over in {account}: name one before {today}")
    rules, account_day = load_rules(settings.rules), AccountDay(day, account)
    return reconcile_day(
        pool(), mapping, rules, account_day, "dry run", engine=settings.engine, dry_run=True
    )


def _outcome(done: "DayResult") -> dict[str, Any]:
    return {
        "account": done.account_day.account,
        "day": done.account_day.day.isoformat(),
        "previous_run": done.stood.run_id if done.stood else None,
        "verdict_from": done.stood.verdict if done.stood else None,
        "verdict_to": done.result.verdict,
        "summary": done.summary,
        "difference": done.difference.to_dicts(),
    }


def _tell(done: "DayResult") -> None:
    from order_ops.reconciliation.difference import said  # noqa: PLC0415 - dataframes
    from order_ops.reconciliation.summary import money_sentence  # noqa: PLC0415

    lines = said(done.difference)
    console.print(money_sentence(done.summary["breaks"]), soft_wrap=True)
    if done.stood is None:
        console.out(f"Verdict {done.result.verdict}; no run of this day stands.")
    elif not lines and done.stood.verdict == done.result.verdict:
        console.out(f"Verdict {done.result.verdict}; nothing would change.")
    else:
        console.out(f"Verdict {done.stood.verdict} -> {done.result.verdict}:")
    for line in lines[:_SHOWN]:
        console.print(plain(f"  {line}"), soft_wrap=True)
    if len(lines) > _SHOWN:
        console.out(f"  and {len(lines) - _SHOWN} more; --json - gives all")
    console.out("Dry run: nothing was written.")
