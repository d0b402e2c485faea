"""`order-ops alerts maintenance`: hold alerts while people work on what they speak of."""

from typing import Annotated

import typer

from order_ops.cli.alerts_view import windows_table
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
from order_ops.cli.durations import duration
from order_ops.settings import SettingsError

app = typer.Typer(
    invoke_without_command=True,
    help="Hold alerts for a while: --for 2h --keys PREFIX --reason WHY. They are told after it, "
    "if they are still open.",
)


@app.callback()
def begin(
    context: typer.Context,
    *,
    span: Annotated[str, typer.Option("--for", help="How long, from now: 30m, 2h, 7d.")] = "",
    keys: Annotated[
        str, typer.Option(help="Hold alerts whose key starts so: dead_letter:, expiry:shop:.")
    ] = "",
    reason: Reason = "",
    by: By = "",
) -> None:
    """Begin a window, or say `list` or `end`."""
    from order_ops.jobs.alerts import handling  # noqa: PLC0415

    if context.invoked_subcommand is not None:
        return
    with explained():
        if not span:
            raise SettingsError("--for: say how long, such as 2h; or say list, or end")
        if not keys.strip() or "\0" in keys:
            raise SettingsError(
                "--keys: say which alerts, by the beginning of their keys, such as dead_letter:"
            )
        who = actor(by, reason)
        window = handling.begin_maintenance(pool(), keys.strip(), duration("--for", span), who)
    until = window.until_at.isoformat(timespec="seconds")
    told = f"Maintenance {window.id}: alerts of {keys.strip()} are held until {until}."
    console.print(plain(told), soft_wrap=True)


@app.command("list")
def list_windows(json_file: JsonFile = None) -> None:
    """Show the windows that are not over."""
    from order_ops.jobs.alerts import handling  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        found = handling.maintenance(pool())
    if json_file is not None:
        write_json(json_file, [window._asdict() for window in found])
        return
    console.print(windows_table(found))


@app.command()
def end(
    window: Annotated[int, typer.Argument(help="The window's id.")],
    *,
    reason: Reason = "",
    by: By = "",
) -> None:
    """End a window now: what it held and is still open is told."""
    from order_ops.jobs.alerts import handling  # noqa: PLC0415

    with explained():
        done = handling.end_maintenance(pool(), window, actor(by, reason))
    console.print(plain(f"Maintenance {window} of {done.prefix} is over."), soft_wrap=True)
