"""DuckDB: by reference, then what is left by order and amount, each where it is alone."""

import duckdb
import pandas as pd
import pyarrow.parquet as pq
from reconciling import COLUMNS, measure, of_pandas

FIRST = """
CREATE TABLE first AS
WITH o AS (
    SELECT *, count(*) OVER (PARTITION BY provider_ref, kind) AS alike FROM ours
    WHERE provider_ref IS NOT NULL
), t AS (
    SELECT *, count(*) OVER (PARTITION BY provider_ref, kind) AS alike FROM theirs
    WHERE provider_ref IS NOT NULL
)
SELECT o.entry_id AS entry_id_x, t.entry_id AS entry_id_y,
    o.amount_minor AS amount_minor_x, t.amount_minor AS amount_minor_y,
    o.currency AS currency_x, t.currency AS currency_y
FROM o JOIN t USING (provider_ref, kind) WHERE o.alike = 1 AND t.alike = 1
"""
SECOND = """
CREATE TABLE second AS
WITH o AS (
    SELECT *, count(*) OVER (PARTITION BY order_ref, kind, currency, amount_minor) AS alike
    FROM ours ANTI JOIN first ON entry_id = entry_id_x WHERE order_ref IS NOT NULL
), t AS (
    SELECT *, count(*) OVER (PARTITION BY order_ref, kind, currency, amount_minor) AS alike
    FROM theirs ANTI JOIN first ON entry_id = entry_id_y WHERE order_ref IS NOT NULL
)
SELECT o.entry_id AS entry_id_x, t.entry_id AS entry_id_y,
    o.amount_minor AS amount_minor_x, t.amount_minor AS amount_minor_y,
    o.currency AS currency_x, t.currency AS currency_y
FROM o JOIN t USING (order_ref, kind, currency, amount_minor) WHERE o.alike = 1 AND t.alike = 1
"""
LEFT = "SELECT entry_id, kind FROM {side} ANTI JOIN linked ON entry_id = {name}"


def work(ours, theirs):
    connection = duckdb.connect()
    connection.register("ours", ours)
    connection.register("theirs", theirs)
    connection.execute(FIRST)
    connection.execute(SECOND)
    connection.execute("CREATE TABLE linked AS FROM first UNION ALL FROM second")
    for side, name in (("ours", "entry_id_x"), ("theirs", "entry_id_y")):
        connection.execute(f"CREATE TABLE {side}_left AS " + LEFT.format(side=side, name=name))
    return connection


def findings(connection):
    frames: list[pd.DataFrame] = [
        connection.execute(f"FROM {name}").df() for name in ("linked", "ours_left", "theirs_left")
    ]
    return of_pandas(*frames)


measure(lambda path: pq.read_table(path, columns=COLUMNS), work, findings)
