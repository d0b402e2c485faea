"""Dagster's part of `order-ops doctor`: its storage, its schema, its daemons. It only reads."""

import os
from datetime import datetime
from pathlib import Path

import dagster as dg
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from order_ops.domain.findings import Finding, reason
from order_ops.settings import DAGSTER_POSTGRES_URL

HOME = "DAGSTER_HOME"
DRIVER = "postgresql+psycopg2"
STALE_S = 90.0
"""Age of a daemon's last heartbeat, which comes every 30 s."""
TIMEOUT_S = 5
_TABLES = frozenset({"runs", "event_logs", "jobs", "instance_info", "daemon_heartbeats"})
_START = "start dagster-daemon run"


def dagster_findings(now: datetime) -> list[Finding]:
    """What is wrong with the instance of DAGSTER_HOME at `now` (aware).

    The tables are looked for before the instance is opened: opening it creates them.
    """
    if found := _variables() or _storage(os.environ[DAGSTER_POSTGRES_URL]):
        return found
    with dg.DagsterInstance.get() as instance:
        return [*_schema(instance), *_daemons(instance, now)]


def _variables() -> list[Finding]:
    home = os.environ.get(HOME, "")
    if not home:
        remedy = "set it to the folder of dagster.yaml; . .order_ops/env sets it"
        return [Finding(HOME, "is not set: Dagster cannot be checked", remedy)]
    if not (Path(home).is_absolute() and (Path(home) / "dagster.yaml").is_file()):
        remedy = "copy or link the checkout's dagster.yaml there and give the absolute path"
        return [Finding(HOME, f"{home} is no absolute path with a dagster.yaml", remedy)]
    url = os.environ.get(DAGSTER_POSTGRES_URL, "")
    try:
        driver = make_url(url).drivername if url else None
    except ArgumentError:
        driver = "no database URL"
    if driver != DRIVER:
        told = f"is {driver}://..., not {DRIVER}://..." if driver else "is not set"
        return [Finding(DAGSTER_POSTGRES_URL, told, f"set it to {DRIVER}://user@host/name")]
    return []


def _storage(url: str) -> list[Finding]:
    """Whether the database answers and has Dagster's tables."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": TIMEOUT_S})
    try:
        missing = sorted(_TABLES - set(inspect(engine).get_table_names()))
    except SQLAlchemyError as error:
        remedy = f"start PostgreSQL, or correct {DAGSTER_POSTGRES_URL}"
        return [Finding("Dagster's database", f"does not answer: {reason(error)}", remedy)]
    if missing:
        told = f"has no table {', '.join(missing)}"
        return [Finding("Dagster's database", told, f"{_START} once: it creates them")]
    return []


def _schema(instance: dg.DagsterInstance) -> list[Finding]:
    at, head = instance.run_storage.alembic_version() or (None, None)
    if at == head:
        return []
    told = f"is at schema {at}, this Dagster needs {head}"
    return [Finding("Dagster's database", told, "run dagster instance migrate")]


def _daemons(instance: dg.DagsterInstance, now: datetime) -> list[Finding]:
    """One finding for all silent daemons: they live in one process."""
    beats = instance.get_daemon_heartbeats()
    ages = {
        name: now.timestamp() - beats[name].timestamp if name in beats else None
        for name in instance.get_required_daemon_types()
    }
    silent = [
        f"{name} ({'never' if age is None else f'{age:.0f} s ago'})"
        for name, age in ages.items()
        if age is None or age > STALE_S
    ]
    if not silent:
        return []
    told = f"no heartbeat within {STALE_S:.0f} s of {', '.join(silent)}"
    return [Finding("Dagster's daemons", told, _START)]
