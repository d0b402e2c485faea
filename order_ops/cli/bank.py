"""`order-ops bank`: statements of the bank that a provider pays out to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from order_ops.cli.addresses import given_file
from order_ops.cli.base import JsonFile, check_writable, console, explained, plain, pool, write_json
from order_ops.cli.provider import options_of_texts
from order_ops.cli.source_files import Corrects, listing, tell_ingested, withdraw
from order_ops.domain.money import format_minor
from order_ops.mapping import load_mapping
from order_ops.settings import SettingsError, get_offline_settings, get_settings

if TYPE_CHECKING:
    from order_ops.providers.banks.statement import BankFile, BankStatement

app = typer.Typer(help="Statements of banks.", no_args_is_help=True)
app.command()(withdraw)
app.command("files")(listing)

_SHOWN = ("line_no", "entry_id", "kind", "booked_on", "value_on", "reference", "remittance")


@app.callback()
def _group() -> None:
    """Statements of banks."""


@app.command()
def upload(
    file: Annotated[str, typer.Argument(help="The bank's file: a path, or s3://... .")],
    *,
    account: Annotated[str, typer.Option(help="The provider account that is paid out to it.")],
    corrects: Corrects = None,
) -> None:
    """Store a file of a bank; the days it has lines of are then reconciled."""
    from order_ops.jobs.files.bank_statements import upload as run  # noqa: PLC0415 - dataframes

    with explained():
        settings = get_settings()
        found = load_mapping(settings.mapping).account(account)
        with given_file(file) as path:
            done = run(pool(patient=True), found, path, corrects=corrects or [])
    tell_ingested(done)


@app.command()
def preview(
    file: Annotated[str, typer.Argument(help="The bank's file: a path, or s3://... .")],
    *,
    account: Annotated[
        str | None, typer.Option(help="Whose bank it is of: read as the mapping says.")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="How it is read: camt053, mt940, mapped.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of what the file leaves open.")
    ] = None,
    lines: Annotated[int, typer.Option(min=0, help="How many lines to show.")] = 20,
    json_file: JsonFile = None,
) -> None:
    """Show how each line of a file would be read; nothing is stored."""
    with explained():
        check_writable(json_file)
        with given_file(file) as path:
            read = _read(path, account, format_, option or [])
    if json_file is not None:
        write_json(json_file, _as_json(read))
        return
    for statement in read.statements:
        _tell(statement, lines)
    console.print("Nothing was stored.")


def _read(file: Path, account: str | None, format_: str | None, texts: list[str]) -> "BankFile":
    from order_ops.jobs.files.bank_statements import bank_of, options_of, read_statement  # noqa: PLC0415
    from order_ops.providers.banks.registry import open_statement  # noqa: PLC0415

    if (account is None) == (format_ is None):
        told = "say whose bank it is of, --account NAME, or how to read it, --format NAME"
        raise SettingsError(told)
    said = options_of_texts(texts)
    if account is None:
        return open_statement(f"{format_}:{file}", options_of(said))
    bank = bank_of(load_mapping(get_offline_settings().mapping).account(account))
    return read_statement(bank.model_copy(update={"options": bank.options | said}), file)


def _as_json(read: "BankFile") -> dict[str, Any]:
    return {
        "name": read.name,
        "format": read.format,
        "sha256": read.sha256,
        "repeated_statements": read.repeated_statements,
        "statements": [
            {
                "account": one.account,
                "statement_id": one.statement_id,
                "sequence": one.sequence,
                "page": one.page,
                "balances": [
                    {
                        "currency": told.currency,
                        "opening_minor": told.opening_minor,
                        "opening_on": told.opening_on,
                        "closing_minor": told.closing_minor,
                        "closing_on": told.closing_on,
                    }
                    for told in one.balances
                ],
                "lines": one.lines.to_dicts(),
            }
            for one in read.statements
        ],
    }


def _tell(statement: "BankStatement", most: int) -> None:
    title = f"Account {statement.account}, statement {statement.statement_id}"
    table = Table(title=plain(title), title_justify="left")
    for name in (*_SHOWN, "amount"):
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in statement.lines.head(most).iter_rows(named=True):
        cells = [row[name] for name in _SHOWN] + [
            format_minor(row["amount_minor"], row["currency"])
        ]
        table.add_row(*(plain("" if cell is None else cell) for cell in cells))
    console.print(table)
    hidden = statement.lines.height - most
    if hidden > 0:
        console.print(f"… and {hidden:,} more; --lines shows more, --json all of them")
    for one in statement.balances:
        opening = format_minor(one.opening_minor, one.currency)
        closing = format_minor(one.closing_minor, one.currency)
        told = f"opens with {opening}, closes with {closing} on {one.closing_on}"
        console.print(plain(f"{statement.lines.height:>9,}  lines: {told}"))
    for left in statement.unbooked:
        console.print(plain(f"{left.count:>9,}  not booked ({left.status}): in no line"))
