"""Celery: a task per event, `acks_late`, prefork, RabbitMQ. https://docs.celeryq.dev

It does not keep an order's events in order. Results are ignored; each event is a commit.
"""

import os

import psycopg
from celery import Celery
from celery.signals import worker_process_init, worker_ready
from kombu import Queue

APPLY = """
WITH new AS (
    INSERT INTO history (event_id, order_id, sequence)
    VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING order_id
)
INSERT INTO states AS known (order_id, version) SELECT order_id, 1 FROM new
ON CONFLICT (order_id) DO UPDATE SET version = known.version + 1
"""
app = Celery("apply", broker=os.environ["BENCH_AMQP_URL"].replace("%2F", "/"))
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
    worker_redirect_stdouts=False,
)


@worker_process_init.connect
def connect(**_):
    global conn
    conn = psycopg.connect(os.environ["BENCH_DATABASE_URL"])


@worker_ready.connect
def ready(**_):
    print("start", flush=True)


@app.task(name="apply")
def apply(event_id, order_id, sequence):
    conn.execute(APPLY, (event_id, order_id, sequence))
    conn.commit()


if __name__ == "__main__":
    app.worker_main(["worker", "--loglevel=ERROR"])
