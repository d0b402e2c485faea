"""Work that was lost or that a retry never began: asked for again, until some run begins it.

The ledger says what waits; `again_sensor` launches it. A launched run that ended
without beginning it (cancelled in the queue, say) is followed by another, a few
times; then the work is given up, with a dead letter.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from order_ops.domain.failures import FailureKind
from order_ops.domain.redaction import REDACTED
from order_ops.jobs import job_alerts
from order_ops.jobs.run_failures import FailedRun, letter
from order_ops.store import lost_work
from order_ops.store.engine import transaction
from order_ops.store.letters import add_dead_letters
from order_ops.store.queries import executions as sql

LAUNCHES = 4
"""So often is an attempt asked for; a run that is launched and never begins it is no answer."""
_MOST = 50


@dataclass(frozen=True, slots=True)
class Again:
    """Work that waits to be done again, as the run that had it was launched.

    Attributes:
        key: of this attempt; the tag by which its launches are found.
        request: what asked for the work at first, and still does.
    """

    execution_id: int
    key: str
    job: str
    step: str
    request: str
    run_id: str
    attempt: int
    error: str
    config: dict[str, Any]
    tags: dict[str, str]

    @property
    def whole(self) -> bool:
        """Whether its config is kept as it was, with nothing sensitive taken out of it."""
        return REDACTED not in json.dumps(self.config)


def due(pool: Engine) -> list[Again]:
    """What is to be done again now, longest waiting first."""
    with transaction(pool) as conn:
        return [_again(row) for row in sql.due_again(conn, executions=_MOST)]


def give_up(pool: Engine, again: Again, why: str) -> None:
    """Nobody will do it: a dead letter, in the transaction that ends it."""
    with transaction(pool) as conn:
        if lost_work.give_up(conn, again.execution_id, again.attempt):
            add_dead_letters(conn, [letter(_failed(again, why))])
            job_alerts.tell_failed(conn, again.job, again.step, again.run_id)


def cancel(pool: Engine, again: Again) -> None:
    """A person has cancelled the run that had it: it is not done again."""
    with transaction(pool) as conn:
        lost_work.cancel(conn, again.execution_id, again.attempt)


def _again(row: Any) -> Again:
    return Again(
        execution_id=row.id,
        key=f"again:{row.id}.{row.attempt}.{row.stalls}",
        job=row.job,
        step=row.step,
        request=row.request,
        run_id=row.run_id,
        attempt=row.attempt,
        error=row.error or "",
        config=row.input.get("config", {}),
        tags=row.input.get("tags", {}),
    )


def _failed(again: Again, why: str) -> FailedRun:
    return FailedRun(
        run_id=again.run_id,
        job=again.job,
        error_type="NotBegun",
        error=f"it was to be done again, and {why}: {again.error}",
        stack=None,
        category=FailureKind.UNKNOWN,
        config=again.config,
        tags=again.tags,
        attempts=again.attempt,
    )
