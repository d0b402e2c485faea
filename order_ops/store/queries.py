"""The named SQL files of `store/sql`, as functions: `queries.intake.claim(conn, ...)`.

Rows go in set-based, as one array per column; `columns` turns rows into them.
"""

from collections.abc import Iterable
from importlib import resources
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

import aiosql
import orjson

_SQL = Path(str(resources.files("order_ops.store") / "sql"))


def _load(name: str) -> Any:
    return aiosql.from_path(_SQL / f"{name}.sql", "psycopg", mandatory_parameters=False)


intake = _load("intake")
orders = _load("orders")
ops = _load("ops")
acts = _load("acts")
story = _load("story")
letters = _load("letters")
alerts = _load("alerts")
deliveries = _load("deliveries")
messages = _load("messages")
purge = _load("purge")
recon = _load("recon")
files = _load("files")
breaks = _load("breaks")
executions = _load("executions")
trace = _load("trace")
watched = _load("watched")


def columns(rows: Iterable[Any], *names: str) -> dict[str, list[Any]]:
    """One list per column, as the arrays of `unnest(:a::text[], ...)`.

    Rows are objects with these attributes, or mappings; a column of dicts becomes JSON texts.
    """
    rows = list(rows)
    get = itemgetter if rows and isinstance(rows[0], dict) else attrgetter
    return {name: _texts(list(map(get(name), rows))) for name in names}


def _texts(column: list[Any]) -> list[Any]:
    if column and isinstance(column[0], dict):
        return [orjson.dumps(value).decode() for value in column]
    return column
