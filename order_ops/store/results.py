"""A partition's rows, replaced as a whole: what a frame holds becomes what the table holds."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import sql

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
    where = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(key), value) for key, value in partition.items()
    )
    conn.execute(sql.SQL("DELETE FROM {} WHERE {}").format(name, where))
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
