"""Commands over files of providers: take one in, or reconcile files without any server."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import typer

from order_ops.cli.addresses import given_file
from order_ops.cli.base import check_writable, console, explained, pool, write_json
from order_ops.cli.dry_run import rehearse
from order_ops.cli.provider import options_of_texts
from order_ops.cli.source_files import Corrects, tell_ingested
from order_ops.mapping import load_mapping
from order_ops.settings import get_settings

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="A stored day of --account: what a run would change; writes nothing."
    ),
]


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
    from order_ops.jobs.ingest import ingest as run  # noqa: PLC0415

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


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        raise typer.BadParameter(f"{value!r} is not an IANA time zone such as America/Sao_Paulo")
    return value


def reconcile(
    internal: Annotated[Path | None, typer.Option(help="Our payments, CSV or Parquet.")] = None,
    provider: Annotated[
        str | None, typer.Option(help="PROVIDER:FILE, such as stripe:report.csv.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for tables and report.")] = None,
    rules: Annotated[Path | None, typer.Option(help="Matching rules, YAML.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the summary to this file.")
    ] = None,
    account: Annotated[str, typer.Option(help="A name for the account.")] = "files",
    time_zone: Annotated[
        str, typer.Option(help="Accounting time zone.", callback=_known_zone)
    ] = "UTC",
    provider_option: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE of what the file leaves open, such as decimal_separator=,"
            " (docs/provider-files.md)."
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Close the files as of this day; default: today."),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="With --dry-run: the account's day."),
    ] = None,
    engine: Annotated[
        Literal["polars", "pandas", "duckdb", "pyspark"],
        typer.Option(help="That reconciles; duckdb keeps its steps on disk."),
    ] = "polars",
    *,
    dry_run: DryRun = False,
) -> None:
    """Reconcile files against files, no server needed; or tell what a stored day would change by.

    Stored days are reconciled by reconcile_payments_job.
    """
    if dry_run:
        if day is None:
            raise typer.BadParameter("say which day", param_hint="--day")
        with explained():
            check_writable(json_file)
            outcome = rehearse(account, day.date())
        if json_file is not None:
            write_json(json_file, outcome)
        return
    for option, given in (("--internal", internal), ("--provider", provider), ("--out", out)):
        if given is None:
            raise typer.BadParameter("is needed to reconcile files", param_hint=option)
    assert internal is not None and provider is not None and out is not None  # noqa: PT018
    from order_ops.jobs.reconcile_files import reconcile_files  # noqa: PLC0415
    from order_ops.reconciliation.rules import load_rules  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        done: Any = reconcile_files(
            internal,
            provider,
            rules=load_rules(rules),
            account=account,
            time_zone=time_zone,
            as_of=as_of.date() if as_of else None,
            out=out,
            provider_options=options_of_texts(provider_option or []),
            engine=engine,
        )
    if json_file is not None:
        write_json(json_file, done.summary)
    console.print(done.sentence)
    console.out(f"Verdict {done.summary['verdict']}; report and tables in {out}.")
