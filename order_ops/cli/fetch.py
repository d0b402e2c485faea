"""`order-ops provider fetch`: days of an account from its provider's API."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import stamina
import typer

from order_ops.cli.base import (
    JsonFile,
    check_writable,
    console,
    errors,
    explained,
    plain,
    pool,
    write_json,
)
from order_ops.cli.source_files import tell_ingested
from order_ops.domain.failures import API_CALLS, RETRIED, classify
from order_ops.mapping import Account, load_mapping
from order_ops.settings import get_settings

if TYPE_CHECKING:
    from order_ops.jobs.files.fetched_days import Fetched

_DAY = ["%Y-%m-%d"]


def fetch(
    account: Annotated[str, typer.Option(help="Whose days.")],
    day: Annotated[datetime, typer.Option(formats=_DAY, help="The day, or the first of them.")],
    to: Annotated[datetime | None, typer.Option(formats=_DAY, help="The last of them.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Fetch days from the provider's API, and store them as a file each; a cut one goes on."""
    from order_ops.jobs.files.fetched_days import days_between  # noqa: PLC0415 - dataframes

    with explained():
        check_writable(json_file)
        found = load_mapping(get_settings().mapping).account(account)
        days = days_between(found, day.date(), (to or day).date(), datetime.now(UTC))
        done = [_patiently(found, one) for one in days]
    if json_file is not None:
        write_json(json_file, [_as_json(one) for one in done])
        return
    for one in done:
        console.print(plain(f"{one.account}, {one.day}:"))
        tell_ingested(one.ingested)


def _as_json(one: "Fetched") -> dict[str, Any]:
    new = sum(one.ingested.new_by_day.values())
    told = {"day": one.day, "name": one.ingested.name, "file_id": one.ingested.file_id}
    return told | {"known_since": one.ingested.known_since, "lines": one.ingested.lines, "new": new}


def _patiently(account: Account, day: date) -> "Fetched":
    """Fetch a day, again for as long as what is in the way may pass."""
    from order_ops.jobs.files.fetched_days import fetch_days  # noqa: PLC0415

    for attempt in stamina.retry_context(
        on=lambda error: classify(error) in RETRIED,
        attempts=API_CALLS.attempts,
        wait_initial=API_CALLS.base_s,
        wait_max=API_CALLS.cap_s,
    ):
        with attempt:
            (done,) = fetch_days(pool(patient=True), get_settings(), [(account, day)], _progress)
            return done
    raise AssertionError("the last attempt raises")


def _progress(lines: int) -> None:
    if lines and lines % 10_000 == 0:
        errors.print(f"{lines:,} lines fetched")
