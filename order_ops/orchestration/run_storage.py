"""Runs as Dagster's instance stores them, for jobs that know nothing of Dagster."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, TickStatus

from order_ops.jobs.catalogue import HANDLE_RUN_FAILURE, expected_beats
from order_ops.jobs.running.sweep import StartedRun
from order_ops.jobs.upkeep.purge_runs import StoredRun
from order_ops.orchestration.job_tags import job_of

_PAGE = 500
_FAILED_PAGE = 200
_SENSOR_TICKS = 6
"""So many ticks of a sensor fail one after the other before that is told: half a minute."""
_ENDED_TICKS = {TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE}


class StoredRuns:
    """The runs of an instance; without one, of the instance of DAGSTER_HOME, opened when needed."""

    def __init__(self, instance: dg.DagsterInstance | None = None) -> None:
        self._given = instance

    @cached_property
    def _instance(self) -> dg.DagsterInstance:
        return self._given or dg.DagsterInstance.get()

    def started(self) -> Sequence[StartedRun]:
        """Runs that are listed as started; of this instance, which may run other jobs too."""
        alive = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
        records = self._instance.get_run_records(dg.RunsFilter(statuses=alive))
        now = datetime.now(UTC).timestamp()
        return [
            StartedRun(
                run_id=one.dagster_run.run_id,
                age_s=now - _began(one),
                ours=job_of(one.dagster_run) is not None,
            )
            for one in records
        ]

    def failed(self, since: datetime, before: datetime | None = None) -> Iterator[list[str]]:
        """Runs that failed between these (UTC), newest first, some hundred at a time.

        But for those that handle failures: theirs are handled with the next of another job.
        """
        for page in failed_run_pages(self._instance, since, before):
            yield [run.run_id for run in page if run.job_name != HANDLE_RUN_FAILURE.name]

    def failed_ticks(self) -> dict[str, str]:
        """The error of each schedule and sensor of ours whose last ticks have failed, by name.

        One whose run requests are refused fails after it has looked, and beaten.
        """
        ours = expected_beats()
        found: dict[str, str] = {}
        for state in self._instance.all_instigator_state():
            name = f"{state.instigator_type.value.lower()}:{state.name}"
            if name in ours and state.is_running and (error := self._failing(state)):
                found[state.name] = error
        return found

    def _failing(self, state: InstigatorState) -> str | None:
        most = _SENSOR_TICKS if state.instigator_type.value == "SENSOR" else 1
        ids = state.instigator_origin_id, state.selector_id
        ticks = self._instance.get_ticks(*ids, limit=most + 1)
        ended = [tick for tick in ticks if tick.status in _ENDED_TICKS][:most]
        if len(ended) < most or any(tick.status != TickStatus.FAILURE for tick in ended):
            return None
        error = ended[0].error
        while error is not None and error.cause is not None:
            error = error.cause
        return error.message.strip() if error is not None else "no error is known"

    def waiting(self) -> int:
        """How many runs are queued."""
        queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
        return self._instance.get_runs_count(queued)

    def limit_pools(self, limits: dict[str, int]) -> None:
        """Give each pool its slots; one that has them is left alone."""
        storage = self._instance.event_log_storage
        known = {info.name: info.limit for info in storage.get_pool_limits()}
        for name, slots in limits.items():
            if known.get(name) != slots:
                storage.set_concurrency_slots(name, slots)

    def started_before(
        self, moment: datetime, limit: int, jobs: Collection[str], *, others: bool = False
    ) -> list[StoredRun]:
        """The newest runs created before a moment (UTC), newest first.

        Of these jobs; with `others`, of all but these.
        """
        found: list[StoredRun] = []
        if others:
            for run in self._before(moment, None):
                if run.job not in jobs:
                    found.append(run)
                if len(found) == limit:
                    break
            return found
        for job in jobs:
            pages = self._before(moment, job)
            found += [run for run, _ in zip(pages, range(limit), strict=False)]
        return sorted(found, key=lambda run: run.created_at, reverse=True)[:limit]

    def delete(self, run_ids: Sequence[str]) -> int:
        """Delete runs that have ended, with their events and captured output; how many."""
        deleted = 0
        for run_id in run_ids:
            run = self._instance.get_run_by_id(run_id)
            if run is None or not run.is_finished:
                continue
            # output first: without its run nobody would find it again
            self._instance.compute_log_manager.delete_logs(prefix=[run_id])
            self._instance.delete_run(run_id)
            deleted += 1
        return deleted

    def end(self, run_id: str, why: str) -> None:
        """End a run that is not finished; one that is gone or has ended stays as it is.

        One that a person is cancelling is cancelled: failed, it would be done again.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return
        told = f"order_ops ended this run: {why}"
        if run.status == dg.DagsterRunStatus.CANCELING:
            self._instance.report_run_canceled(run, told)
        else:
            self._instance.report_run_failed(run, told)

    def _before(self, moment: datetime, job: str | None) -> Iterator[StoredRun]:
        cursor = None
        while page := self._instance.get_run_records(
            dg.RunsFilter(job_name=job, created_before=moment), limit=_PAGE, cursor=cursor
        ):
            for record in page:
                run = record.dagster_run
                yield StoredRun(
                    run_id=run.run_id,
                    job=run.job_name,
                    created_at=record.create_timestamp.replace(tzinfo=UTC),
                    ended=run.is_finished,
                    failed=run.status == dg.DagsterRunStatus.FAILURE,
                )
            cursor = page[-1].dagster_run.run_id


def failed_run_pages(
    instance: dg.DagsterInstance, since: datetime, before: datetime | None = None
) -> Iterator[Sequence[dg.DagsterRun]]:
    """Runs that failed between these, newest first, some hundred at a time."""
    wanted = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since, updated_before=before
    )
    cursor = None
    while page := list(instance.get_runs(filters=wanted, cursor=cursor, limit=_FAILED_PAGE)):
        yield page
        cursor = page[-1].run_id


def _began(record: dg.RunRecord) -> float:
    """When a run began, in seconds since 1970; one that does not say so, when it was created."""
    return record.start_time or record.create_timestamp.replace(tzinfo=UTC).timestamp()
