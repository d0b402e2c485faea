"""What people hear of jobs: work that was lost, failures in a row, and that it is well again."""

from typing import Protocol

from order_ops.domain.jobs import STALLS
from order_ops.jobs.catalogue import owner_of
from order_ops.store import alerts
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import Connection
from order_ops.store.executions import Ended
from order_ops.store.lost_work import Lost
from order_ops.store.queries import executions as sql

IN_A_ROW = 3
"""So many failures of a step, one after the other, are more than bad luck."""


class Work(Protocol):
    """A piece of work: one that is asked for, was lost, or waits to be done again."""

    @property
    def job(self) -> str:
        """Whose work it is."""

    @property
    def step(self) -> str:
        """Of the job."""

    @property
    def work_key(self) -> str:
        """A partition, or all there is."""

    @property
    def run_id(self) -> str:
        """Of the run that had it last."""

    @property
    def dry_run(self) -> bool:
        """Whether nothing was to come of it."""


def tell_lost(conn: Connection, one: Lost) -> None:
    """Work that was lost with its worker: one alert per piece of work, until it has its end.

    Work that is given up has a dead letter, and from then on the letter's alert.
    """
    tell_ended(conn, one, one.id, "failed" if one.given_up else "waiting")
    if not one.given_up:
        raise_alerts(conn, [_stall(one)])


def tell_ended(conn: Connection, work: Work, execution_id: int, state: Ended) -> None:
    """An attempt has come to an end, and what was told of it with it.

    A dry run is a person's try: it neither breaks a row of failures nor is one of them.
    """
    over = [slow_key(work.job, execution_id)]
    if state != "waiting":
        over.append(_lost_key(work))
    if state == "done" and not work.dry_run:
        over.append(_in_a_row(work))
    alerts.resolve(conn, *over)
    if state == "failed" and not work.dry_run:
        _tell_failed(conn, work)


def _tell_failed(conn: Connection, work: Work) -> None:
    """The third failure in a row of a step, and each after it."""
    which = {"job": work.job, "step": work.step}
    if sql.failures_in_a_row(conn, **which, most=IN_A_ROW) < IN_A_ROW:
        return
    title = f"{work.job} has failed {IN_A_ROW} times in a row, at {work.step}"
    detail = {**which, "run_id": work.run_id}
    alert = Alert(_in_a_row(work), "critical", title, detail, owner=owner_of(work.job))
    raise_alerts(conn, [alert])


def slow_key(job: str, execution_id: int) -> str:
    """The alert of an attempt that takes long; it ends with the attempt."""
    return f"slow:{job}:{execution_id}"


def _in_a_row(work: Work) -> str:
    return f"job:{work.job}:{work.step}"


def _lost_key(work: Work) -> str:
    return f"stall:{work.job}:{work.step}:{work.work_key}"


def _stall(one: Lost) -> Alert:
    what = f"{one.job} ({one.work_key})" if one.work_key != "all" else one.job
    then = f"done again, loss {one.stalls}/{STALLS}"
    title = f"{what} was lost with run {one.run_id[:8]}: {one.error}; {then}"
    detail = {
        "job": one.job,
        "step": one.step,
        "run_id": one.run_id,
        "execution": one.id,
        "attempt": one.attempt,
        "stalls": one.stalls,
    }
    return Alert(_lost_key(one), "critical", title[:300], detail, owner=owner_of(one.job))
