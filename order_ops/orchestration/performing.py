"""The one way in which a step does its work: through the job runtime, with Dagster's words.

What the runtime says becomes a retry of the step, its failure with the kind on record,
or a step that ends well without having done it, and says why: in the run's tags, its
log, and the step's metadata.
"""

import os
import socket
from collections.abc import Callable
from typing import TypeVar

import dagster as dg

from order_ops.domain.jobs import Job
from order_ops.domain.redaction import redacted
from order_ops.jobs.running.keeper import Clock
from order_ops.jobs.running.runtime import Running, WorkFailed, perform
from order_ops.orchestration import own_process
from order_ops.orchestration.resources import OrderOps
from order_ops.store.executions import Asked, LeaseLost, Skipped

T = TypeVar("T")
Context = dg.OpExecutionContext | dg.AssetExecutionContext

CATEGORY = "category"
ERROR_TYPE = "error_type"
REQUEST = "order_ops/request"
"""The tag that says what asked for a run's work: the same request is done once."""
AGAIN = "order_ops/again"
"""The tag of a run that was launched to do lost work again."""
SKIPPED = "order_ops/skipped"
"""The tag that says why a run did not do its work."""
ALL = "all"
"""The work key of a job that does whatever there is to do."""
_CANCELLED = frozenset({dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED})


def performed(
    context: Context,
    order_ops: OrderOps,
    job: Job,
    work: Callable[[Running], T],
    *,
    once: bool = True,
    dry_run: bool = False,
) -> T | None:
    """Do a step's work; None: somebody else does it or did it, and the run says so.

    With `once`, a request that was done is not done again. Inputs that a later step of the
    run needs are read again whenever that step is.

    Raises:
        dg.RetryRequested: it failed, and is tried again.
        dg.Failure: it failed for good, or was taken over.
        dg.DagsterExecutionInterruptedError: the run has ended: nothing of it may begin.
    """
    own_process.limit(job, order_ops.settings)
    _refuse_if_ended(context)
    lease_s = order_ops.settings.lease_s
    asked = _asked(context, job, lease_s, once=once, dry_run=dry_run)
    end = own_process.end if own_process.is_own() else None
    clock = Clock(lease_s, end)
    try:
        done = perform(
            order_ops.pool,
            job,
            asked,
            work,
            clock=clock,
            is_cancelled=lambda: _is_cancelled(context),
        )
    except WorkFailed as failed:
        _redact(failed)
        raise _in_dagsters_words(failed) from failed.__cause__
    except LeaseLost as lost:
        known = {CATEGORY: "conflict", ERROR_TYPE: "LeaseLost"}
        raise dg.Failure(str(lost), metadata=known, allow_retries=False) from lost
    if isinstance(done, Skipped):
        _say_skipped(context, done.reason)
        return None
    return done


def _asked(context: Context, job: Job, lease_s: float, *, once: bool, dry_run: bool) -> Asked:
    run = context.run
    return Asked(
        job=job.name,
        step=context.op_execution_context.op.name if _is_asset(context) else context.op.name,
        work_key=_work_key(context, job, dry_run=dry_run),
        request=request_of(run),
        run_id=run.run_id,
        worker=f"{socket.gethostname()}:{os.getpid()}",
        most_s=job.lease_s,
        lease_s=lease_s,
        once=once,
        input={"config": dict(run.run_config), "tags": dict(run.tags)},
        dry_run=dry_run,
    )


def _work_key(context: Context, job: Job, *, dry_run: bool) -> str:
    """What of a job's work is done: once at a time, and the same when it is done again.

    A dry run takes no work from anybody.
    """
    if dry_run or not (job.alone or context.has_partition_key):
        return request_of(context.run)
    return context.partition_key if context.has_partition_key else ALL


def _is_cancelled(context: Context) -> bool:
    """Whether a person, or Dagster's own limit, has cancelled the run."""
    return _status(context) in _CANCELLED


def _refuse_if_ended(context: Context) -> None:
    """Begin nothing for a run that was ended, or cancelled, before it did.

    One that had been silent for too long was ended as dead, and has its letter: whoever replays
    that must not find that it was done after all. Interrupted, it stays as it was ended.
    """
    if _status(context) in {dg.DagsterRunStatus.FAILURE, *_CANCELLED}:
        context.log.warning("not begun: the run has ended")
        raise dg.DagsterExecutionInterruptedError


def _status(context: Context) -> dg.DagsterRunStatus | None:
    run = context.instance.get_run_by_id(context.run.run_id)
    return None if run is None else run.status


def request_of(run: dg.DagsterRun) -> str:
    """What asked for a run's work.

    A person who executes a run again means it: Dagster copies the tags, the request is new.
    """
    asked = None if run.parent_run_id else run.tags.get(REQUEST)
    return asked or f"run {run.run_id}"


def _is_asset(context: Context) -> bool:
    return isinstance(context, dg.AssetExecutionContext)


def _in_dagsters_words(failed: WorkFailed) -> Exception:
    if failed.again_s is not None:
        return dg.RetryRequested(max_retries=failed.attempts - 1, seconds_to_wait=failed.again_s)
    return dg.Failure(
        description=str(failed),
        metadata={CATEGORY: failed.kind.value, ERROR_TYPE: failed.error_type},
        allow_retries=False,
    )


def _redact(error: BaseException) -> None:
    """Take what is sensitive out of an error and its causes: Dagster stores what they say."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.args = tuple(redacted(arg) if isinstance(arg, str) else arg for arg in one.args)
        left += [one.__cause__, one.__context__]


def _say_skipped(context: Context, why: str) -> None:
    context.log.info("not done by this run: %s", why)
    context.instance.add_run_tags(context.run.run_id, {SKIPPED: why[:200]})
