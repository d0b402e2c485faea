"""Migrations: bring a database to this release's schema, or say how far off it is."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from order_ops.store import analysts


def config(database_url: str) -> Config:
    """Alembic's configuration without an ini file, so that a wheel migrates too."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    made.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return made


def upgrade(database_url: str) -> str | None:
    """Apply every migration that is missing; safe to run twice or side by side.

    Returns:
        What a person still has to do for analysts to read, if anything.
    """
    command.upgrade(config(database_url), "head")
    return analysts.publish(database_url)


def pending(database_url: str) -> tuple[str | None, str | None]:
    """The database's revision and this release's: equal when nothing is pending."""
    head = ScriptDirectory.from_config(config(database_url)).get_current_head()
    made = create_engine(database_url)
    try:
        with made.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision(), head
    finally:
        made.dispose()
