"""`order-ops reconcile`: files against files."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import typer

from order_ops.cli.base import check_writable, console, explained, write_json
from order_ops.cli.provider import options_of_texts


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        raise typer.BadParameter(f"{value!r} is not an IANA time zone such as America/Sao_Paulo")
    return value


def reconcile(
    internal: Annotated[Path, typer.Option(help="Our payments, CSV or Parquet.")],
    provider: Annotated[str, typer.Option(help="PROVIDER:FILE, such as stripe:report.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for tables and report.")],
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
    engine: Annotated[
        Literal["polars", "pandas", "duckdb", "pyspark"],
        typer.Option(help="That reconciles; duckdb keeps its steps on disk."),
    ] = "polars",
) -> None:
    """Reconcile files against files, no server needed.

    Stored days are reconciled by reconcile_payments_job; rehearse tells what that would change.
    """
    from order_ops.jobs.days.reconcile_files import reconcile_files  # noqa: PLC0415 - dataframes
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
