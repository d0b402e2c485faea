"""A backlog of 100,000: what is critical overtakes it, and bulk is not starved."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_ops.devstack.waiting import wait_until
from order_ops.mapping import BUNDLED
from order_ops_tests.faults.servers import Servers
from order_ops_tests.faults.system import System, running_system
from order_ops_tests.shop import created, paid, reserved

BACKLOG, CRITICAL = 100_000, 2_000
LONG_S = 400.0
SETTLED = "SELECT count(*) FROM intake.inbox WHERE state = 'done' AND priority = %s"


@pytest.fixture
def system(servers: Servers, seed: int, tmp_path: Path) -> Iterator[System]:
    """A shop whose new orders are bulk."""
    text = BUNDLED.read_text(encoding="utf-8")
    bulk = text.replace("order.created: normal", "order.created: bulk")
    assert bulk != text
    (tmp_path / "mapping.yaml").write_text(bulk, encoding="utf-8")
    with running_system(servers, tmp_path, seed) as made:
        yield made


def test_critical_overtakes_a_backlog_and_bulk_is_not_starved(system: System) -> None:
    known = [f"k{n}" for n in range(CRITICAL)]
    system.workload.publish([event(o) for o in known for event in (created, reserved)])
    system.start("consume")
    first = system.start("worker", lease_s=30)
    system.all_staged()
    wait_until(lambda: not system.unsettled(), LONG_S, "the orders to be known")
    first.stop()
    before = system.one(SETTLED, 2)

    system.workload.publish([created(f"b{n}") for n in range(BACKLOG)])
    system.all_staged(LONG_S)
    system.workload.publish([paid(order) for order in known])
    system.all_staged(LONG_S)
    assert system.unsettled() == BACKLOG + CRITICAL
    system.start("worker", lease_s=30)
    wait_until(lambda: system.one(SETTLED, 0) == CRITICAL, LONG_S, "the money")
    assert system.unsettled() > BACKLOG / 2, "money has overtaken the backlog"
    system.check(LONG_S)
    ahead = """SELECT count(*) FROM intake.inbox WHERE priority = 2 AND settled_at < (
        SELECT max(settled_at) FROM intake.inbox WHERE priority = 0)"""
    assert system.one(ahead) - before >= CRITICAL / 32, "bulk had its share meanwhile"
