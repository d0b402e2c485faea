"""What every command shares: the console, and how an error is told.

An error that a person can mend is printed as one message, without a traceback,
with exit status 2; heavy imports wait until a command needs them.
"""

import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EISDIR, ENOTDIR
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

console = Console(markup=False, emoji=False)
errors = Console(stderr=True, markup=False, emoji=False)

JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write the outcome to this file; - for stdout.")
]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]
By = Annotated[
    str, typer.Option(envvar="ORDER_OPS_ACTOR", help="Who acts.", show_default="your login")
]


def pool(*, patient: bool = False) -> "Engine":
    """The database of the settings; a person who waits is told of a lock soon."""
    from order_ops.store.engine import LOCK_TIMEOUT_S, engine  # noqa: PLC0415

    return engine(get_settings(), lock_timeout_s=LOCK_TIMEOUT_S if patient else 5)


def plain(value: object, style: str = "", *, keep: str = "") -> Text:
    """Data as it is: no markup, and no character that a terminal would act on, but those to `keep`.

    A shop's ids are whatever it sends: `[/x]` is no tag, and an escape sequence is not obeyed.
    """
    shown = (c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in str(value))
    return Text("".join(shown), style)


def actor(by: str, reason: str, *, dry_run: bool = False) -> "Actor":
    """Who acts, and why; a dry run needs no reason.

    Raises:
        SettingsError: nobody said why, or who.
    """
    from order_ops.store.audit import Actor  # noqa: PLC0415

    if not reason.strip() and not dry_run:
        raise SettingsError("--reason: say why; it is kept in the audit")
    for option, text in (("--reason", reason), ("--by", by)):
        if "\0" in text:
            raise SettingsError(f"{option}: {_NO_NUL}")
    return Actor(by.strip() or _login(), reason.strip() or "dry run")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may be a number only
        raise SettingsError(
            "--by: say who acts, or set ORDER_OPS_ACTOR: your user has no name here"
        ) from None


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
        told = plain(f" {error}", keep="\n")
        errors.print(Text.assemble(("order-ops:", "bold red"), told), soft_wrap=True)
        raise typer.Exit(2) from None


_SQLSTATES = {
    "55P03": "what is asked for is locked by somebody else: try again in a while",
    "57014": "the database took too long: try again in a while",
    "42501": "the role of ORDER_OPS_DATABASE_URL may not do this: grant it, or name another role",
    "25006": "the database takes no writes: let ORDER_OPS_DATABASE_URL name the primary",
    "53100": "the disk of the database is full: make room",
    "53300": "the database has no session left: try again, or raise its max_connections",
}
_NO_NUL = "a text cannot hold a NUL character: leave it out"
_NO_UTF8 = "a text has bytes that are not UTF-8: leave them out"


def _database_hint(error: Exception) -> str | None:
    """What to do about a database that is away or not migrated, or a text that it cannot keep."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
    cause = getattr(error, "orig", None) or error
    names = {kind.__name__ for kind in (*type(error).__mro__, *type(cause).__mro__)}
    if (what := _SQLSTATES.get(getattr(cause, "sqlstate", None) or "")) is not None:
        return f"{what} ({reason})"
    if "OperationalError" in names:
        return f"ORDER_OPS_DATABASE_URL: the database does not answer: {reason}"
    if names & {"UndefinedTable", "InvalidSchemaName"}:
        return f"the database is not migrated ({reason}): run order-ops migrate"
    if "DataError" in names and "NUL" in reason:
        return _NO_NUL
    if "UnicodeEncodeError" in names and "surrogates" in reason:
        return _NO_UTF8
    return None


def check_writable(file: Path | None) -> None:
    """Whether a file that is written at the end of long work can be; nothing is made yet.

    Raises:
        SettingsError: it cannot.
    """
    if file is None or str(file) == "-":
        return
    with _writing(file):
        if file.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        there = next(path for path in (file, *file.absolute().parents) if path.exists())
        if there != file and not there.is_dir():
            raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR))
        if not os.access(there, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))


def write_json(file: Path, outcome: Any) -> None:
    """As a file, or to stdout when it is called `-`."""
    text = json.dumps(outcome, indent=2, default=str)
    if str(file) == "-":
        typer.echo(text)
        return
    with explained(), _writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(f"--json {file}: cannot be written: {error.strerror}") from None
