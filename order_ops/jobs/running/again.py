"""Work that was lost or that a retry never began: asked for again, until some run begins it.

The ledger says what waits; `again_sensor` launches it. A launched run that ended
without beginning it (cancelled in the queue, say) is followed by another, a few
times; then the work is given up, with a dead letter.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from order_ops.domain.failures import FailureKind
from order_ops.domain.redaction import REDACTED
from order_ops.jobs.running import job_alerts
from order_ops.jobs.running.run_failures import FailedRun, letter
from order_ops.store import lost_work
from order_ops.store.engine import transaction
from order_ops.store.letters import add_dead_letters
from order_ops.store.queries import executions as sql

LAUNCHES = 4
"""So often is an attempt asked for; a run that is launched and never begins it is no answer."""
MOST = 50
"""So much is launched at a time."""


@dataclass(frozen=True, slots=True)
class Again:
    """Work that waits to be done again, as the run that had it was launched.

    Attributes:
        fence: of its last holder; whoever begins it, or loses it, raises it.
        request: what asked for the work at first, and still does.
    """

    execution_id: int
    fence: int
    job: str
    step: str
    work_key: str
    request: str
    run_id: str
    attempt: int
    error: str
    config: dict[str, Any]
    tags: dict[str, str]
    dry_run: bool

    @property
    def key(self) -> str:
        """Of this attempt: the tag by which its launches are found."""
        return f"again:{self.execution_id}.{self.fence}"

    @property
    def whole(self) -> bool:
        """Whether its config is kept as it was, with nothing sensitive taken out of it."""
        return REDACTED not in json.dumps(self.config)


def due(pool: Engine) -> Iterator[list[Again]]:
    """What is to be done again now, longest waiting first, some of it at a time."""
    after: dict[str, Any] = {"again_at": None, "id": 0}
    while True:
        with transaction(pool) as conn:
            rows = list(sql.due_again(conn, **after, executions=MOST))
        if not rows:
            return
        yield [_of_row(row) for row in rows]
        after = {"again_at": rows[-1].again_at, "id": rows[-1].id}


def give_up(pool: Engine, again: Again, why: str) -> None:
    """Nobody will do it: a dead letter, in the transaction that ends it."""
    with transaction(pool) as conn:
        if lost_work.give_up(conn, again.execution_id, again.fence):
            add_dead_letters(conn, [letter(_not_begun(again, why))])
            job_alerts.tell_ended(conn, again, again.execution_id, "failed")


def cancel(pool: Engine, again: Again) -> None:
    """A person has cancelled the run that had it: it is not done again."""
    with transaction(pool) as conn:
        if lost_work.cancel(conn, again.execution_id, again.fence):
            job_alerts.tell_ended(conn, again, again.execution_id, "cancelled")


def _of_row(row: Any) -> Again:
    return Again(
        execution_id=row.id,
        fence=row.fence,
        job=row.job,
        step=row.step,
        work_key=row.work_key,
        request=row.request,
        run_id=row.run_id,
        attempt=row.attempt,
        error=row.error or "",
        config=row.input.get("config", {}),
        tags=row.input.get("tags", {}),
        dry_run=row.dry_run,
    )


def _not_begun(again: Again, why: str) -> FailedRun:
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
