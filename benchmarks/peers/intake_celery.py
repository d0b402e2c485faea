"""Celery: a task per message, `acks_late`, a connection per worker process.

https://docs.celeryq.dev. The default pool (prefork, a process per core) and prefetch
multiplier; a quorum queue is detected by itself. Each message is committed alone: Celery has
no batches. `fill` prints what a producer would publish, for one body.
"""

import json
import os
import sys

import psycopg
from celery import Celery
from celery.signals import worker_process_init
from kombu import Queue

app = Celery("intake", broker=os.environ["BENCH_AMQP_URL"].replace("%2F", "/"))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    task_queues=[
        Queue(
            os.environ["BENCH_QUEUE"], no_declare=True, queue_arguments={"x-queue-type": "quorum"}
        )
    ],
    task_default_queue=os.environ["BENCH_QUEUE"],
    worker_detect_quorum_queues=True,
)


@worker_process_init.connect
def connect(**_):
    global conn
    conn = psycopg.connect(os.environ["BENCH_DATABASE_URL"])


@app.task(name="store")
def store(body):
    conn.execute(
        "INSERT INTO stored (message_id, routing_key, body) VALUES (%s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (json.loads(body)["id"], "order.created", body.encode()),
    )
    conn.commit()


if __name__ == "__main__":
    app.worker_main(["worker", "--loglevel=ERROR", *sys.argv[1:]])
