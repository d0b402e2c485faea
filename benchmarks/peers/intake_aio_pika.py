"""aio-pika, as its documentation consumes: a callback, `message.process()`, a pool of asyncpg.

https://docs.aio-pika.com. Callbacks run side by side, up to the prefetch count; each message
is committed alone, then acked: the library has no batches.
"""

import asyncio
import json
import os
import sys

import aio_pika
import asyncpg


async def main():
    pool = await asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=10, max_size=10)
    connection = await aio_pika.connect_robust(os.environ["BENCH_AMQP_URL"])
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=100)
    queue = await channel.get_queue(os.environ["BENCH_QUEUE"])

    async def on_message(message):
        async with message.process():
            await pool.execute(
                "INSERT INTO stored (message_id, routing_key, body) VALUES ($1, $2, $3) "
                "ON CONFLICT DO NOTHING",
                json.loads(message.body)["id"],
                message.routing_key,
                message.body,
            )

    await queue.consume(on_message)
    await asyncio.Future()


if "--uvloop" in sys.argv:
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
