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
    FailureKind,
    classify,
)
from order_ops.domain.jobs import Job
from order_ops.domain.redaction import kept
from order_ops.jobs.running import job_alerts
from order_ops.jobs.running.keeper import Clock, keeping
from order_ops.store import executions, job_totals
from order_ops.store.engine import Connection, guarded, transaction
from order_ops.store.executions import Asked, Ended, Execution, Failed, LeaseLost, Skipped
from order_ops.telemetry.logs import bound

log = structlog.get_logger(__name__)

T = TypeVar("T")

INTERRUPTED_S = 2.0
"""Work whose process was asked to end is done again after so long."""
LATE_S = 60.0
"""A retry that its own run has not begun by so much too late is launched as another run."""


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
    is_cancelled: Callable[[], bool] = lambda: False,
) -> T | Skipped:
    """Do a piece of work, once; what `work` returns, or why it was not done by us.

    is_cancelled: whether a person has cancelled the run; asked when the process is to end.

    Raises:
        WorkFailed: it failed, and that is on record; or it could not be begun.
        LeaseLost: it was taken over: nothing that was not committed before was written.
    """
    with bound(job=job.name, step=asked.step, run_id=asked.run_id):
        execution = _begun(pool, job, asked)
        if isinstance(execution, Skipped):
            log.info("work.skipped", work=asked.work_key, why=execution.reason)
            return execution
        fenced = guarded(pool, lambda conn: executions.hold(conn, execution))
        running = Running(asked, execution, fenced)
        with bound(execution_id=execution.id, attempt=execution.attempt):
            try:
                with keeping(pool, job, execution, clock or Clock()):
                    result = work(running)
                _end(pool, running, "done")
            except LeaseLost:
                log.warning("work.lost")
                raise
            except Exception as error:
                raise _record_failure(pool, job, running, error) from error
            except BaseException:  # the process is asked to end
                _interrupted(pool, running, is_cancelled)
                raise
            return result


def _begun(pool: Engine, job: Job, asked: Asked) -> Execution | Skipped:
    def write(conn: Connection) -> Execution | Skipped:
        begun = executions.begin(conn, asked)
        if isinstance(begun, Skipped):
            job_totals.count(conn, asked.job, "skipped", 0.0)
        if begun.lost:
            job_alerts.tell_lost(conn, begun.lost)
        return begun

    try:
        return _stored(pool, write)
    except Exception as error:
        again_s, attempts = _retry(job, classify(error), 1)
        log.exception("work.not_begun", again_s=again_s)
        raise WorkFailed(error, again_s, attempts) from error


def _interrupted(pool: Engine, running: Running, is_cancelled: Callable[[], bool]) -> None:
    """A deployment ends processes: what they had in hand is done again; what a person ends is not.

    Who cannot be asked has not cancelled it: the work is done again rather than not at all.
    """
    try:
        cancelled = is_cancelled()
    except Exception as error:  # noqa: BLE001
        log.warning("work.cancelled_or_not", error=repr(error))
        cancelled = False
    log.warning("work.interrupted", cancelled=cancelled)
    if cancelled:
        _end_quietly(pool, running, "cancelled")
    else:
        _end_quietly(pool, running, "waiting", again_s=INTERRUPTED_S)


def _record_failure(pool: Engine, job: Job, running: Running, error: Exception) -> WorkFailed:
    """Record a failure, and say whether it is tried again."""
    kind = classify(error)
    again_s, attempts = _retry(job, kind, running.execution.failures + 1)
    told = WorkFailed(error, again_s, attempts)
    log.error("work.failed", kind=kind.value, again_s=again_s, error=repr(error))
    state: Ended = "failed" if again_s is None else "waiting"
    stack = "".join(traceback.format_exception(error))
    failed = Failed(kind.value, told.error_type, kept(str(told)), kept(stack))
    _end_quietly(pool, running, state, failed, (again_s or 0.0) + LATE_S)
    return told


def _retry(job: Job, kind: FailureKind, tried: int) -> tuple[float | None, int]:
    """After how many seconds work that failed so is tried again, if it is; how often in all."""
    policy = job.retries.get(kind)
    if policy is None:
        return None, 1
    again_s = policy.delay_s(tried, SystemRandom()) if tried < policy.attempts else None
    return again_s, policy.attempts


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


def _end(
    pool: Engine,
    running: Running,
    state: Ended,
    failed: Failed | None = None,
    again_s: float = 0.0,
) -> None:
    asked, execution = running.asked, running.execution

    def write(conn: Connection) -> None:
        if executions.finish(conn, asked, execution, state, failed, again_s):
            job_alerts.tell_ended(conn, asked, execution.id, state)

    _stored(pool, write)


def _stored(pool: Engine, write: Callable[[Connection], T]) -> T:
    """Write in a transaction of its own, again for as long as the database may be back soon."""
    for attempt in stamina.retry_context(
        on=lambda error: classify(error) in RETRIED,
        attempts=DATABASE.attempts,
        wait_initial=DATABASE.base_s,
        wait_max=DATABASE.cap_s,
    ):
        with attempt, transaction(pool) as conn:
            return write(conn)
    raise AssertionError("the last attempt raises")
