"""The ceiling: one bare statement per 1,000 events, history and state, no order among them."""

import os

import psycopg

APPLY = """
WITH batch AS (
    DELETE FROM staged WHERE place IN (
        SELECT place FROM staged ORDER BY place LIMIT 1000 FOR UPDATE SKIP LOCKED
    ) RETURNING event_id, order_id, sequence
), new AS (
    INSERT INTO history (event_id, order_id, sequence) SELECT * FROM batch
    ON CONFLICT DO NOTHING RETURNING order_id
)
INSERT INTO states AS known (order_id, version) SELECT order_id, count(*) FROM new GROUP BY order_id
ON CONFLICT (order_id) DO UPDATE SET version = known.version + excluded.version
"""
with psycopg.connect(os.environ["BENCH_DATABASE_URL"], autocommit=True) as conn:
    print("start", flush=True)
    while conn.execute(APPLY).rowcount:
        pass
    print("end", flush=True)
