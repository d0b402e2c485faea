"""`order-ops messages`: the ledger of messages, its gaps, and gaps that are accepted."""

from typing import Annotated

import typer
from rich.table import Table

from order_ops.cli.base import (
    By,
    JsonFile,
    Reason,
    actor,
    console,
    explained,
    make_folder,
    pool,
    write_json,
)
from order_ops.mapping import load_mapping
from order_ops.settings import get_settings

app = typer.Typer(
    no_args_is_help=True,
    help="The ledger of messages: what came, what became of it, and what is missing.",
)
_COUNTS = ("received", "copies", "pending", "done", "parked", "skipped", "discarded", "missing")
_OURS = ("to_publish", "published")


@app.command()
def ledger(
    hours: Annotated[int, typer.Option(min=1, max=10_000, help="How many, from now back.")] = 24,
    json_file: JsonFile = None,
) -> None:
    """Bring the ledger up to date and show it by the hour; exit 1 when something is missing."""
    from order_ops.jobs import message_ledger  # noqa: PLC0415

    with explained():
        make_folder(json_file)
        settings = get_settings()
        source = load_mapping(settings.mapping).events.source
        balance = message_ledger.refresh(pool(), source, settings.gap_grace_s)
        rows = message_ledger.hours(pool(), hours)
    if json_file is not None:
        write_json(json_file, [row._asdict() for row in rows])
    else:
        table = Table(box=None, pad_edge=False)
        for name in ("hour", "source", *_COUNTS, *_OURS):
            right = name not in {"hour", "source"}
            table.add_column(name.replace("_", " "), justify="right" if right else "left")
        for row in rows:
            figures = [f"{getattr(row, name):,}" for name in (*_COUNTS, *_OURS)]
            table.add_row(row.hour.strftime("%Y-%m-%d %H:00"), row.source, *figures)
        console.print(table)
        console.print(f"Gap {balance.gap}: {balance}.", soft_wrap=True)
    raise typer.Exit(int(balance.gap > 0))


@app.command()
def gaps(json_file: JsonFile = None) -> None:
    """Show the numbers of producers that have not come, also those of the last minutes."""
    from order_ops.jobs import message_ledger  # noqa: PLC0415

    with explained():
        make_folder(json_file)
        found = message_ledger.balance(pool(), 0).gaps
    if json_file is not None:
        fields = ("source", "tenant_id", "producer", "first", "last", "found_at")
        write_json(json_file, [{name: getattr(gap, name) for name in fields} for gap in found])
        return
    for gap in found:
        since = gap.found_at.isoformat(timespec="seconds")
        console.print(f"{gap}, {gap.numbers} missing since {since}", soft_wrap=True)
    if not found:
        console.print("Nothing is missing.")


@app.command()
def accept(
    tenant: Annotated[str, typer.Argument(help="The producer's tenant.")],
    producer: Annotated[str, typer.Argument(help="Whose numbers.")],
    first: Annotated[int, typer.Argument(help="From this number on.")],
    last: Annotated[int, typer.Argument(help="Up to this one.")],
    reason: Reason = "",
    by: By = "",
) -> None:
    """Say that numbers will never come, and why: their gap ends, the audit keeps it."""
    from order_ops.jobs import message_ledger  # noqa: PLC0415

    with explained():
        who = actor(by, reason)
        source = load_mapping(get_settings().mapping).events.source
        message_ledger.accept(pool(), source, tenant, producer, first, last, who)
    console.print(f"Numbers {first} to {last} of {producer} are accepted as never coming.")
