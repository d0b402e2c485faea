"""Performing work: begun once, kept, fenced, stopped in time, and its end on record.

Every step of every job is performed here, and none has another way. What a run is,
and what makes another one, is Dagster's and `order_ops.orchestration`'s.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import TypeVar

import stamina
import structlog
from sqlalchemy import Engine

from order_ops.domain.failures import (
    DATABASE,
    RETRIED,
    ClassifiedError,
    classify,
)
from order_ops.domain.jobs import Job
from order_ops.domain.redaction import kept
from order_ops.jobs import job_alerts
from order_ops.jobs.keeper import Clock, keeping
from order_ops.store import executions
from order_ops.store.engine import Connection, guarded, transaction
from order_ops.store.executions import Asked, Ended, Execution, Failed, LeaseLost, Skipped
from order_ops.telemetry.logs import bound

log = structlog.get_logger(__name__)

T = TypeVar("T")

LATE_S = 60.0
"""A retry that its own run has not begun by so much too late is launched as another run."""
_STORED = stamina.retry(
    on=lambda error: classify(error) in RETRIED,
    attempts=DATABASE.attempts,
    wait_initial=DATABASE.base_s,
    wait_max=DATABASE.cap_s,
)


@dataclass(frozen=True, slots=True)
class Running:
    """Work in hand; what is written through `pool` is written only while it is ours."""

    asked: Asked
    execution: Execution
    pool: Engine


class WorkFailed(ClassifiedError):
    """An attempt failed, and that is on record.

    Attributes:
        error_type: of the error that made it fail.
        again_s: after how long it is tried again in the same run; None: it is given up.
        attempts: how often it is tried in all.
    """

    def __init__(self, error: Exception, again_s: float | None, attempts: int) -> None:
        super().__init__(str(error) or type(error).__name__, classify(error))
        self.error_type = type(error).__name__
        self.again_s = again_s
        self.attempts = attempts


def perform(
    pool: Engine,
    job: Job,
    asked: Asked,
    work: Callable[[Running], T],
    *,
    clock: Clock | None = None,
    dry_run: bool = False,
) -> T | Skipped:
    """Do a piece of work, once; what `work` returns, or why it was not done by us.

    Raises:
        WorkFailed: it failed, and that is on record.
        LeaseLost: it was taken over: nothing that was not committed before was written.
    """
    clock = clock or Clock()
    with transaction(pool) as conn:
        execution = executions.begin(conn, asked)
        if isinstance(execution, Skipped):
            executions.count(conn, job.name, "skipped", 0.0)
            log.info("work.skipped", job=job.name, work=asked.work_key, why=execution.reason)
            return execution
        if execution.lost:
            job_alerts.tell_lost(conn, [execution.lost])
    running = Running(asked, execution, guarded(pool, lambda conn: _hold(conn, execution)))
    with bound(
        job=job.name,
        step=asked.step,
        run_id=asked.run_id,
        execution_id=execution.id,
        attempt=execution.attempt,
    ):
        return _done(pool, job, running, work, clock, dry_run=dry_run)


def _hold(conn: Connection, execution: Execution) -> None:
    executions.hold(conn, execution)


def _done(
    pool: Engine,
    job: Job,
    running: Running,
    work: Callable[[Running], T],
    clock: Clock,
    *,
    dry_run: bool,
) -> T:
    try:
        with keeping(pool, job, running.execution, clock):
            result = work(running)
        _end(pool, running, "done", tell=not dry_run)
    except LeaseLost:
        log.warning("work.lost", run_id=running.asked.run_id)
        raise
    except Exception as error:
        raise _failed(pool, job, running, error) from error
    except BaseException:  # asked to end: what waits for it is asked for again
        _end_quietly(pool, running, "cancelled")
        raise
    return result


def _failed(pool: Engine, job: Job, running: Running, error: Exception) -> WorkFailed:
    """Record a failure, and say whether it is tried again."""
    kind = classify(error)
    policy = job.retries.get(kind)
    tried = running.execution.failures + 1
    again_s = policy.delay_s(tried, SystemRandom()) if policy and tried < policy.attempts else None
    told = WorkFailed(error, again_s, policy.attempts if policy else 1)
    log.error("work.failed", kind=kind.value, again_s=again_s, error=repr(error))
    state: Ended = "failed" if again_s is None else "waiting"
    stack = "".join(traceback.format_exception(error))
    failed = Failed(kind.value, told.error_type, kept(str(told)), kept(stack))
    _end_quietly(pool, running, state, failed, (again_s or 0.0) + LATE_S)
    return told


def _end_quietly(
    pool: Engine,
    running: Running,
    state: Ended,
    failed: Failed | None = None,
    again_s: float = 0.0,
) -> None:
    """An end that cannot be recorded is found by the watcher, when the lease has passed."""
    try:
        _end(pool, running, state, failed, again_s)
    except Exception as unrecorded:  # noqa: BLE001
        log.warning("work.end_not_recorded", state=state, error=repr(unrecorded))


@_STORED
def _end(
    pool: Engine,
    running: Running,
    state: Ended,
    failed: Failed | None = None,
    again_s: float = 0.0,
    *,
    tell: bool = True,
) -> None:
    with transaction(pool) as conn:
        executions.finish(conn, running.asked, running.execution, state, failed, again_s)
        if state == "failed":
            job_alerts.tell_failed(conn, running.asked)
        elif state == "done" and tell:
            job_alerts.tell_done(conn, running.asked, running.execution.id)
