"""Metrics of jobs, from the execution ledger: right after any restart, and after any purge."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

LOST = ("stalled", "timed_out")
ENDED = ("done", "failed")


class JobTotal(Protocol):
    """Executions of a job that ended in one way; `buckets` are cumulative, one per bound."""

    job: str
    status: str
    executions: int
    seconds: float
    buckets: Sequence[int]


class Active(Protocol):
    """Executions of a job in hand; `oldest`: when the oldest began, seconds since 1970."""

    job: str
    executions: int
    oldest: float


class Beat(Protocol):
    """Who said when that it is alive; `at` in seconds since 1970."""

    name: str
    at: float


def job_metrics(
    totals: Sequence[JobTotal], active: Iterable[Active], bounds: Sequence[float]
) -> Iterable[Metric]:
    """Executions by how they ended, how long they took, those lost, and those in hand."""
    ended = CounterMetricFamily(
        "job_executions",
        "Executions by how they ended: done, failed, skipped, cancelled, retried, stalled, "
        "timed_out.",
        labels=["job_name", "status"],
    )
    stalls = CounterMetricFamily(
        "order_ops_job_stalls", "Executions that were lost with their worker.", labels=["job_name"]
    )
    took = HistogramMetricFamily(
        "order_ops_job_duration_seconds", "How long executions took.", labels=["job_name", "status"]
    )
    lost: dict[str, int] = {}
    for one in totals:
        ended.add_metric([one.job, one.status], one.executions)
        lost.setdefault(one.job, 0)
        if one.status in LOST:
            lost[one.job] += one.executions
        if one.status in ENDED and len(one.buckets) == len(bounds):
            took.add_metric([one.job, one.status], _buckets(one, bounds), one.seconds)
    for job, executions in lost.items():
        stalls.add_metric([job], executions)
    yield from (ended, stalls, took, *_active(active))


def _buckets(one: JobTotal, bounds: Sequence[float]) -> list[tuple[str, float]]:
    finite = [(str(float(bound)), float(n)) for bound, n in zip(bounds, one.buckets, strict=True)]
    return [*finite, ("+Inf", float(one.executions))]


def _active(active: Iterable[Active]) -> Iterable[Metric]:
    in_hand = GaugeMetricFamily("order_ops_jobs_active", "Executions in hand.", labels=["job_name"])
    since = GaugeMetricFamily(
        "order_ops_jobs_active_oldest_timestamp_seconds",
        "When the oldest of them began.",
        labels=["job_name"],
    )
    for one in active:
        in_hand.add_metric([one.job], one.executions)
        since.add_metric([one.job], one.oldest)
    return in_hand, since


def beat_metrics(beats: Iterable[Beat]) -> Iterable[Metric]:
    """When each process, schedule and sensor last said that it is alive."""
    at = GaugeMetricFamily(
        "order_ops_beat_timestamp_seconds",
        "When a process, schedule or sensor last said that it is alive.",
        labels=["name"],
    )
    for one in beats:
        at.add_metric([one.name], one.at)
    yield at


def run_metrics(queued: int) -> Iterable[Metric]:
    """Runs that wait in Dagster's queue."""
    yield GaugeMetricFamily("order_ops_runs_queued", "Runs in Dagster's queue.", value=queued)
