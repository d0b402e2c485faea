"""`order-ops trace`: from one id, as it was copied from anywhere, to all that hangs together."""

from pathlib import Path
from typing import Annotated

import typer

from order_ops.cli.base import JsonFile, check_writable, console, explained, pool, write_json
from order_ops.cli.trace_view import as_json, tell
from order_ops.settings import get_settings

_LIMIT, _MOST = 100, 10_000


def trace(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Of an alert, dead letter, message, correlation, order, run, execution or event, "
            "as it is shown; letter:7 where several things are 7.",
        ),
    ],
    *,
    logs: Annotated[
        list[Path] | None,
        typer.Option(
            help="A file of log lines, a folder of them, - for stdin; may be said again.",
            show_default="where order-ops up writes them",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="Of each kind.")] = _LIMIT,
    json_file: JsonFile = None,
) -> None:
    """Show what hangs together with an id, in time order: from the message to the log lines."""
    from order_ops.jobs.traces.trace import trace as find  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        found = find(pool(), wanted, _logs() if logs is None else logs, limit)
    if json_file is not None:
        write_json(json_file, as_json(found))
    else:
        tell(console, found)


def _logs() -> list[Path]:
    from order_ops.devstack.programs import log_folder  # noqa: PLC0415

    folder = log_folder(get_settings().home)
    return [folder] if folder.is_dir() else []
