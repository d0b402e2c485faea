"""`order-ops provider`: what a file of a provider says, and files that are stored."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from order_ops.cli.addresses import given_file
from order_ops.cli.base import JsonFile, check_writable, console, explained, plain, write_json
from order_ops.cli.fetch import fetch
from order_ops.cli.source_files import listing, withdraw
from order_ops.domain.money import format_minor
from order_ops.mapping import load_mapping
from order_ops.settings import SettingsError, get_offline_settings

if TYPE_CHECKING:
    from order_ops.providers.files.report import ProviderReport

app = typer.Typer(help="Files of payment providers.", no_args_is_help=True)
app.command()(withdraw)
app.command()(fetch)
app.command("files")(listing)

_SHOWN = ("line_no", "entry_id", "kind", "status", "provider_ref", "order_ref", "occurred_at")


@app.callback()
def _group() -> None:
    """Files of payment providers."""


@app.command()
def preview(
    file: Annotated[str, typer.Argument(help="The provider's file: a path, or s3://... .")],
    *,
    account: Annotated[
        str | None, typer.Option(help="Whose file it is: read as the mapping says.")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="How it is read (docs/provider-files.md).")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of what the file leaves open.")
    ] = None,
    lines: Annotated[int, typer.Option(min=0, help="How many lines to show.")] = 20,
    json_file: JsonFile = None,
) -> None:
    """Show how each line of a file would be read; nothing is stored."""
    from order_ops.providers.files.registry import open_report  # noqa: PLC0415 - dataframes

    with explained():
        check_writable(json_file)
        with given_file(file) as path:
            spec, options = _how(path, account, format_, option or [])
            report = open_report(spec, **options)
    if json_file is not None:
        write_json(json_file, _as_json(report))
        return
    _tell(report, lines)


def _how(
    file: Path, account: str | None, format_: str | None, texts: list[str]
) -> tuple[str, dict[str, str]]:
    if (account is None) == (format_ is None):
        told = "say whose file it is, --account NAME, or how to read it, --format NAME"
        raise SettingsError(told)
    said = options_of_texts(texts)
    if account is None:
        return f"{format_}:{file}", said
    found = load_mapping(get_offline_settings().mapping).account(account)
    return f"{found.file_format}:{file}", found.file_options | said


def options_of_texts(texts: list[str]) -> dict[str, str]:
    """Options written as NAME=VALUE.

    Raises:
        BadParameter: one is not.
    """
    options = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
        options[name] = value
    return options


def _as_json(report: "ProviderReport") -> dict[str, Any]:
    return {
        "name": report.name,
        "provider": report.provider,
        "sha256": report.sha256,
        "numbers": {series: list(numbers) for series, numbers in report.numbers.items()},
        "period": [moment.isoformat() for moment in report.period or ()],
        "repeated_lines": report.repeated_lines,
        "unknown_columns": list(report.unknown_columns),
        "totals": [
            {
                "currency": one.currency,
                "lines": one.count,
                "gross_minor": one.gross_minor,
                "fee_minor": one.fee_minor,
                "net_minor": one.net_minor,
            }
            for one in report.totals
        ],
        "lines": report.lines.to_dicts(),
    }


def _tell(report: "ProviderReport", most: int) -> None:
    table = Table(title=plain(f"{report.name}, times in UTC"), title_justify="left")
    for name in (*_SHOWN, "amount", "fee", "payout_id"):
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in report.lines.head(most).iter_rows(named=True):
        cells = [row[name] for name in _SHOWN]
        cells[-1] = row["occurred_at"].strftime("%Y-%m-%d %H:%M:%S")
        cells += [
            format_minor(row["amount_minor"], row["currency"]),
            format_minor(row["fee_minor"], row["settlement_currency"]),
            row["payout_id"],
        ]
        table.add_row(*(plain("" if cell is None else cell) for cell in cells))
    console.print(table)
    hidden = report.lines.height - most
    if hidden > 0:
        console.print(f"… and {hidden:,} more; --lines shows more, --json all of them")
    counts = report.lines.group_by("kind", "status").len().sort("kind", "status")
    for kind, status, count in counts.iter_rows():
        console.print(plain(f"{count:>9,}  {kind}, {status}"))
    for one in report.totals:
        amounts = (
            f"{name} {format_minor(value, one.currency)}"
            for name, value in (
                ("gross", one.gross_minor),
                ("fees", one.fee_minor),
                ("net", one.net_minor),
            )
        )
        console.print(plain(f"{one.count:>9,}  lines: {', '.join(amounts)}"))
    if report.repeated_lines:
        console.print(f"{report.repeated_lines:,} lines say again what another said: counted once.")
    if report.unknown_columns:
        names = ", ".join(report.unknown_columns)
        console.print(plain(f"Columns that nobody has described: {names}"))
    console.print("Nothing was stored.")
