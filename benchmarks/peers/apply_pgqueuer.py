"""PgQueuer: a job per event, dequeued in batches of 100. https://pgqueuer.readthedocs.io

It does not keep an order's events in order. `fill` enqueues the events that are in `staged`.
"""

import asyncio
import json
import os
import sys

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

APPLY = """
WITH new AS (
    INSERT INTO history (event_id, order_id, sequence) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING RETURNING order_id
)
INSERT INTO states AS known (order_id, version) SELECT order_id, 1 FROM new
ON CONFLICT (order_id) DO UPDATE SET version = known.version + 1
"""


async def main():
    async with asyncpg.create_pool(
        os.environ["BENCH_DATABASE_URL"], min_size=10, max_size=10
    ) as pool:
        if "fill" in sys.argv:
            queries = Queries(AsyncpgPoolDriver(pool))
            await queries.install()
            rows = await pool.fetch(
                "SELECT event_id, order_id, sequence FROM staged ORDER BY place"
            )
            for start in range(0, len(rows), 1_000):
                payloads = [json.dumps(dict(r)).encode() for r in rows[start : start + 1_000]]
                await queries.enqueue(["apply"] * len(payloads), payloads, [0] * len(payloads))
            return
        pgq = PgQueuer.from_asyncpg_pool(pool)

        @pgq.entrypoint("apply")
        async def apply(job):
            event = json.loads(job.payload)
            await pool.execute(APPLY, event["event_id"], event["order_id"], event["sequence"])

        print("start", flush=True)
        await pgq.run(batch_size=100, mode=QueueExecutionMode.drain)
        print("end", flush=True)


asyncio.run(main())
