"""What `order-ops provider` and `order-ops bank` have in common: files listed, and taken back."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from order_ops.cli.base import (
    By,
    JsonFile,
    Reason,
    actor,
    check_writable,
    console,
    explained,
    plain,
    pool,
    write_json,
)
from order_ops.mapping import load_mapping
from order_ops.settings import get_settings

if TYPE_CHECKING:
    from order_ops.jobs.files.source_files import Ingested

Corrects = Annotated[
    list[int] | None,
    typer.Option(help="The id of a stored file that this one corrects; may be said again."),
]


def tell_ingested(done: "Ingested") -> None:
    """Say what a file brought."""
    if done.known_since:
        days = ", ".join(map(str, done.also_covers))
        what = f"it is of {days} as well now" if days else "nothing changed"
        console.print(plain(f"{done.name} is known since {done.known_since}: {what}."))
        return
    new = sum(done.new_by_day.values())
    told = f"{done.name}: file {done.file_id}, {done.lines} lines, {new} of them new."
    console.print(plain(told), soft_wrap=True)
    for day, lines in sorted(done.new_by_day.items()):
        console.print(f"  {day}: {lines} lines; the day will be reconciled.")
    if done.too_early:
        early = f"{done.too_early} of its lines are before the account's first day"
        console.print(f"  {early}: no day reconciles them.")
    for other in done.other_accounts:
        console.print(plain(f"  Nothing was stored of account {other}: the mapping names another."))


def listing(
    account: Annotated[str, typer.Option(help="Whose files.")], json_file: JsonFile = None
) -> None:
    """List the files that are stored, and what they correct."""
    from order_ops.jobs.files.source_files import listed  # noqa: PLC0415 - dataframes

    with explained():
        check_writable(json_file)
        found = load_mapping(get_settings().mapping).account(account)
        rows = listed(pool(), found.name)
    if json_file is not None:
        write_json(json_file, rows)
        return
    table = Table()
    for name in ("file", "read as", "name", "lines", "first day", "last day", "received", "state"):
        table.add_column(name, overflow="fold")
    for row in rows:
        corrects = ", ".join(map(str, row["corrects"]))
        state = f"corrects {corrects}" if corrects else ""
        state = "withdrawn" if row["withdrawn_at"] else state
        cells = [row[name] for name in ("id", "provider", "name", "lines", "first_day", "last_day")]
        cells += [f"{row['received_at']:%Y-%m-%d %H:%M}", state]
        table.add_row(*(plain("" if cell is None else cell) for cell in cells))
    console.print(table)


def withdraw(
    file_id: Annotated[int, typer.Argument(help="The file's id, as the list of files has it.")],
    *,
    reason: Reason = "",
    by: By = "",
    dry_run: Annotated[bool, typer.Option(help="Only say what would become of it.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Take a file back with what it caused; what other files tell as well stays."""
    from order_ops.jobs.files.source_files import withdraw as run  # noqa: PLC0415 - dataframes

    with explained():
        check_writable(json_file)
        mapping = load_mapping(get_settings().mapping)
        who = actor(by, reason, dry_run=dry_run)
        done = run(pool(patient=True), mapping, file_id, who, dry_run=dry_run)
    if json_file is not None:
        write_json(json_file, asdict(done))
        return
    would = "would be" if dry_run else "is"
    told = f"File {done.file_id} ({done.name}) of {done.account} {would} withdrawn: "
    told += f"of its {done.lines} lines, {done.gone} are told by no other file."
    console.print(plain(told), soft_wrap=True)
    for day in done.days:
        console.print(f"  {day} {'would' if dry_run else 'will'} be reconciled again.")
