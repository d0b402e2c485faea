"""Failed runs have their letters each for itself: one that is odd hides no other."""

from typing import Any

import dagster as dg
import pytest

from order_ops.domain.failures import ClassifiedError, FailureKind
from order_ops.jobs.catalogue import EXPIRE_ORDERS, HANDLE_RUN_FAILURE
from order_ops_tests.failing import raising
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run

LETTERS = "SELECT origin_id, category, error FROM ops.dead_letter"


@pytest.fixture
def odd(instance: dg.DagsterInstance) -> str:
    """A failed run of a job of somebody else's, which has categories of its own."""

    @dg.op
    def their_op() -> None:
        raise dg.Failure("no", metadata={"category": "billing"})

    @dg.job
    def their_job() -> None:
        their_op()

    return their_job.execute_in_process(instance=instance, raise_on_error=False).run_id


@pytest.fixture
def ours(
    defs: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> str:
    broken = raising(ClassifiedError("broken", FailureKind.PERMANENT))
    with monkeypatch.context() as patched:
        patched.setattr("order_ops.jobs.repairs.due.reservations", broken)
        return run(defs, instance, EXPIRE_ORDERS.name).run_id


def _handle(defs: dg.Definitions, instance: dg.DagsterInstance) -> bool:
    return run(defs, instance, HANDLE_RUN_FAILURE.name).success


def test_a_category_that_is_not_ours_is_unknown(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance, odd: str, ours: str
) -> None:
    assert _handle(defs, instance)
    found = {row.origin_id: row.category for row in shop.rows(LETTERS)}
    assert found == {odd: "unknown", ours: "permanent"}


def test_a_failure_that_cannot_be_read_has_a_letter_that_says_so(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    odd: str,
    ours: str,
) -> None:
    from order_ops.orchestration.ops import failures

    honest = failures._read

    def read(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Any:
        if run.run_id == odd:
            raise ValueError("an event of a later Dagster")
        return honest(instance, run)

    monkeypatch.setattr(failures, "_read", read)
    assert _handle(defs, instance)
    errors = {row.origin_id: row.error for row in shop.rows(LETTERS)}
    assert "why cannot be read: ValueError('an event of a later Dagster')" in errors[odd]
    assert ours in errors


def test_a_letter_that_cannot_be_written_keeps_no_other_from_it(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    ours: str,
    odd: str,
) -> None:
    """The newest failure is handled first."""
    from order_ops.orchestration.ops import failures

    honest = failures.record

    def record(pool: Any, runs: Any) -> int:
        if odd in [one.run_id for one in runs]:
            raise ValueError("cannot be written")
        return honest(pool, runs)

    monkeypatch.setattr(failures, "record", record)
    assert not _handle(defs, instance), "it is not handled, and that is told"
    assert [row.origin_id for row in shop.rows(LETTERS)] == [ours]
