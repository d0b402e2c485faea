"""Work in hand, without anybody who does it: what the ledger makes of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from order_ops.domain.jobs import Job
from order_ops.store import executions, lost_work
from order_ops.store.engine import transaction
from order_ops.store.executions import Asked, Execution
from order_ops.store.lost_work import Lost
from order_ops_tests.integration.conftest import Shop


def asked(job: Job, run_id: str = "run-1", **more: Any) -> Asked:
    """A run that asks for all the work of a job's only step."""
    wanted: dict[str, Any] = {
        "step": job.name.removesuffix("_job"),
        "work_key": "all",
        "request": f"run {run_id}",
        "worker": "here:1",
        "most_s": job.lease_s,
    }
    return Asked(job=job.name, run_id=run_id, **(wanted | more))


def begin(shop: Shop, wanted: Asked) -> Execution:
    """Take work in hand that is free."""
    with transaction(shop.pool) as conn:
        execution = executions.begin(conn, wanted)
    assert isinstance(execution, Execution), execution
    return execution


def lose(shop: Shop) -> list[Lost]:
    """What is found to be lost, freed."""
    with transaction(shop.pool) as conn:
        found = [lost_work.lose(conn, one) for one in lost_work.lapsed(conn, 10)]
    return [lost for lost in found if lost is not None]


def let_lease_pass(shop: Shop) -> None:
    """As if every worker had been dead for longer than its lease."""
    shop.rows(
        "UPDATE ops.job_execution SET lease_until = now() - interval '1 s' "
        "WHERE state = 'running' RETURNING 1"
    )


@contextmanager
def in_hand(shop: Shop, job: Job) -> Iterator[Execution]:
    """Somebody has a job's work in hand while the block runs."""
    wanted = asked(job)
    execution = begin(shop, wanted)
    yield execution
    with transaction(shop.pool) as conn:
        executions.finish(conn, wanted, execution, "done")
