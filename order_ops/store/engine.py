"""The connection pool, and the one way to a transaction.

Every session is bounded: statement, lock and idle-in-transaction timeouts, and
an application name that says which process holds it.

An engine may carry a guard (`guarded`): each of its transactions is then committed
only if the guard lets it, which is how nothing is written under a lease that is
somebody else's by now.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import orjson
import psycopg
from psycopg.rows import namedtuple_row, tuple_row
from psycopg.types.array import ListBinaryDumper
from psycopg.types.json import set_json_loads
from sqlalchemy import Engine, NullPool, create_engine, event

from order_ops.settings import Settings, get_settings

Connection = psycopg.Connection[Any]
"""A psycopg connection in a transaction, rows as named tuples."""
LOCK_TIMEOUT_S = 30
"""How long a statement waits for a lock, unless somebody sits in front of it."""


def engine(settings: Settings | None = None, *, lock_timeout_s: int = LOCK_TIMEOUT_S) -> Engine:
    """The pool of this process: bounded, checked before use, named."""
    settings = settings or get_settings()
    size, statement_timeout_s = settings.database_pool, settings.statement_timeout_s
    return _engine(settings.database_url, size, statement_timeout_s, lock_timeout_s)


def session_name() -> str:
    """What this process's sessions are called in pg_stat_activity (at most 63 bytes)."""
    return f"order_ops {os.getpid()}@{socket.gethostname()[:40]}"


def apart(pool: Engine, who: str, *, timeout_s: int = 10) -> Engine:
    """The same database over connections of one's own, named after who asks.

    For what must get through when the pool is used up, and go on when the sessions of the
    process are ended. No statement takes longer than `timeout_s`, nor waits longer for a lock.
    """
    return create_engine(
        pool.url,
        poolclass=NullPool,
        connect_args={
            "application_name": f"{session_name()} {who}"[:63],
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,
            "options": f"-c statement_timeout={timeout_s}s -c lock_timeout={timeout_s}s "
            "-c TimeZone=UTC",
        },
    )


Guard = Callable[[Connection], None]
_GUARD = "order_ops_guard"


def guarded(pool: Engine, guard: Guard) -> Engine:
    """The same pool, whose transactions commit only if the guard does not raise."""
    return pool.execution_options(**{_GUARD: guard})


@cache
def _engine(database_url: str, size: int, statement_timeout_s: int, lock_timeout_s: int) -> Engine:
    session = {
        "statement_timeout": f"{statement_timeout_s}s",
        "lock_timeout": f"{lock_timeout_s}s",
        "idle_in_transaction_session_timeout": "60s",
        "client_connection_check_interval": "5s",
        "TimeZone": "UTC",
    }
    made = create_engine(
        database_url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "application_name": session_name(),
            "connect_timeout": 10,
            # a host that vanished is noticed within a minute
            "keepalives_idle": 20,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
            "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
        },
    )
    event.listen(made, "connect", _fast_types)
    return made


def _fast_types(connection: Connection, _record: object) -> None:
    """Rows go in as one array per column: in binary that is six times as fast as in text."""
    connection.adapters.register_dumper(list, ListBinaryDumper)
    set_json_loads(orjson.loads, connection)


@contextmanager
def transaction(pool: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on any error.

    What interrupts it in the middle of a statement (the process is asked to end) leaves a session
    that takes no rollback: it is given up, or the error of its rollback would hide the interrupt.
    """
    with pool.begin() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        driver.row_factory = namedtuple_row
        try:
            yield driver
            if (guard := connection.get_execution_options().get(_GUARD)) is not None:
                guard(driver)
        except BaseException as error:
            if not isinstance(error, Exception):
                connection.invalidate(error)
            raise
        finally:
            driver.row_factory = tuple_row


@contextmanager
def rehearsal(pool: Engine) -> Iterator[Connection]:
    """One transaction that is always rolled back: the real work, and nothing of it stays."""
    with transaction(pool) as connection:
        yield connection
        connection.rollback()
