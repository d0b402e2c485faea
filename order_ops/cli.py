"""The command line: every command, thin. What a command does is in `jobs` or `devstack`.

Errors that a person can mend are printed as one message, without a traceback,
with exit status 2; heavy imports wait until a command needs them.
"""

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

import typer
from rich.console import Console
from rich.text import Text

from order_ops.mapping import MappingError, load_mapping
from order_ops.settings import SettingsError, get_settings

app = typer.Typer(
    name="order-ops",
    help="Background jobs of an order service that have to be right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_console = Console()
_errors = Console(stderr=True)

Home = Annotated[
    Path,
    typer.Option(envvar="ORDER_OPS_HOME", help="Folder for embedded servers, logs and reports."),
]
_HOME = Path(".order_ops")


@contextmanager
def _explained() -> Iterator[None]:
    """Print an error that a person can mend, and exit with 2."""
    try:
        yield
    except Exception as error:
        if (hint := _database_hint(error)) is not None:
            error = SettingsError(hint)
        if not _mendable(error):
            raise
        _errors.print(Text.assemble(("order-ops:", "bold red"), f" {error}"), soft_wrap=True)
        raise typer.Exit(2) from None


def _mendable(error: Exception) -> bool:
    """Errors whose message says what is wrong, where, and what to do."""
    names = {base.__name__ for base in type(error).__mro__}
    told = {"ReportError", "RulesError", "InternalFileError", "DevstackError"}
    return isinstance(error, SettingsError | MappingError) or bool(names & told)


def _database_hint(error: Exception) -> str | None:
    """What to do about a database that is away, or not migrated."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
    names = {type(error).__name__, type(getattr(error, "orig", None)).__name__}
    if "OperationalError" in names:
        return f"ORDER_OPS_DATABASE_URL: the database does not answer: {reason}"
    if names & {"UndefinedTable", "InvalidSchemaName"}:
        return f"the database is not migrated ({reason}): run order-ops migrate"
    return None


def _make_folder(file: Path | None) -> None:
    """The folder of a file that is written at the end of long work."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)


@app.command()
def up(home: Home = _HOME) -> None:
    """Run everything: servers, Dagster's UI and daemon, consumer, relay. Ctrl-C stops it."""
    from order_ops.devstack.supervisor import up as run  # noqa: PLC0415

    with _explained():
        raise typer.Exit(run(home))


@app.command()
def demo(
    home: Home = _HOME,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
) -> None:
    """Play a shop's day through the real code path, and print the verdict."""
    from order_ops.devstack.demo import run  # noqa: PLC0415

    with _explained():
        _make_folder(json_file)
        outcome = run(home, _console)
        if json_file is not None:
            json_file.write_text(json.dumps(outcome.figures, indent=2) + "\n", encoding="utf-8")
    raise typer.Exit(0 if outcome.as_labelled else 1)


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema."""
    from order_ops.store import migrate as migrations  # noqa: PLC0415

    with _explained():
        url = get_settings().database_url
        before, head = migrations.pending(url)
        migrations.upgrade(url)
    done = "is at" if before == head else f"went from {before or 'nothing'} to"
    _console.print(f"The database {done} revision {head}.")


@app.command()
def consume() -> None:
    """Take messages from the broker into the inbox, until stopped."""
    from order_ops.jobs.consume import make_consumer  # noqa: PLC0415

    with _explained():
        consumer = make_consumer(get_settings())
    _run_process("consumer", consumer.run, consumer.stop)


@app.command()
def relay() -> None:
    """Publish the outbox to the broker, until stopped."""
    from order_ops.jobs.relay import Relay  # noqa: PLC0415
    from order_ops.store.engine import engine  # noqa: PLC0415

    with _explained():
        settings = get_settings()
        if settings.amqp_url is None:
            raise SettingsError("ORDER_OPS_AMQP_URL: is not set: the relay needs a broker")
        events = load_mapping(settings.mapping).events
        made = Relay(engine(settings), settings.amqp_url, events)
    _run_process("relay", made.run, made.stop)


@app.command()
def doctor(
    *,
    without_bindings: Annotated[
        bool, typer.Option("--without-bindings", help="Do not ask RabbitMQ's management API.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the outcome to this file; - for stdout.")
    ] = None,
) -> None:
    """Check broker, bindings, mapping, database and Dagster, and change nothing."""
    from order_ops.jobs import doctor as audit  # noqa: PLC0415
    from order_ops.orchestration.doctor import dagster_findings  # noqa: PLC0415

    with _explained():
        settings = get_settings()
        events = load_mapping(settings.mapping).events
        _make_folder(json_file)
    wanted = audit.checks(settings, events, bindings=not without_bindings)
    dagster = audit.Check(
        "Dagster's storage answers at its schema, its daemons live",
        lambda: dagster_findings(datetime.now(UTC)),
    )
    outcome = audit.run([*wanted, dagster])
    if json_file is not None and str(json_file) != "-":
        json_file.write_text(json.dumps(audit.as_json(outcome), indent=2) + "\n", encoding="utf-8")
    if str(json_file) == "-":
        typer.echo(json.dumps(audit.as_json(outcome), indent=2))
    else:
        _show(outcome)
    raise typer.Exit(int(any(checked.findings for checked in outcome)))


def _show(outcome: Sequence[Any]) -> None:
    """A line for each check that is fine, and a line for each finding."""
    for checked in outcome:
        if not checked.findings:
            _console.print(Text.assemble(("✔", "green"), f" {checked.fine}"), soft_wrap=True)
        for found in checked.findings:
            _console.print(Text.assemble(("✘", "bold red"), f" {found}"), soft_wrap=True)


def _run_process(name: str, run: Callable[[], None], stop: Callable[[], None]) -> None:
    """A long-running process: JSON logs, and a clean end on SIGTERM and Ctrl-C."""
    from order_ops.telemetry.logs import configure  # noqa: PLC0415

    configure(name)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop())
    run()


@app.command()
def ingest(
    file: Annotated[Path, typer.Argument(help="The provider's file.")],
    account: Annotated[str, typer.Option(help="The provider account it is of.")],
) -> None:
    """Store a provider file; the days it has lines of are then reconciled."""
    from order_ops.jobs.ingest import ingest as run  # noqa: PLC0415
    from order_ops.store.engine import engine  # noqa: PLC0415

    with _explained():
        settings = get_settings()
        found = load_mapping(settings.mapping).account(account)
        done = run(engine(settings), found, file)
    if done.known_since:
        _console.out(f"{done.name} is known since {done.known_since}: nothing changed.")
        return
    new = sum(done.new_by_day.values())
    _console.out(f"{done.name}: {done.lines} lines, {new} of them new.")
    for day, lines in sorted(done.new_by_day.items()):
        _console.print(f"  {day}: {lines} lines; the day will be reconciled.")


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        raise typer.BadParameter(f"{value!r} is not an IANA time zone such as America/Sao_Paulo")
    return value


@app.command()
def reconcile(
    internal: Annotated[Path, typer.Option(help="Our payments, CSV or Parquet.")],
    provider: Annotated[str, typer.Option(help="PROVIDER:FILE, such as stripe:report.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for tables and report.")],
    rules: Annotated[Path | None, typer.Option(help="Matching rules, YAML.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the summary to this file.")
    ] = None,
    account: Annotated[str, typer.Option(help="A name for the account.")] = "files",
    time_zone: Annotated[
        str, typer.Option(help="Accounting time zone.", callback=_known_zone)
    ] = "UTC",
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Close the files as of this day; default: today."),
    ] = None,
) -> None:
    """Reconcile files against files: the same core, no server needed."""
    from order_ops.jobs.reconcile_files import reconcile_files  # noqa: PLC0415
    from order_ops.reconciliation.rules import load_rules  # noqa: PLC0415

    with _explained():
        _make_folder(json_file)
        done: Any = reconcile_files(
            internal,
            provider,
            rules=load_rules(rules),
            account=account,
            time_zone=time_zone,
            as_of=as_of.date() if as_of else None,
            out=out,
        )
        if json_file is not None:
            json_file.write_text(json.dumps(done.summary, indent=2) + "\n", encoding="utf-8")
    _console.print(done.sentence)
    _console.out(f"Verdict {done.summary['verdict']}; report and tables in {out}.")


if __name__ == "__main__":
    app()
