"""Figures of jobs, beats and the run queue, as a scrape reads them."""

from collections.abc import Iterable
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from order_ops.telemetry.job_metrics import beat_metrics, job_metrics, run_metrics

BOUNDS = (1, 60)


def total(job: str, status: str, executions: int, *buckets: int) -> SimpleNamespace:
    return SimpleNamespace(
        job=job, status=status, executions=executions, seconds=9.5, buckets=buckets
    )


def scraped(metrics: Iterable[Metric]) -> list[str]:
    class Once(Collector):
        def collect(self) -> Iterable[Metric]:
            return metrics

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Once())
    return generate_latest(registry).decode().splitlines()


def test_executions_are_counted_by_how_they_ended() -> None:
    totals = [total("a", "done", 9, 7, 8), total("a", "failed", 1, 0, 1), total("a", "skipped", 4)]
    told = scraped(job_metrics(totals, [], BOUNDS))
    for line in (
        'job_executions_total{job_name="a",status="done"} 9.0',
        'job_executions_total{job_name="a",status="failed"} 1.0',
        'job_executions_total{job_name="a",status="skipped"} 4.0',
    ):
        assert line in told


def test_what_was_lost_is_counted_whichever_way_it_was_and_none_is_zero() -> None:
    totals = [total("a", "stalled", 2), total("a", "timed_out", 3), total("b", "done", 1, 1, 1)]
    told = scraped(job_metrics(totals, [], BOUNDS))
    assert 'order_ops_job_stalls_total{job_name="a"} 5.0' in told
    assert 'order_ops_job_stalls_total{job_name="b"} 0.0' in told


def test_how_long_they_took_is_a_histogram_of_those_that_came_to_an_end() -> None:
    totals = [total("a", "done", 9, 7, 8), total("a", "stalled", 2, 1, 2)]
    told = scraped(job_metrics(totals, [], BOUNDS))
    took = [line for line in told if line.startswith("order_ops_job_duration_seconds")]
    assert took == [
        'order_ops_job_duration_seconds_bucket{job_name="a",le="1.0",status="done"} 7.0',
        'order_ops_job_duration_seconds_bucket{job_name="a",le="60.0",status="done"} 8.0',
        'order_ops_job_duration_seconds_bucket{job_name="a",le="+Inf",status="done"} 9.0',
        'order_ops_job_duration_seconds_count{job_name="a",status="done"} 9.0',
        'order_ops_job_duration_seconds_sum{job_name="a",status="done"} 9.5',
    ]


def test_totals_kept_with_other_bounds_are_counted_and_have_no_histogram() -> None:
    """After an update that changes the bounds: never a wrong bucket."""
    told = scraped(job_metrics([total("a", "done", 9, 7)], [], BOUNDS))
    assert 'job_executions_total{job_name="a",status="done"} 9.0' in told
    assert not [line for line in told if line.startswith("order_ops_job_duration_seconds_")]


def test_what_is_in_hand_is_told_with_when_the_oldest_began() -> None:
    told = scraped(job_metrics([], [SimpleNamespace(job="a", executions=2, oldest=5.0)], BOUNDS))
    assert 'order_ops_jobs_active{job_name="a"} 2.0' in told
    assert 'order_ops_jobs_active_oldest_timestamp_seconds{job_name="a"} 5.0' in told


@pytest.mark.parametrize(
    ("metrics", "line"),
    [
        (
            beat_metrics([SimpleNamespace(name="consumer", at=7.0)]),
            'order_ops_beat_timestamp_seconds{name="consumer"} 7.0',
        ),
        (run_metrics(3), "order_ops_runs_queued 3.0"),
    ],
    ids=["beats", "run queue"],
)
def test_beats_and_the_run_queue_are_told(metrics: Iterable[Metric], line: str) -> None:
    assert line in scraped(metrics)
