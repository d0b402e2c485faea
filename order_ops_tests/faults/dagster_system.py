"""Dagster around a system under test: a real code server and daemons, on a home of their own.

There is no UI: what runs there are, and which process works for one, is read from
Dagster's storage. Its process trees are killed from the root down, so that nothing
starts anew in between.
"""

import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from order_ops.devstack import processes
from order_ops.devstack.processes import LOOPBACK
from order_ops.devstack.services import checkout_root
from order_ops.devstack.waiting import wait_until
from order_ops.settings import CODE_SERVER_PORT, DAGSTER_POSTGRES_URL
from order_ops_tests.faults.invariants import Found, violations
from order_ops_tests.faults.processes import Process, python
from order_ops_tests.faults.system import System

JOB = "apply_order_events_job"
ACTIVE = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
READY_S = 120.0
ENDS_S = 200.0
POLL_S = 2
"""Seconds between two looks of the run monitor, 120 by default."""


class Dagster:
    """The processes that run order_ops' jobs, and their storage."""

    def __init__(self, system: System, database: str) -> None:
        self.system = system
        self._storage = system.servers.postgres.url(database, "psycopg2")
        self._port = processes.free_port()
        self.metrics_port = 0
        """Where the watcher that was started last is scraped."""
        home = system.folder / "dagster"
        home.mkdir()
        text = (checkout_root() / "dagster.yaml").read_text(encoding="utf-8")
        monitored = text.replace(
            "run_monitoring:\n", f"run_monitoring:\n  poll_interval_seconds: {POLL_S}\n"
        )
        assert monitored != text
        (home / "dagster.yaml").write_text(monitored, encoding="utf-8")
        self._home = home

    def at_most(self, runs: int) -> None:
        """Let daemons that start from now on run no more than so many runs at a time."""
        config = self._home / "dagster.yaml"
        text = config.read_text(encoding="utf-8")
        limited, found = re.subn(r"max_concurrent_runs: \d+", f"max_concurrent_runs: {runs}", text)
        assert found == 1
        config.write_text(limited, encoding="utf-8")

    def env(self) -> dict[str, str]:
        """The variables of a process that runs order_ops' jobs."""
        return self.system.env() | {
            "DAGSTER_HOME": str(self._home),
            DAGSTER_POSTGRES_URL: self._storage,
            CODE_SERVER_PORT: str(self._port),
        }

    def start_code_server(self) -> Process:
        """Start the code server and wait until it answers."""
        module = ("code-server", "start", "-m", "order_ops.definitions")
        listen = ("-h", LOOPBACK, "-p", str(self._port))
        process = self._start("code-server", "dagster", *module, *listen)
        wait_until(lambda: processes.answers(self._port), READY_S, "the code server")
        return process

    def start_daemon(self) -> Process:
        """Start a daemon."""
        return self._start("daemon", "dagster._daemon", "run", "-w", "workspace.yaml")

    def start_watcher(self, **settings: object) -> Process:
        """Start a watcher that looks after Dagster's runs too."""
        self.metrics_port = processes.free_port()
        told = settings | {"metrics_port": self.metrics_port}
        return self._start("watcher", "order_ops.cli", "watch", **told)

    def kill(self, process: Process) -> list[psutil.Process]:
        """kill -9 a process and everything below it; what was killed."""
        tree = [psutil.Process(process.pid), *processes.descendants(process.pid)]
        for one in tree:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        assert process.ended_by() is signal.SIGKILL
        processes.wait_gone(tree, timeout=30, what=process.name)
        return tree

    def stop(self) -> None:
        """End Dagster's processes in order, daemons first."""
        ours = ("daemon", "code-server", "watcher")
        mine = [p for p in self.system.processes if p.name in ours]
        for process in reversed(mine):
            if process.runs():
                process.send(signal.SIGTERM)
                process.wait()

    def runs(self, *statuses: str, job: str = JOB) -> list[str]:
        """Ids of a job's runs in these statuses, oldest first."""
        query = "SELECT run_id FROM runs WHERE pipeline_name = %s AND status = ANY(%s) ORDER BY id"
        return [row[0] for row in self.rows(query, job, list(statuses))]

    def tagged(self, tag: str, job: str) -> list[tuple[str, ...]]:
        """Ids of a job's runs that have a tag, with its value."""
        query = """SELECT run_id, value FROM run_tags JOIN runs USING (run_id)
            WHERE key = %s AND pipeline_name = %s"""
        return self.rows(query, tag, job)

    def applying(self) -> tuple[str, int]:
        """Wait for a run that holds the workers' lease: its id and its process."""
        found: list[tuple[str, int]] = []
        holder = """SELECT run_id FROM ops.job_execution
            WHERE job = 'apply_order_events_job' AND state = 'running' AND lease_until > now()"""

        def is_applying() -> bool:
            for (run,) in self.system.rows(holder):
                pid = self.pid(run)
                if pid is not None and psutil.pid_exists(pid):
                    found.append((run, pid))
            return bool(found)

        wait_until(is_applying, READY_S, "a run that applies events")
        return found[0]

    def halted(self) -> tuple[str, psutil.Process]:
        """A run that applies events, stopped (SIGSTOP) in its work: it cannot end by itself."""
        working = "SELECT count(*) FROM ops.job_execution WHERE run_id = %s AND state = 'running'"
        while True:
            run, pid = self.applying()
            process = psutil.Process(pid)
            process.suspend()
            if self.system.one(working, run):
                return run, process
            process.resume()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query of Dagster's storage."""
        url = self._storage.replace("+psycopg2", "")
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as conn:
            result = conn.execute(query.encode(), values)
            return result.fetchall() if result.description else []

    def check(self, failed: list[str]) -> None:
        """Wait until all is applied and no run is left, then every invariant over everything.

        The runs that failed have no dead letter: their work was done again by others.
        """
        letters = "SELECT count(*) FROM ops.dead_letter WHERE origin = 'run'"
        self.system.all_staged()
        wait_until(lambda: not self.system.unsettled(), ENDS_S, "everything to be applied")
        wait_until(lambda: self.runs("FAILURE") == failed, ENDS_S, f"the failure of {failed}")
        wait_until(lambda: not self.held(), ENDS_S, "the end of every run")
        assert self.system.one(letters) == 0
        self.stop()
        self.system.end()
        found = Found(self.system.database_url, self.system.workload, [], self.held())
        told = violations(found)
        assert not told, "\n".join(told)

    def held(self) -> list[str]:
        """Runs that have not ended, and slots that somebody holds, in words."""
        runs = self.rows("SELECT run_id, status FROM runs WHERE status = ANY(%s)", list(ACTIVE))
        slots = self.rows(
            "SELECT concurrency_key, run_id FROM concurrency_slots WHERE run_id <> ''"
        )
        return [
            *(f"run {run} is {status}" for run, status in runs),
            *(f"slot {key} is held by run {run}" for key, run in slots),
        ]

    def pid(self, run: str) -> int | None:
        """The process that executes a run, once it has begun to."""
        rows = self.rows("SELECT event FROM event_logs WHERE run_id = %s", run)
        found = [re.search(r"in process \(pid: (\d+)\)", row[0]) for row in rows]
        return next((int(match[1]) for match in found if match), None)

    def _start(self, name: str, *words: str, **settings: object) -> Process:
        log = self.system.folder / f"{len(self.system.processes)}-{name}.log"
        env = self.env() | {f"ORDER_OPS_{k.upper()}": str(v) for k, v in settings.items()}
        process = Process(name, python("-m", *words), env, log)
        self.system.processes.append(process)
        return process


def log_of(process: Process) -> str:
    """What a process has written."""
    return Path(process.log).read_text(errors="replace")


def kill(process: psutil.Process) -> None:
    """kill -9 of one process that is not ours to wait for; over when it is gone."""
    process.kill()
    processes.wait_gone([process], timeout=30, what=f"process {process.pid}")
