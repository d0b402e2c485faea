"""`order-ops audit`: whether what people decided is still as they did it."""

from typing import Annotated

import typer

from order_ops.cli.base import JsonFile, check_writable, console, explained, pool, write_json
from order_ops.settings import SettingsError

app = typer.Typer(
    no_args_is_help=True,
    help="The chain of decisions about breaks: verified, and its head to be kept elsewhere.",
)


@app.command()
def verify(
    against: Annotated[
        str | None,
        typer.Option(
            metavar="COUNT:HASH",
            help="A head that was written down: proves that nothing up to it was removed.",
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Walk the chain; exit 1 and name the first row that was changed, removed or put in between."""
    from order_ops.store import break_events  # noqa: PLC0415
    from order_ops.store.engine import transaction  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        known = None
        if against is not None:
            count, _, told = against.partition(":")
            if not (count.isdecimal() and len(told) == 64):
                raise SettingsError("--against: say COUNT:HASH, as order-ops audit head shows it")
            known = break_events.Head(int(count), told)
        with transaction(pool()) as conn:
            found = break_events.verify(conn, known)
    if json_file is not None:
        write_json(
            json_file, {"count": found.head.count, "hash": found.head.hash, "wrong": found.wrong}
        )
    elif found.wrong is None:
        console.print(f"{found.head.count} events, each as it was written.")
    else:
        console.print(f"TAMPERED WITH: {found.wrong}.", style="bold red", soft_wrap=True)
    raise typer.Exit(int(found.wrong is not None))


@app.command()
def head() -> None:
    """Show the chain's head, COUNT:HASH: signed and kept elsewhere, it proves the end."""
    from order_ops.store import break_events  # noqa: PLC0415
    from order_ops.store.engine import transaction  # noqa: PLC0415

    with explained(), transaction(pool()) as conn:
        found = break_events.head(conn)
    typer.echo(str(found))
