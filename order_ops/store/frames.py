"""Frames out of PostgreSQL and into it: by COPY as CSV, both ends in compiled code.

A million rows that pass through Python objects take half a minute each way, and a tenth of it so.
CSV keeps apart what is null (an empty cell) and what is an empty text (a quoted one), in PostgreSQL
and in Polars alike.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import polars as pl
from psycopg import sql

from order_ops.store.engine import Connection

_AT_ONCE = 100_000
"""So many rows are CSV at a time on their way in."""
_MOMENT = pl.Datetime("us", "UTC")


def read(
    conn: Connection,
    query: sql.Composable,
    schema: Mapping[str, pl.DataType],
    parameters: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Return what a query selects: of its columns those of the schema, moments in UTC."""
    cells = sql.SQL(", ").join(_cell(name, kind) for name, kind in schema.items())
    statement = sql.SQL("COPY (SELECT {} FROM ({}) AS told) TO STDOUT (FORMAT csv)")
    text = BytesIO()
    with (
        conn.cursor() as cursor,
        cursor.copy(statement.format(cells, query), parameters) as copy,
    ):
        for part in copy:
            text.write(part)
    if not text.tell():
        return pl.DataFrame(schema=dict(schema))
    text.seek(0)
    kinds = {name: pl.Int64() if kind == _MOMENT else kind for name, kind in schema.items()}
    moments = [name for name, kind in schema.items() if kind == _MOMENT]
    return pl.read_csv(text, has_header=False, schema=kinds).with_columns(
        pl.col(moments).cast(_MOMENT)
    )


def write(conn: Connection, table: sql.Composable, frame: pl.DataFrame) -> None:
    """Add the rows of a frame to a table that has its columns."""
    names = sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, names)
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        for part in frame.iter_slices(_AT_ONCE):
            copy.write(part.write_csv(include_header=False))


def _cell(name: str, kind: pl.DataType) -> sql.Composed:
    column = sql.Identifier(name)
    if kind == _MOMENT:  # an exact number, whose text has one form
        return sql.SQL("(extract(epoch FROM {}) * 1000000)::bigint").format(column)
    return sql.SQL("{}::text").format(column)
