"""Nothing but the broker: pika takes deliveries and acks 500 at once. Stores nothing."""

import os
import sys

import pika

BATCH = 500
messages = int(sys.argv[1])
connection = pika.BlockingConnection(pika.URLParameters(os.environ["BENCH_AMQP_URL"]))
channel = connection.channel()
channel.basic_qos(prefetch_count=2_000)
seen = 0


def on_message(channel, method, properties, body):
    global seen
    seen += 1
    if seen % BATCH == 0 or seen == messages:
        channel.basic_ack(method.delivery_tag, multiple=True)
    if seen == messages:
        channel.stop_consuming()


channel.basic_consume(os.environ["BENCH_QUEUE"], on_message)
channel.start_consuming()
connection.close()
