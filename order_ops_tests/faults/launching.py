"""Runs launched as a person's click launches them, and what Dagster's storage says of them.

A launch goes the way of Dagster's own launcher: the instance of dagster.yaml with its
coordinator, and the code server for what the job is. What executes it is the system's
daemon, code server and run processes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest
from dagster._cli.job import _create_run
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget

from order_ops.devstack.services import checkout_root
from order_ops.devstack.waiting import wait_until
from order_ops_tests.faults.dagster_system import ENDS_S, Dagster

BROKEN = {"ops": {"expire_due_orders": {"config": {"limit": 2**63}}}}
"""A config of `expire_orders_job` that the database refuses: the run fails for good."""
BROKEN_TOO = {"ops": {"expire_due_orders": {"config": {"limit": -1}}}}
"""Another one, refused for another cause, before the work begins."""
_LOCATION = "order_ops"
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")
_RUN_S = 20.0
"""What a run of many may take, where they share two busy cores."""


class Launcher:
    """Launches runs on the code server of a system."""

    def __init__(
        self, dagster: Dagster, instance: dg.DagsterInstance, workspace: WorkspaceRequestContext
    ) -> None:
        self.dagster = dagster
        self.instance = instance
        self._workspace = workspace
        self._location = workspace.get_code_location(_LOCATION)

    def launch(
        self, job: str, config: dict[str, Any] | None = None, tags: dict[str, str] | None = None
    ) -> str:
        """Queue a run; its id."""
        repository: RemoteRepository = next(iter(self._location.get_repositories().values()))
        run = _create_run(
            instance=self.instance,
            code_location=self._location,
            remote_repo=repository,
            remote_job=repository.get_full_job(job),
            run_config=config or {},
            tags=tags,
            op_selection=None,
            run_id=None,
        )
        return self.instance.submit_run(run.run_id, self._workspace).run_id

    def fails(self, job: str, config: dict[str, Any]) -> str:
        """Execute a run here and now, that fails: hundreds of processes would take an hour."""
        done = _job(job).execute_in_process(
            instance=self.instance, run_config=config, raise_on_error=False
        )
        assert not done.success
        return done.run_id

    def holds(self, job: str, tags: dict[str, str]) -> str:
        """A run that says it is started for as long as nobody ends it."""
        started = dg.DagsterRunStatus.STARTED
        run = self.instance.create_run_for_job(_job(job), tags=tags, status=started)
        return run.run_id

    def end(self, run: str) -> None:
        """A run that was held is cancelled."""
        held = self.instance.get_run_by_id(run)
        assert held is not None
        self.instance.report_run_canceled(held)

    def dies(self, job: str) -> str:
        """A run that ended as one whose process died before it had begun a step."""
        run = self.instance.create_run_for_job(_job(job))
        self.instance.report_run_failed(run)
        return run.run_id

    def statuses(self, runs: Sequence[str]) -> list[str]:
        """The status of each run, in their order."""
        rows = self.dagster.rows("SELECT run_id, status FROM runs WHERE run_id = ANY(%s)", [*runs])
        known = {row[0]: row[1] for row in rows}
        return [known[run] for run in runs]

    def wait_ended(self, runs: Sequence[str]) -> list[str]:
        """Wait until all have ended, one after the other if it must be; how each has."""
        wait_until(
            lambda: all(status in _ENDED for status in self.statuses(runs)),
            max(ENDS_S, len(runs) * _RUN_S),
            f"the end of {len(runs)} runs",
        )
        return self.statuses(runs)

    def tags(self, run: str, name: str) -> list[str]:
        """The values of a tag of a run: one, or none."""
        query = "SELECT value FROM run_tags WHERE run_id = %s AND key = %s"
        return [row[0] for row in self.dagster.rows(query, run, name)]

    def began(self, runs: Sequence[str]) -> list[str]:
        """The runs in the order in which the queue let them begin."""
        return [run for run, what in self._history(runs) if what == "PIPELINE_STARTING"]

    def most_at_once(self, runs: Sequence[str]) -> int:
        """How many of the runs were under way at the same time, at most."""
        under_way: set[str] = set()
        most = 0
        for run, what in self._history(runs):
            (under_way.add if what == "PIPELINE_STARTING" else under_way.discard)(run)
            most = max(most, len(under_way))
        return most

    def _history(self, runs: Sequence[str]) -> list[tuple[Any, ...]]:
        """Begin and end of each run, as the event log has them one after the other."""
        ends = [f"PIPELINE_{status}" for status in _ENDED]
        query = """SELECT run_id, dagster_event_type FROM event_logs
            WHERE run_id = ANY(%s) AND dagster_event_type = ANY(%s) ORDER BY id"""
        return self.dagster.rows(query, [*runs], ["PIPELINE_STARTING", *ends])


def _job(name: str) -> dg.JobDefinition:
    """A job as Dagster loads it: what is imported for it reads the settings."""
    from order_ops.definitions import defs

    return defs.resolve_job_def(name)


@contextmanager
def launching(dagster: Dagster) -> Iterator[Launcher]:
    """Launch from this process, with the environment of a process of the system."""
    with pytest.MonkeyPatch.context() as here:
        for name, value in dagster.env().items():
            here.setenv(name, value)
        target = WorkspaceFileTarget([str(checkout_root() / "workspace.yaml")])
        with (
            dg.DagsterInstance.get() as instance,
            WorkspaceProcessContext(instance, target) as process,
        ):
            yield Launcher(dagster, instance, process.create_request_context())
