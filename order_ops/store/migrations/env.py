"""Alembic's environment: one migration at a time, under a lock of the database."""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from order_ops.settings import get_settings
from order_ops.store.tables import SCHEMAS, metadata

LOCK = 7_305_001


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return name in SCHEMAS if kind == "schema" else True


def run() -> None:
    """Migrate in one transaction, one process at a time."""
    url = context.config.get_main_option("sqlalchemy.url") or _from_settings()
    engine = create_engine(url, poolclass=NullPool)  # closed as well when a migration fails
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_schemas=True,
            include_name=_ours,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()


def _from_settings() -> str:
    return get_settings().database_url


run()
