"""What people hear of jobs: work that was lost, failures in a row, and that it is well again."""

from order_ops.domain.jobs import STALLS
from order_ops.jobs.catalogue import owner_of
from order_ops.store import alerts
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import Connection
from order_ops.store.executions import Asked
from order_ops.store.lost_work import Lost
from order_ops.store.queries import executions as sql

IN_A_ROW = 3
"""So many failures of a step, one after the other, are more than bad luck."""


def tell_lost(conn: Connection, one: Lost) -> None:
    """Work that was lost with its worker: one alert per piece of work.

    Work that is given up has a dead letter, and from then on the letter's alert.
    """
    tell_ended(conn, one.job, one.id)
    if one.given_up:
        alerts.resolve(conn, _lost_key(one.job, one.step, one.work_key))
        tell_failed(conn, one.job, one.step, one.run_id)
    else:
        raise_alerts(conn, [_stall(one)])


def tell_failed(conn: Connection, job: str, step: str, run_id: str) -> None:
    """The third failure in a row of a step, and each after it."""
    which = {"job": job, "step": step}
    if sql.failures_in_a_row(conn, **which, most=IN_A_ROW) < IN_A_ROW:
        return
    title = f"{job} has failed {IN_A_ROW} times in a row, at {step}"
    detail = {**which, "run_id": run_id}
    alert = Alert(_in_a_row(job, step), "critical", title, detail, owner=owner_of(job))
    raise_alerts(conn, [alert])


def tell_ended(conn: Connection, job: str, execution_id: int) -> None:
    """An attempt has come to an end, whichever: it is slow no more."""
    alerts.resolve(conn, slow_key(job, execution_id))


def tell_done(conn: Connection, asked: Asked) -> None:
    """It is well again: what was told of it ends."""
    lost = _lost_key(asked.job, asked.step, asked.work_key)
    alerts.resolve(conn, _in_a_row(asked.job, asked.step), lost)


def slow_key(job: str, execution_id: int) -> str:
    """The alert of an attempt that takes long; it ends with the attempt."""
    return f"slow:{job}:{execution_id}"


def _in_a_row(job: str, step: str) -> str:
    return f"job:{job}:{step}"


def _lost_key(job: str, step: str, work_key: str) -> str:
    return f"stall:{job}:{step}:{work_key}"


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
    key = _lost_key(one.job, one.step, one.work_key)
    return Alert(key, "critical", title[:300], detail, owner=owner_of(one.job))
