"""Keeping what is in hand: the lease renewed, and the work stopped when its time is up.

A thread over connections of its own, beside the work. It stops work that is not ours
any more, or that has had its time: first its database sessions, so that nothing of
it goes on at the server, then its process. A retry finds neither.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic, sleep

import structlog
from sqlalchemy import Engine

from order_ops.domain.jobs import LEASE_S, RENEWALS, SLOW, Job
from order_ops.store import executions
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import apart, session_name, transaction
from order_ops.store.executions import Execution, LeaseLost
from order_ops.store.queries import executions as sql

log = structlog.get_logger(__name__)

_SESSIONS_END_S = 10.0


@dataclass(frozen=True, slots=True)
class Clock:
    """How long a lease lasts unrenewed, in seconds; and what ends this process, if anything may.

    A process that is not the work's own (a test, the demo) is not ended: its sessions are,
    and the work fails with them.
    """

    lease_s: float = LEASE_S
    end_process: Callable[[], None] | None = None


@contextmanager
def keeping(pool: Engine, job: Job, execution: Execution, clock: Clock) -> Iterator[None]:
    """Keep an execution ours while the block runs, and no longer than the job's timeout."""
    keeper = Keeper(pool, job, execution, clock)
    keeper.start()
    try:
        yield
    finally:
        keeper.end()


class Keeper(threading.Thread):
    """Renews one execution's lease until it is told to end."""

    def __init__(self, pool: Engine, job: Job, execution: Execution, clock: Clock) -> None:
        super().__init__(name=f"keeper of {job.name}", daemon=True)
        self._work = threading.get_ident()
        self._apart = apart(pool)
        self._job, self._execution, self._clock = job, execution, clock
        self._ended = threading.Event()

    def end(self) -> None:
        """The work has ended."""
        self._ended.set()
        self.join(timeout=30)
        self._apart.dispose()

    def run(self) -> None:
        """Renew at a third of the lease; stop what is lost, and what has had its time."""
        began = renewed = monotonic()
        timeout, slow = began + self._job.timeout_s, began + self._job.timeout_s * SLOW
        while not self._ended.wait(self._pause(timeout, slow)):
            now = monotonic()
            if now >= timeout:
                self._time_out()
                return
            if now >= slow:
                slow = timeout
                self._tell_slow()
            try:
                self._renew()
                renewed = now
            except LeaseLost as lost:
                self._stop_work(str(lost))
                return
            except Exception as error:  # noqa: BLE001 - the database may be back in time
                log.warning("lease.not_renewed", job=self._job.name, error=repr(error))
                if now - renewed > self._clock.lease_s:
                    self._stop_work("its lease has passed while the database was away")
                    return

    def _pause(self, *moments: float) -> float:
        return max(0.0, min(self._clock.lease_s / RENEWALS, min(moments) - monotonic()))

    def _renew(self) -> None:
        with transaction(self._apart) as conn:
            executions.renew(conn, self._execution, self._clock.lease_s)

    def _time_out(self) -> None:
        why = f"timed out after {self._job.timeout_s:g} s"
        stack = self._stack()
        self._end_sessions()
        with suppress(Exception), transaction(self._apart) as conn:  # else its lease passes
            ours = {"id": self._execution.id, "fence": self._execution.fence}
            sql.time_out(conn, **ours, error=why, stack=stack)
        self._end_process(why)

    def _stop_work(self, why: str) -> None:
        self._end_sessions()
        self._end_process(why)

    def _end_process(self, why: str) -> None:
        log.critical("work.stopped", job=self._job.name, execution=self._execution.id, why=why)
        sys.stdout.flush()
        if self._clock.end_process is not None:
            self._clock.end_process()

    def _end_sessions(self) -> None:
        """Nothing of the work goes on at the database; waits until its sessions are gone."""
        deadline = monotonic() + _SESSIONS_END_S
        with suppress(Exception):  # the database is away: so are they, and the lease passes
            while monotonic() < deadline:
                with transaction(self._apart) as conn:
                    list(sql.end_sessions(conn, name=session_name()))
                    if not sql.sessions(conn, name=session_name()):
                        return
                sleep(0.05)
            log.warning("work.sessions_left", job=self._job.name)

    def _stack(self) -> str | None:
        """Where the work is now: what a person wants to know of work that took too long."""
        frame = sys._current_frames().get(self._work)  # noqa: SLF001 - documented, and the only way
        return "".join(traceback.format_stack(frame)) if frame else None

    def _tell_slow(self) -> None:
        timeout = f"{self._job.timeout_s:g} s"
        title = f"{self._job.name} has taken {SLOW:.0%} of its timeout of {timeout}"
        alert = Alert(
            dedupe_key=f"slow:{self._job.name}:{self._execution.id}",
            severity="warning",
            title=title,
            detail={"execution": self._execution.id, "job": self._job.name},
        )
        with suppress(Exception), transaction(self._apart) as conn:
            raise_alerts(conn, [alert])
