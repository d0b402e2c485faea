"""`order-ops alerts`: what people must hear of, acknowledged, snoozed, resolved."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from order_ops.cli import maintenance
from order_ops.cli.alerts_view import alerts_table, as_json, tell_story
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

app = typer.Typer(
    no_args_is_help=True,
    help="Alerts: what a person must hear of, and who is at it.",
)
app.add_typer(maintenance.app, name="maintenance")


class OfSeverity(StrEnum):
    """How severe."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


AlertId = Annotated[int, typer.Argument(help="The alert's id.")]
For = Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 7d.")]
_LIMIT, _MOST = 50, 10_000


@app.command("list")
def list_alerts(
    *,
    severity: Annotated[OfSeverity | None, typer.Option(help="Of this severity.")] = None,
    keys: Annotated[str, typer.Option(help="Whose key starts so, such as dead_letter:.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=_MOST)] = _LIMIT,
    json_file: JsonFile = None,
) -> None:
    """Show open alerts, newest first."""
    from order_ops.jobs.alerts import handling  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        wanted: Any = None if severity is None else severity.value
        found = handling.find(pool(), severity=wanted, keys=keys, ended=every, limit=limit + 1)
    if json_file is not None:
        write_json(json_file, [alert._asdict() for alert in found[:limit]])
        return
    console.print(alerts_table(found[:limit]))
    if len(found) > limit:
        console.print("There are more: raise --limit, or narrow it down with --keys.")


@app.command()
def show(alert: AlertId, json_file: JsonFile = None) -> None:
    """Show an alert whole: where it was told, and what was done about it."""
    from order_ops.jobs.alerts import handling  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        story = handling.story(pool(), alert)
    if json_file is not None:
        write_json(json_file, as_json(story))
    else:
        tell_story(console, story)


@app.command()
def ack(alert: AlertId, *, reason: Reason = "", by: By = "") -> None:
    """Say that you are at it: nobody is rung about it any more."""
    from order_ops.jobs.alerts import handling  # noqa: PLC0415

    with explained():
        who = actor(by, reason)
        done = handling.acknowledge(pool(), alert, who)
    _say(f"Alert {alert} is acknowledged by {who.name}: {done.title}")


@app.command()
def snooze(alert: AlertId, *, span: For, reason: Reason = "", by: By = "") -> None:
    """Ring nobody for a while; it is told again after that, if it is still open."""
    from order_ops.jobs.alerts import handling  # noqa: PLC0415

    with explained():
        who = actor(by, reason)
        until = handling.snooze(pool(), alert, duration("--for", span), who)
    _say(f"Alert {alert} is snoozed until {until.isoformat(timespec='seconds')}.")


@app.command()
def resolve(alert: AlertId, *, reason: Reason = "", by: By = "") -> None:
    """End an alert; if its fact is seen again, that is a new one."""
    from order_ops.jobs.alerts import handling  # noqa: PLC0415

    with explained():
        done = handling.resolve(pool(), alert, actor(by, reason))
    _say(f"Alert {alert} is resolved: {done.title}")


def _say(told: str) -> None:
    console.print(plain(told), soft_wrap=True)
