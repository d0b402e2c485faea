"""The simplest loop by hand that loses nothing: batches of 500, COPY, insert, commit, ack."""

import json
import os

import pika
import psycopg

BATCH = 500
conn = psycopg.connect(os.environ["BENCH_DATABASE_URL"])
conn.execute(
    "CREATE TEMP TABLE batch (message_id text, routing_key text, body bytea) ON COMMIT DELETE ROWS"
)
conn.commit()
connection = pika.BlockingConnection(pika.URLParameters(os.environ["BENCH_AMQP_URL"]))
channel = connection.channel()
channel.basic_qos(prefetch_count=2_000)


def store(batch):
    with conn.cursor() as cursor:
        with cursor.copy("COPY batch (message_id, routing_key, body) FROM STDIN") as copy:
            for method, body in batch:
                copy.write_row((json.loads(body)["id"], method.routing_key, body))
        cursor.execute(
            "INSERT INTO stored (message_id, routing_key, body) "
            "SELECT message_id, routing_key, body FROM batch ON CONFLICT DO NOTHING"
        )
    conn.commit()
    channel.basic_ack(batch[-1][0].delivery_tag, multiple=True)


batch = []
for method, _properties, body in channel.consume(
    os.environ["BENCH_QUEUE"], inactivity_timeout=0.05
):
    if method is not None:
        batch.append((method, body))
    if batch and (method is None or len(batch) >= BATCH):
        store(batch)
        batch = []
