"""Schema `analytics` as analysts get it: a role that may read it and nothing else, and comments.

Brought up to date with every migration rather than by one of them: a role belongs to the server
and not to one database, and a server whose owner makes it later must get its grants then. A
person's login is added with `GRANT order_ops_analyst TO ana`.
"""

from psycopg import Connection, errors, sql
from sqlalchemy import create_engine

from order_ops.store.tables.analytics import meaning

ROLE = "order_ops_analyst"
_NO_ROLE = (
    f"there is no role {ROLE}, and this one may not make it: analysts cannot read yet. Let a "
    f"superuser run CREATE ROLE {ROLE} NOLOGIN, then run order-ops migrate again"
)
_READ = (
    "GRANT USAGE ON SCHEMA analytics TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO {role}",
    # views that this user makes later, whatever makes them
    "ALTER DEFAULT PRIVILEGES IN SCHEMA analytics GRANT SELECT ON TABLES TO {role}",
)
_COLUMNS = """
    SELECT c.relname, a.attname FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind IN ('v', 'm')
    ORDER BY c.relname, a.attnum
"""


def publish(database_url: str) -> str | None:
    """Say what each column means and let the role read; what is missing, in words for a person."""
    made = create_engine(database_url)
    try:
        with made.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, Connection)
            with driver.transaction():
                # grants of two processes at once would meet in the catalogue
                driver.execute("SELECT pg_advisory_xact_lock(hashtextextended('analysts', 0))")
                _say_meanings(driver)
                return None if _let_read(driver) else _NO_ROLE
    finally:
        made.dispose()


def _say_meanings(driver: Connection) -> None:
    for view, column in driver.execute(_COLUMNS).fetchall():
        if text := meaning(view, column):
            where = sql.Identifier("analytics", view, column)
            driver.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(where, text))


def _let_read(driver: Connection) -> bool:
    role = sql.Identifier(ROLE)
    if driver.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
        try:
            with driver.transaction():
                driver.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
        except errors.InsufficientPrivilege:
            return False
        except (errors.DuplicateObject, errors.UniqueViolation):
            pass  # another database of this server was quicker
    for grant in _READ:
        driver.execute(sql.SQL(grant).format(role=role))
    return True
