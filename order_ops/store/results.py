"""A partition's rows, replaced as a whole: what a frame holds becomes what the table holds."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import sql
from psycopg.rows import tuple_row

from order_ops.store.engine import Connection


def replace(
    conn: Connection,
    table: str,
    partition: dict[str, Any],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> int:
    """Delete a partition's rows of recon.`table` and copy these in; the number of new rows.

    Args:
        partition: column -> value, added to every row.
        columns: names of the values in each row.
    """
    name = sql.Identifier("recon", table)
    conn.execute(sql.SQL("DELETE FROM {} WHERE {}").format(name, _where(partition)))
    listed = sql.SQL(", ").join(sql.Identifier(key) for key in (*partition, *columns))
    fixed = tuple(partition.values())
    count = 0
    with (
        conn.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, listed)) as copy,
    ):
        for row in rows:
            copy.write_row((*fixed, *row))
            count += 1
    return count


def read(
    conn: Connection, table: str, partition: dict[str, Any], columns: Sequence[str]
) -> list[tuple[Any, ...]]:
    """The rows of a partition of recon.`table`: the values of these columns."""
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        sql.SQL(", ").join(sql.Identifier(name) for name in columns),
        sql.Identifier("recon", table),
        _where(partition),
    )
    with conn.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query).fetchall()


def _where(partition: dict[str, Any]) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(key), value) for key, value in partition.items()
    )
