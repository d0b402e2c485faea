"""Dagster's storage in PostgreSQL, with connections that are kept.

Dagster opens a connection for each query outside of its web server. Schedules, sensors
and the run queue ask many times a second, and a connection is a process of PostgreSQL:
most of what an idle system cost was their start.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from dagster._core.storage.config import pg_config
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import (
    create_pg_engine,
    pg_url_from_config,
    set_pg_statement_timeout,
)
from sqlalchemy import Engine, event

KEPT = 1
"""Connections that each of the three storages of a process keeps."""
MORE = 20
"""Those that it may open beside them, while threads need them."""
AGE_S = 3_600
CONNECT_S = 10
SILENT_MS = 60_000
"""A host that vanished is noticed within it."""
STATEMENT_MS = 300_000
"""Long, for `dagster instance migrate` comes this way too; the web server sets its own limit."""


class PooledPostgresStorage(DagsterPostgresStorage):
    """What `storage.postgres` of dagster.yaml is, of the same configuration.

    A kept connection is tried before it is used: one that the server has closed, by a
    restart or a failover, is replaced and fails no run. Nobody waits for ever for a server that
    is gone, or for a lock: the watcher ends lost runs through this.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,  # noqa: FBT001, FBT002 (Dagster's signature)
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            # the one place where Dagster keeps it; its web server asks for another one, not tried
            storage._engine = _engine(postgres_url)  # noqa: SLF001
            storage.optimize_for_webserver = partial(_optimize, storage)  # type: ignore[method-assign]

    @classmethod
    def config_type(cls) -> Any:
        """The configuration of `storage.postgres`."""
        return pg_config()

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PooledPostgresStorage":
        """Make it of a part of dagster.yaml."""
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
        )


def _engine(
    url: str, overflow: int = MORE, age_s: int = AGE_S, timeout_ms: int = STATEMENT_MS
) -> Engine:
    made = create_pg_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=KEPT,
        max_overflow=overflow,
        pool_recycle=age_s,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_S, "tcp_user_timeout": SILENT_MS},
    )
    event.listen(made, "connect", lambda conn, _: set_pg_statement_timeout(conn, timeout_ms))
    return made


def _optimize(storage: Any, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
    """What the web server asks of each storage, with connections that are tried."""
    storage._engine.dispose()  # noqa: SLF001
    storage._engine = _engine(  # noqa: SLF001
        storage.postgres_url, max_overflow, pool_recycle, statement_timeout
    )
