"""`order-ops doctor`: what is wrong with broker, bindings, mapping, database and Dagster."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from order_ops.cli.base import JsonFile, check_writable, console, explained, plain, write_json
from order_ops.mapping import load_mapping
from order_ops.settings import get_settings


def doctor(
    *,
    without_bindings: Annotated[
        bool, typer.Option("--without-bindings", help="Do not ask RabbitMQ's management API.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Check broker, bindings, mapping, database and Dagster, and change nothing."""
    from order_ops.jobs.upkeep import doctor as audit  # noqa: PLC0415
    from order_ops.orchestration.doctor import dagster_findings  # noqa: PLC0415

    with explained():
        settings = get_settings()
        events = load_mapping(settings.mapping).events
        check_writable(json_file)
    wanted = audit.checks(settings, events, bindings=not without_bindings)
    dagster = audit.Check(
        "Dagster's storage answers at its schema, its daemons live",
        lambda: dagster_findings(datetime.now(UTC)),
    )
    outcome = audit.run([*wanted, dagster])
    if json_file is not None:
        write_json(json_file, audit.as_json(outcome))
    if str(json_file) != "-":
        _show(outcome)
    raise typer.Exit(int(any(checked.findings for checked in outcome)))


def _show(outcome: Sequence[Any]) -> None:
    """A line for each check that is fine, and a line for each finding."""
    for checked in outcome:
        if not checked.findings:
            console.print(Text.assemble(("✔ ", "green"), plain(checked.fine)), soft_wrap=True)
        for found in checked.findings:
            console.print(Text.assemble(("✘ ", "bold red"), plain(found)), soft_wrap=True)
