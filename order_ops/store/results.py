"""A partition's rows, replaced as a whole: what a frame holds becomes what the table holds."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from psycopg import sql

from order_ops.store import frames
from order_ops.store.engine import Connection
from order_ops.store.tables.columns import metadata


def replace(
    conn: Connection, table: str, partition: Mapping[str, Any], frame: pl.DataFrame
) -> None:
    """Delete a partition's rows of recon.`table` and copy these in, in the order of their key.

    A million rows in any other order take PostgreSQL half as long again: each next key is then on
    another page of its index.

    Args:
        partition: column -> value, added to every row.
        frame: the other columns.
    """
    name = sql.Identifier("recon", table)
    conn.execute(sql.SQL("DELETE FROM {} WHERE {}").format(name, _where(partition)))
    fixed = {column: pl.lit(value) for column, value in partition.items()}
    key = [column.name for column in metadata.tables[f"recon.{table}"].primary_key]
    frames.write(conn, name, frame.with_columns(**fixed).sort(key))


def read(
    conn: Connection, table: str, partition: Mapping[str, Any], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """The rows of a partition of recon.`table`: the columns of the schema."""
    query = sql.SQL("SELECT * FROM {} WHERE {}").format(
        sql.Identifier("recon", table), _where(partition)
    )
    return frames.read(conn, query, schema)


def _where(partition: Mapping[str, Any]) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(key), value) for key, value in partition.items()
    )
