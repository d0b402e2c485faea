"""What nobody would hear of: failed runs that no run handles, and ticks that fail.

A failure is told by a run, and that is asked for by a tick. Where no run begins, or every
tick fails after it has looked, the watcher tells it, until that has ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import Engine

from order_ops.jobs.running.run_failures import LOOK_BACK, unhandled
from order_ops.store import alerts
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import transaction

HANDLED_WITHIN = timedelta(minutes=3)
"""A burst of failures has its dead letters by then."""
_PREFIX = "untold:"
_SHOWN = 20


class Runs(Protocol):
    """Dagster's storage, as far as it is needed here."""

    def failed(self, since: datetime, before: datetime | None = None) -> Iterable[Sequence[str]]:
        """Runs that failed between these (UTC), but for those that handle failures, in pages."""
        ...

    def failed_ticks(self) -> Mapping[str, str]:
        """The error of each schedule and sensor whose last ticks have failed, by its name."""
        ...


def check(pool: Engine, runs: Runs) -> list[str]:
    """Tell of both, and that they have ended; the keys of the alerts that are open now."""
    now = datetime.now(UTC)
    pages = runs.failed(now - LOOK_BACK, now - HANDLED_WITHIN)
    left = [run_id for page in pages for run_id in unhandled(pool, page)]
    ticks = runs.failed_ticks()
    found = [*([_no_letters(left)] if left else []), *([_no_ticks(ticks)] if ticks else [])]
    told = [alert.dedupe_key for alert in found]
    with transaction(pool) as conn:
        raise_alerts(conn, found)
        alerts.resolve_others(conn, _PREFIX, told)
    return told


def _no_letters(run_ids: Sequence[str]) -> Alert:
    minutes = HANDLED_WITHIN.total_seconds() / 60
    title = (
        f"{len(run_ids)} failed runs have had no dead letter for {minutes:g} minutes: "
        "does any run begin?"
    )
    detail = {"run_id": run_ids[0], "runs": list(run_ids[:_SHOWN])}
    return Alert(f"{_PREFIX}runs", "critical", title, detail)


def _no_ticks(errors: Mapping[str, str]) -> Alert:
    which = "; ".join(f"{name}: {error}" for name, error in sorted(errors.items()))
    title = f"Ticks fail, and nothing is asked for: {which}"
    return Alert(f"{_PREFIX}ticks", "critical", title[:300], {"ticks": dict(errors)})
