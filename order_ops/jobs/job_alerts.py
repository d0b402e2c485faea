"""What people hear of jobs: work that was lost, failures in a row, and that it is well again."""

from collections.abc import Sequence

from order_ops.domain.jobs import STALLS
from order_ops.store import alerts
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import Connection
from order_ops.store.executions import Asked, Lost
from order_ops.store.queries import executions as sql

IN_A_ROW = 3
"""So many failures of a step, one after the other, are more than bad luck."""


def tell_lost(conn: Connection, lost: Sequence[Lost]) -> None:
    """Any work that was lost with its worker: one alert per piece of work."""
    raise_alerts(conn, [_stall(one) for one in lost])


def tell_failed(conn: Connection, asked: Asked) -> None:
    """The third failure in a row of a step, and each after it."""
    which = {"job": asked.job, "step": asked.step}
    if sql.failures_in_a_row(conn, **which, most=IN_A_ROW) < IN_A_ROW:
        return
    title = f"{asked.job} has failed {IN_A_ROW} times in a row, at {asked.step}"
    detail = {"job": asked.job, "step": asked.step, "run_id": asked.run_id}
    raise_alerts(conn, [Alert(_in_a_row(asked), "critical", title, detail)])


def tell_done(conn: Connection, asked: Asked, execution_id: int) -> None:
    """It is well again: what was told of it ends."""
    keys = [
        _in_a_row(asked),
        _lost_key(asked.job, asked.step, asked.work_key),
        f"slow:{asked.job}:{execution_id}",
    ]
    alerts.resolve(conn, *keys)


def _in_a_row(asked: Asked) -> str:
    return f"job:{asked.job}:{asked.step}"


def _lost_key(job: str, step: str, work_key: str) -> str:
    return f"stall:{job}:{step}:{work_key}"


def _stall(one: Lost) -> Alert:
    what = f"{one.job} ({one.work_key})" if one.work_key != "all" else one.job
    then = "given up: a dead letter" if one.given_up else f"done again, loss {one.stalls}/{STALLS}"
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
    return Alert(key, "critical", title[:300], detail)
