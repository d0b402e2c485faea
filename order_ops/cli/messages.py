"""`order-ops messages`: the ledger of messages, its gaps, and gaps that are accepted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

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
    from order_ops.jobs.messages.message_ledger import Balance

app = typer.Typer(
    no_args_is_help=True,
    help="The ledger of messages: what came, what became of it, and what is missing.",
)
_COUNTS = ("received", "copies", "pending", "done", "parked", "skipped", "discarded", "missing")
_OURS = ("to_publish", "published")
_GAP = ("source", "tenant_id", "producer", "first", "last", "found_at")


@app.command()
def ledger(
    hours: Annotated[int, typer.Option(min=1, max=10_000, help="How many, from now back.")] = 24,
    json_file: JsonFile = None,
) -> None:
    """Bring the ledger up to date and show it by the hour; exit 1 when something is missing."""
    from order_ops.jobs.messages import message_ledger  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        balance = _refreshed()
        rows = message_ledger.hours(pool(), hours)
    if json_file is not None:
        told = [row._asdict() for row in rows]
        write_json(json_file, {"gap": balance.gap, "what": str(balance), "hours": told})
    else:
        console.print(hours_table(rows))
        console.print(plain(f"Gap {balance.gap}: {balance}."), soft_wrap=True)
    raise typer.Exit(int(balance.gap > 0))


@app.command()
def gaps(json_file: JsonFile = None) -> None:
    """Show the numbers of producers that have not come, also those of the last minutes."""
    from order_ops.jobs.messages import message_ledger  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        _refreshed()
        found = message_ledger.balance(pool(), 0).gaps
    if json_file is not None:
        write_json(json_file, [{name: getattr(gap, name) for name in _GAP} for gap in found])
        return
    for gap in found:
        since = gap.found_at.isoformat(timespec="seconds")
        console.print(plain(f"{gap}, {gap.numbers} missing since {since}"), soft_wrap=True)
    if not found:
        console.print("Nothing is missing.")


@app.command()
def accept(
    tenant: Annotated[str, typer.Argument(help="The producer's tenant.")],
    producer: Annotated[str, typer.Argument(help="Whose numbers.")],
    first: Annotated[int, typer.Argument(help="From this number on.")],
    last: Annotated[int, typer.Argument(help="Up to this one.")],
    *,
    source: Annotated[
        str, typer.Option(help="Where they come from.", show_default="the mapping's source")
    ] = "",
    reason: Reason = "",
    by: By = "",
) -> None:
    """Say that numbers will never come, and why: their gap ends, the audit keeps it."""
    from order_ops.jobs.messages import message_ledger  # noqa: PLC0415

    with explained():
        who = actor(by, reason)
        _refreshed()
        message_ledger.accept(pool(), source or _source(), tenant, producer, first, last, who)
    told = f"Numbers {first} to {last} of {producer} are accepted as never coming."
    console.print(plain(told), soft_wrap=True)


def hours_table(rows: Sequence[Any]) -> Table:
    """The ledger, one line per hour and source."""
    table = Table(box=None, pad_edge=False)
    for name in ("hour", "source", *_COUNTS, *_OURS):
        right = name not in {"hour", "source"}
        table.add_column(name.replace("_", " "), justify="right" if right else "left")
    for row in rows:
        figures = [f"{getattr(row, name):,}" for name in (*_COUNTS, *_OURS)]
        table.add_row(row.hour.strftime("%Y-%m-%d %H:00"), plain(row.source), *figures)
    return table


def _source() -> str:
    return load_mapping(get_settings().mapping).events.source


def _refreshed() -> "Balance":
    """The ledger as it is now: nobody decides on what it was when somebody last looked."""
    from order_ops.jobs.messages import message_ledger  # noqa: PLC0415

    return message_ledger.refresh(pool(), _source(), get_settings().gap_grace_s)
