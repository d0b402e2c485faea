"""Commands that run the system or a process of it."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from order_ops.cli.base import check_writable, console, explained, pool, write_json
from order_ops.mapping import load_mapping
from order_ops.settings import SettingsError, get_settings

Home = Annotated[
    Path,
    typer.Option(envvar="ORDER_OPS_HOME", help="Folder for embedded servers, logs and reports."),
]
_HOME = Path(".order_ops")


def up(home: Home = _HOME) -> None:
    """Run everything: servers, Dagster's UI and daemon, consumer, relay. Ctrl-C stops it."""
    from order_ops.devstack.supervisor import up as run  # noqa: PLC0415

    with explained():
        raise typer.Exit(run(home))


def demo(
    home: Home = _HOME,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
) -> None:
    """Play a shop's day through the real code path, and print the verdict."""
    from order_ops.devstack.demo import run  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        outcome = run(home, Console())
    if json_file is not None:
        write_json(json_file, outcome.figures)
    raise typer.Exit(0 if outcome.as_labelled else 1)


def migrate() -> None:
    """Bring the database to this release's schema."""
    from order_ops.store import migrate as migrations  # noqa: PLC0415

    with explained():
        url = get_settings().database_url
        before, head = migrations.pending(url)
        missing = migrations.upgrade(url)
    done = "is at" if before == head else f"went from {before or 'nothing'} to"
    console.print(f"The database {done} revision {head}.")
    if missing:
        console.print(f"But {missing}.", soft_wrap=True)


def consume() -> None:
    """Take messages from the broker into the inbox, until stopped."""
    from order_ops.jobs.messages.consume import make_consumer  # noqa: PLC0415

    with explained():
        consumer = make_consumer(get_settings())
    _run_process("consumer", consumer.run, consumer.stop)


def relay() -> None:
    """Publish the outbox to the broker, until stopped."""
    from order_ops.jobs.messages.relay import Relay  # noqa: PLC0415

    with explained():
        settings = get_settings()
        if settings.amqp_url is None:
            raise SettingsError("ORDER_OPS_AMQP_URL: is not set: the relay needs a broker")
        events = load_mapping(settings.mapping).events
        made = Relay(pool(patient=True), settings.amqp_url, events)
    _run_process("relay", made.run, made.stop)


def watch() -> None:
    """Free what dead workers held, tell who is not heard of, serve metrics; until stopped.

    It goes on when Dagster is down; with DAGSTER_HOME set it ends lost runs there too.
    Metrics are at ORDER_OPS_METRICS_ADDRESS and ORDER_OPS_METRICS_PORT, path /metrics.
    """
    from order_ops.jobs.catalogue import expected_beats  # noqa: PLC0415
    from order_ops.jobs.upkeep.watch import Watcher  # noqa: PLC0415
    from order_ops.orchestration.run_storage import StoredRuns  # noqa: PLC0415

    with explained():
        settings = get_settings()
        events = load_mapping(settings.mapping).events
        with_dagster = "DAGSTER_HOME" in os.environ
        runs, expected = (StoredRuns(), expected_beats()) if with_dagster else (None, {})
        watcher = Watcher(pool(patient=True), settings, events, runs, expected)
        try:
            _run_process("watch", watcher.run, watcher.stop)
        except (OSError, UnicodeError) as error:  # the latter of a name that is no host's
            raise SettingsError(
                f"ORDER_OPS_METRICS_ADDRESS, ORDER_OPS_METRICS_PORT: metrics cannot be served at "
                f"{settings.metrics_address}:{settings.metrics_port}: {error}"
            ) from None


def _run_process(name: str, run: Callable[[], None], stop: Callable[[], None]) -> None:
    """A long-running process: JSON logs, a clean end on SIGTERM and Ctrl-C, a loud one else.

    One that ends in order is not missed, but where the watcher expects it to be back.
    """
    from order_ops.jobs.alerts.process_alerts import tell_death, tell_start  # noqa: PLC0415
    from order_ops.store import beats  # noqa: PLC0415
    from order_ops.telemetry import crash, logs  # noqa: PLC0415

    logs.configure(name)
    crash.install(partial(tell_death, pool(patient=True), name))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop())
    with suppress(Exception):  # the database may come up later than we
        tell_start(pool(patient=True), name)
    run()
    with suppress(Exception):
        beats.end(pool(patient=True), f"process:{name}")
