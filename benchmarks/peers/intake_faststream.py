"""FastStream, as its documentation does it: a subscriber of a queue, acked when it returns.

https://faststream.ag2.ai. The prefetch count is the subscriber's channel's; each message is
committed alone: batches are for its other brokers. `--uvloop` as its own runner does.
"""

import asyncio
import json
import os
import sys

import asyncpg
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from faststream.rabbit.annotations import RabbitMessage

broker = RabbitBroker(
    os.environ["BENCH_AMQP_URL"], default_channel=Channel(prefetch_count=100), logger=None
)
app = FastStream(broker, logger=None)


@app.on_startup
async def connect():
    global pool
    pool = await asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=10, max_size=10)


@broker.subscriber(
    RabbitQueue(os.environ["BENCH_QUEUE"], declare=False), ack_policy=AckPolicy.NACK_ON_ERROR
)
async def store(message: RabbitMessage):
    await pool.execute(
        "INSERT INTO stored (message_id, routing_key, body) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING",
        json.loads(message.body)["id"],
        message.raw_message.routing_key,
        message.body,
    )


if "--uvloop" in sys.argv:
    import uvloop

    uvloop.run(app.run())
else:
    asyncio.run(app.run())
