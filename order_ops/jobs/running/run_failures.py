"""Failed runs become dead letters with an alert, once each, however they are found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from order_ops.domain.failures import FailureKind, fingerprint
from order_ops.jobs.catalogue import owner_of
from order_ops.store import lost_work
from order_ops.store.engine import transaction
from order_ops.store.letters import DeadLetter, add_dead_letters
from order_ops.store.queries import letters

LOOK_BACK = timedelta(days=7)
"""Failed runs are looked for as far back, by whoever has not looked before."""
REPLAY_OF = "order_ops/replay_of"
"""The tag of a run that was launched for a dead letter: the letter's id."""


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A failed run, as its run storage tells it."""

    run_id: str
    job: str
    error_type: str
    error: str
    stack: str | None
    category: FailureKind
    config: dict[str, Any]
    tags: dict[str, str]
    attempts: int = 1


def unhandled(pool: Engine, run_ids: Sequence[str]) -> list[str]:
    """Those of the runs that have no dead letter yet, and whose work is not done again."""
    with transaction(pool) as conn:
        known = {row.origin_id for row in letters.handled_failures(conn, run_ids=list(run_ids))}
        known |= lost_work.withheld(conn, run_ids)
    return [run_id for run_id in run_ids if run_id not in known]


def record(pool: Engine, runs: Sequence[FailedRun]) -> int:
    """Write a dead letter and an alert per failed run, in one transaction.

    Returns:
        How many runs were given; those known already change nothing.
    """
    with transaction(pool) as conn:
        add_dead_letters(conn, [letter(run) for run in runs])
    return len(runs)


def letter(run: FailedRun) -> DeadLetter:
    """The dead letter of a failed run."""
    replay_of = run.tags.get(REPLAY_OF, "")
    return DeadLetter(
        origin="run",
        origin_id=run.run_id,
        name=run.job,
        category=run.category,
        error=f"{run.error_type}: {run.error}",
        fingerprint=fingerprint(f"run:{run.job}", run.error_type, run.error),
        attempts=run.attempts,
        stack=run.stack,
        headers={"config": run.config, "tags": run.tags},
        replay_of=int(replay_of) if replay_of.isdecimal() else None,
        correlation_id=run.run_id,
        owner=owner_of(run.job),
    )
