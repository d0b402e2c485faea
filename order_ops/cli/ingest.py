"""`order-ops ingest`: a file of a provider is stored."""

from datetime import date, timedelta
from typing import Annotated

import typer

from order_ops.cli.addresses import given_file
from order_ops.cli.base import explained, pool
from order_ops.cli.source_files import Corrects, tell_ingested
from order_ops.mapping import load_mapping
from order_ops.settings import get_settings


def ingest(
    file: Annotated[str, typer.Argument(help="The provider's file: a path, or s3://... .")],
    account: Annotated[str, typer.Option(help="The provider account it is of.")],
    corrects: Corrects = None,
    covers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DAY|DAY..DAY",
            help="Days the file is of, with lines or without, such as 2026-03-01..2026-03-31.",
        ),
    ] = None,
) -> None:
    """Store a provider file; the days it has lines of are then reconciled."""
    from order_ops.jobs.files.ingest import ingest as run  # noqa: PLC0415

    days = [day for said in covers or [] for day in _days(said)]
    with explained():
        settings = get_settings()
        found = load_mapping(settings.mapping).account(account)
        with given_file(file) as path:
            done = run(pool(patient=True), found, path, corrects=corrects or [], covers=days)
    tell_ingested(done)


def _days(said: str) -> list[date]:
    """The days of DAY or DAY..DAY."""
    first, _, last = said.partition("..")
    try:
        ends = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError as error:
        raise typer.BadParameter(
            f"{said!r} is not a day, 2026-03-01, nor days, 2026-03-01..2026-03-31",
            param_hint="--covers",
        ) from error
    if ends[1] < ends[0]:
        raise typer.BadParameter(f"{said!r} ends before it begins", param_hint="--covers")
    return [ends[0] + timedelta(days=n) for n in range((ends[1] - ends[0]).days + 1)]
