"""Database sessions are bounded, and given back whatever happened in them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from psycopg import Connection, errors
from sqlalchemy.exc import DBAPIError

from order_ops.store.engine import guarded, transaction
from order_ops.store.executions import LeaseLost
from order_ops_tests.integration.conftest import Shop

OPERATIONS = 500
THREADS = 16


class NoError(Exception):
    """What an operation raises that ends well."""


def _well(conn: Connection) -> None:
    conn.execute("SELECT 1")


def _bad_statement(conn: Connection) -> None:
    conn.execute("SELECT 1 / 0")


def _too_slow(conn: Connection) -> None:
    conn.execute("SET LOCAL statement_timeout = '1ms'")
    conn.execute("SELECT pg_sleep(1)")


def _bad_code(conn: Connection) -> None:
    conn.execute("SELECT 1")
    raise ZeroDivisionError


def _ended_by_the_server(conn: Connection) -> None:
    conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def _taken_over(conn: Connection) -> None:
    conn.execute("SELECT 1")


KINDS: dict[Callable[[Connection], None], type[Exception]] = {
    _well: NoError,
    _bad_statement: errors.DivisionByZero,
    _too_slow: errors.QueryCanceled,
    _bad_code: ZeroDivisionError,
    _ended_by_the_server: DBAPIError,
    _taken_over: LeaseLost,
}


def _refuse(_: Connection) -> None:
    raise LeaseLost("taken over")


def test_after_500_operations_of_all_kinds_no_session_is_held(shop: Shop) -> None:
    """Sixteen threads share the pool of five; all but a sixth of them fail."""

    def operate(number: int) -> bool:
        """Whether it became what it was to become."""
        kind, expected = list(KINDS.items())[number % len(KINDS)]
        pool = guarded(shop.pool, _refuse) if kind is _taken_over else shop.pool
        try:
            with transaction(pool) as conn:
                kind(conn)
        except Exception as error:  # noqa: BLE001
            return isinstance(error, expected)
        return expected is NoError

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(operate, range(OPERATIONS)))
    assert shop.pool.pool.checkedout() == 0  # type: ignore[attr-defined]
    held = """SELECT state FROM pg_stat_activity WHERE datname = current_database()
        AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
    sessions = [row.state for row in shop.rows(held)]
    assert len(sessions) <= shop.settings.database_pool
    assert set(sessions) <= {"idle"}, "none is idle in a transaction"
