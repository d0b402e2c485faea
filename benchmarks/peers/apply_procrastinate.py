"""Procrastinate: a task per event, in order by `lock=`. https://procrastinate.readthedocs.io

`apply_procrastinate.py fill` defers the events that are in `staged`, then the worker runs until it
has caught up, ten jobs at a time, in one pool with what they write.
"""

import asyncio
import os
import sys

import procrastinate

APPLY = """
WITH new AS (
    INSERT INTO history (event_id, order_id, sequence)
    VALUES (%(event_id)s, %(order_id)s, %(sequence)s) ON CONFLICT DO NOTHING RETURNING order_id
)
INSERT INTO states AS known (order_id, version) SELECT order_id, 1 FROM new
ON CONFLICT (order_id) DO UPDATE SET version = known.version + 1
"""
CONCURRENCY = 10
connector = procrastinate.PsycopgConnector(
    conninfo=os.environ["BENCH_DATABASE_URL"], min_size=CONCURRENCY + 2, max_size=CONCURRENCY + 2
)
app = procrastinate.App(connector=connector)


@app.task(name="apply")
async def apply(event_id, order_id, sequence):
    await connector.execute_query_async(
        APPLY, event_id=event_id, order_id=order_id, sequence=sequence
    )


async def fill():
    await app.schema_manager.apply_schema_async()
    rows = await connector.execute_query_all_async(
        "SELECT event_id, order_id, sequence FROM staged ORDER BY place"
    )
    jobs = [apply.configure(lock=row["order_id"]).make_new_job(**row) for row in rows]
    for start in range(0, len(jobs), 1_000):
        await app.job_manager.batch_defer_jobs_async(jobs[start : start + 1_000])


async def main():
    async with app.open_async():
        if "fill" in sys.argv:
            await fill()
            return
        print("start", flush=True)
        await app.run_worker_async(
            wait=False, concurrency=CONCURRENCY, install_signal_handlers=False
        )
        print("end", flush=True)


asyncio.run(main())
