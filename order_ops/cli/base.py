"""What every command shares: the console, and how an error is told.

An error that a person can mend is printed as one message, without a traceback,
with exit status 2; heavy imports wait until a command needs them.
"""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from order_ops.domain.failures import MendableError
from order_ops.settings import SettingsError, get_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from order_ops.store.audit import Actor

console = Console()
errors = Console(stderr=True)

JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write the outcome to this file; - for stdout.")
]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]
By = Annotated[
    str, typer.Option(envvar="ORDER_OPS_ACTOR", help="Who acts.", show_default="your login")
]


def pool() -> "Engine":
    """The database of the settings."""
    from order_ops.store.engine import engine  # noqa: PLC0415

    return engine(get_settings())


def actor(by: str, reason: str, *, dry_run: bool = False) -> "Actor":
    """Who acts, and why; a dry run needs no reason.

    Raises:
        SettingsError: nobody said why.
    """
    from order_ops.store.audit import Actor  # noqa: PLC0415

    if not reason.strip() and not dry_run:
        raise SettingsError("--reason: say why; it is kept in the audit")
    return Actor(by.strip() or getpass.getuser(), reason.strip() or "dry run")


@contextmanager
def explained() -> Iterator[None]:
    """Print an error that a person can mend, and exit with 2."""
    try:
        yield
    except Exception as error:
        if (hint := _database_hint(error)) is not None:
            error = SettingsError(hint)
        if not isinstance(error, MendableError):
            raise
        errors.print(Text.assemble(("order-ops:", "bold red"), f" {error}"), soft_wrap=True)
        raise typer.Exit(2) from None


def _database_hint(error: Exception) -> str | None:
    """What to do about a database that is away, or not migrated."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
    names = {type(error).__name__, type(getattr(error, "orig", None)).__name__}
    if "OperationalError" in names:
        return f"ORDER_OPS_DATABASE_URL: the database does not answer: {reason}"
    if names & {"UndefinedTable", "InvalidSchemaName"}:
        return f"the database is not migrated ({reason}): run order-ops migrate"
    return None


def make_folder(file: Path | None) -> None:
    """The folder of a file that is written at the end of long work."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)


def write_json(file: Path, outcome: Any) -> None:
    """As a file, or to stdout when it is called `-`."""
    text = json.dumps(outcome, indent=2, default=str)
    if str(file) == "-":
        typer.echo(text)
    else:
        file.write_text(text + "\n", encoding="utf-8")
