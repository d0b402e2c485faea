"""A process whose error nobody handled says so, alerts, and ends, so that it is started again."""

import json
import os
import subprocess
import sys

import pytest

from order_ops.jobs.running import overdue
from order_ops.store import beats
from order_ops_tests.integration.conftest import Shop

IN_A_THREAD = """
import threading, time
from order_ops.cli.system import _run_process

def run():
    threading.Thread(target=lambda: 1 / 0, name="reader").start()
    while True:
        time.sleep(1)

_run_process("consumer", run, lambda: None)
"""
IN_MAIN = """
from order_ops.cli.system import _run_process
_run_process("consumer", lambda: 1 / 0, lambda: None)
"""


@pytest.mark.parametrize(
    ("program", "where", "status"),
    [(IN_A_THREAD, "thread reader", 70), (IN_MAIN, "main thread", 1)],
    ids=["thread", "main"],
)
def test_it_logs_alerts_and_exits(shop: Shop, program: str, where: str, status: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ,
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == status
    (line,) = [json.loads(one) for one in ended.stdout.splitlines() if b"process.died" in one]
    assert (line["where"], line["process"], line["level"]) == (where, "consumer", "critical")
    assert "ZeroDivisionError" in line["exception"]
    ((key, title),) = shop.rows("SELECT dedupe_key, title FROM ops.alert")
    assert key == "process:consumer:died"
    assert title == f"consumer has died: {where}: ZeroDivisionError: division by zero"


BEATING = """
from order_ops.cli.base import pool
from order_ops.cli.system import _run_process
from order_ops.store import beats

def run():
    beats.beat(pool(), "process:consumer", 15.0)
    print(1 / {divisor})

_run_process("consumer", run, lambda: None)
"""


@pytest.mark.parametrize(("divisor", "missed"), [(1, False), (0, True)], ids=["in order", "dead"])
def test_it_is_missed_when_it_did_not_end_in_order(
    shop: Shop, divisor: int, *, missed: bool
) -> None:
    program = BEATING.format(divisor=divisor)
    subprocess.run([sys.executable, "-c", program], env=os.environ, check=False, timeout=60)
    shop.rows("UPDATE ops.beat SET at = now() - interval '1 day' RETURNING 1")
    assert overdue.check(shop.pool, {}) == (["process:consumer"] if missed else [])


def test_the_end_of_one_is_not_the_end_of_another_of_its_name(shop: Shop) -> None:
    beats.beat(shop.pool, "process:consumer", 15.0)
    shop.rows("UPDATE ops.beat SET instance = 'elsewhere:1' RETURNING 1")
    beats.end(shop.pool, "process:consumer")
    assert shop.one("SELECT name FROM ops.beat") == "process:consumer"


def test_its_next_start_ends_the_alert(shop: Shop) -> None:
    for program in (IN_MAIN, IN_MAIN.replace("1 / 0", "None")):
        subprocess.run([sys.executable, "-c", program], env=os.environ, check=False, timeout=60)
    assert shop.rows("SELECT resolved_at IS NOT NULL AS ended FROM ops.alert") == [(True,)]
