"""Keeping what is in hand: the lease renewed, and the work stopped when its time is up.

A thread over connections of its own, beside the work. It stops work that is not ours
any more, or that has had its time: first its database sessions, so that nothing of
it goes on at the server, then its process. A retry finds neither.

The thread may itself be held up: by work that never lets go of the interpreter (a regular
expression that backtracks for hours), or by a database that does not answer. So the kernel
has a timer, set anew whenever the lease is renewed: it ends the process before its lease
passes, and nobody begins the work while it still goes on.
"""

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from time import monotonic, sleep

import structlog
from sqlalchemy import Engine
from structlog.contextvars import get_contextvars

from order_ops.domain.jobs import LEASE_S, RENEWALS, SLOW, Job
from order_ops.jobs.running import job_alerts
from order_ops.store import executions
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import Connection, apart, session_name, transaction
from order_ops.store.executions import Execution, LeaseLost
from order_ops.store.queries import executions as sql

log = structlog.get_logger(__name__)

_KILLED = 0.9
"""After this part of a lease that is not renewed the kernel ends the process."""
_SESSIONS_END_S = 10.0
_SAYING_S = 1.0


@dataclass(frozen=True, slots=True)
class Clock:
    """How long a lease lasts unrenewed, in seconds; and what ends this process, if anything may.

    A process that is not the work's own (a test, the demo) is not ended, by us or by the kernel:
    its sessions are, and the work fails with them.
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
        self._apart = apart(pool, "keeper")
        self._job, self._execution, self._clock = job, execution, clock
        self._began = monotonic()
        self._ended = threading.Event()
        self._timing = threading.Lock()
        self._context = copy_context()  # what is bound to the lines of the work is on ours too

    def start(self) -> None:
        """Set the kernel's timer first: the work may never let the thread have its turn."""
        self._time(self._began)
        super().start()

    def end(self) -> None:
        """The work has ended."""
        with self._timing:
            self._ended.set()
            self._kill_in(0)
        self.join(timeout=30)
        self._apart.dispose()

    def run(self) -> None:
        """Renew at a third of the lease; stop what is lost, and what has had its time."""
        self._context.run(self._keep)

    def _keep(self) -> None:
        timeout, slow = (self._began + self._job.timeout_s * part for part in (1, SLOW))
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
            except LeaseLost as lost:
                self._stop_work(str(lost))
                return
            except Exception as error:  # noqa: BLE001 - the database may be back in time
                self._say("warning", "lease.not_renewed", error=repr(error))
            else:
                self._time(now)

    def _pause(self, *moments: float) -> float:
        return max(0.0, min(self._clock.lease_s / RENEWALS, min(moments) - monotonic()))

    def _time(self, since: float) -> None:
        """Have the kernel end the process before a lease that began then passes."""
        lease_s = min(self._clock.lease_s, self._began + self._job.lease_s - since)
        with self._timing:
            if not self._ended.is_set():
                self._kill_in(max(since + lease_s * _KILLED - monotonic(), 0.001))

    def _kill_in(self, seconds: float) -> None:
        """By SIGALRM, which nobody handles here; 0: not at all. May be called by any thread."""
        if self._clock.end_process is not None:
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def _renew(self) -> None:
        with transaction(self._apart) as conn:
            executions.renew(conn, self._execution, self._clock.lease_s)

    def _time_out(self) -> None:
        why = f"timed out after {self._job.timeout_s:g} s"
        ours = {"id": self._execution.id, "fence": self._execution.fence}
        told = {"error": why, "stack": self._stack()}
        self._stop_work(why, lambda conn: sql.time_out(conn, **ours, **told))

    def _stop_work(self, why: str, free: Callable[[Connection], object] | None = None) -> None:
        """End its sessions, then its process; nothing that can hold us up stands between.

        Standard output may be full, with a reader that stopped: it is written to by another thread.
        """
        saying = self._say("critical", "work.stopped", why=why)
        self._end_sessions(free)
        saying.join(timeout=_SAYING_S)
        if self._clock.end_process is not None:
            self._clock.end_process()

    def _end_sessions(self, free: Callable[[Connection], object] | None) -> None:
        """Nothing of the work goes on at the database; once nothing does, others may have it.

        One that will not end keeps it from being freed: then the lease passes by itself.
        """
        deadline = monotonic() + _SESSIONS_END_S
        with suppress(Exception):  # the database is away: so are they, and the lease passes
            while monotonic() < deadline:
                with transaction(self._apart) as conn:
                    if not sql.sessions(conn, name=session_name()):
                        if free is not None:
                            free(conn)
                        return
                    list(sql.end_sessions(conn, name=session_name()))
                sleep(0.05)
            self._say("warning", "work.sessions_left")

    def _say(self, level: str, event: str, **fields: object) -> threading.Thread:
        """A line, written by a thread that nobody has to wait for."""
        about = {"job": self._job.name, "execution_id": self._execution.id}

        def say() -> None:
            getattr(log, level)(event, **about, **fields)
            sys.stdout.flush()

        saying = threading.Thread(target=copy_context().run, args=(say,), daemon=True)
        saying.start()
        return saying

    def _stack(self) -> str | None:
        """Where the work is now: what a person wants to know of work that took too long."""
        frame = sys._current_frames().get(self._work)  # noqa: SLF001 - documented, and the only way
        return "".join(traceback.format_stack(frame)) if frame else None

    def _tell_slow(self) -> None:
        timeout = f"{self._job.timeout_s:g} s"
        run_id = get_contextvars().get("run_id")  # bound to all that is said of the work
        title = f"{self._job.name} has taken {SLOW:.0%} of its timeout of {timeout}"
        alert = Alert(
            dedupe_key=job_alerts.slow_key(self._job.name, self._execution.id),
            severity="warning",
            title=title,
            owner=self._job.owner,
            detail={"execution": self._execution.id, "job": self._job.name, "run_id": run_id},
        )
        with suppress(Exception), transaction(self._apart) as conn:
            raise_alerts(conn, [alert])
