"""An analyst may read the views, of which each column says what it is, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import make_url

from order_ops.devstack import postgres as postgresql
from order_ops.store import analysts, migrate
from order_ops.store.engine import transaction
from order_ops.store.tables.analytics import COLUMNS
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.unit.cli import invoked

VIEWS = sorted(COLUMNS)


@pytest.fixture
def analyst(shop: Shop) -> Iterator[psycopg.Connection]:
    """A session of somebody who has the role and no other."""
    url = make_url(shop.settings.database_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as session:
        session.execute(f"SET SESSION AUTHORIZATION {analysts.ROLE}")
        yield session


def test_every_view_can_be_read(shop: Shop, analyst: psycopg.Connection) -> None:
    found = shop.rows("SELECT viewname FROM pg_views WHERE schemaname = 'analytics' ORDER BY 1")
    assert {row.viewname for row in found} >= set(VIEWS)
    for row in found:
        analyst.execute(f"SELECT * FROM analytics.{row.viewname}")


def test_no_other_table_can_be_read(shop: Shop, analyst: psycopg.Connection) -> None:
    tables = shop.rows(
        "SELECT schemaname || '.' || tablename AS name FROM pg_tables "
        "WHERE schemaname IN ('orders', 'recon', 'ops', 'intake', 'public') ORDER BY 1"
    )
    assert len(tables) > 30
    for row in tables:
        with pytest.raises(errors.InsufficientPrivilege):
            analyst.execute(f"SELECT 1 FROM {row.name}")


@pytest.mark.parametrize(
    "act",
    [
        "INSERT INTO analytics.match_members VALUES ('a', '2026-03-10', 'm', 'internal', 'e')",
        "UPDATE analytics.reconciliation_breaks SET at_stake_minor = 0",
        "DELETE FROM analytics.changes",
        "DROP VIEW analytics.changes",
        "CREATE TABLE analytics.mine (id int)",
        "CREATE TABLE public.mine (id int)",
    ],
)
def test_nothing_can_be_written(analyst: psycopg.Connection, act: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        analyst.execute(act)


def test_a_view_of_a_later_release_can_be_read(shop: Shop, analyst: psycopg.Connection) -> None:
    with transaction(shop.pool) as conn:
        conn.execute("CREATE VIEW analytics.later AS SELECT * FROM recon.run")
    assert analyst.execute("SELECT count(*) FROM analytics.later").fetchone() == (0,)


def test_every_column_says_what_it_is(shop: Shop) -> None:
    rows = shop.rows(
        "SELECT table_name AS view, column_name AS name, col_description("
        "(table_schema || '.' || table_name)::regclass, ordinal_position) AS said "
        "FROM information_schema.columns WHERE table_schema = 'analytics'"
    )
    assert len(rows) > 90
    assert [f"{row.view}.{row.name}" for row in rows if not row.said] == []
    there = {(row.view, row.name) for row in rows}
    assert {(view, name) for view, names in COLUMNS.items() for name in names} <= there


@pytest.fixture
def plain_owner(postgres: Path) -> Iterator[str]:
    """The URL of an empty database whose owner may make no roles, on a server without the role."""
    postgresql.create_database(postgres, "plainly")
    url = postgresql.database_url(postgres, "plainly")
    admin = psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False),
        autocommit=True,
    )
    with admin:
        admin.execute("CREATE ROLE plain LOGIN")
        admin.execute("ALTER DATABASE plainly OWNER TO plain")
        admin.execute(f"ALTER ROLE {analysts.ROLE} RENAME TO hidden")
        try:
            yield make_url(url).set(username="plain").render_as_string(hide_password=False)
        finally:
            admin.execute(f"ALTER ROLE hidden RENAME TO {analysts.ROLE}")
    postgresql.drop_database(postgres, "plainly")


def test_who_may_make_no_role_is_told_what_to_do_and_is_migrated_nevertheless(
    plain_owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", plain_owner)
    told = invoked.run("migrate")
    assert told.exit_code == 0, told.output
    assert f"CREATE ROLE {analysts.ROLE} NOLOGIN" in told.stdout
    before, head = migrate.pending(plain_owner)
    assert before == head
