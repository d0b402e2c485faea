"""A snapshot of the definitions: what Dagster is told, so that a change is a decision."""

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from order_ops.domain.jobs import period_s
from order_ops.jobs.catalogue import BY_NAME, expected_beats
from order_ops.orchestration.job_tags import MAX_RUNTIME


@pytest.fixture
def defs(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", "postgresql://nobody@nowhere/none")
    from order_ops.definitions import defs

    return defs


def test_definitions(defs: Any, snapshot: SnapshotAssertion) -> None:
    repository = defs.get_repository_def()
    graph = defs.resolve_asset_graph()
    assert {
        "assets": {
            node.key.to_user_string(): {
                "after": sorted(key.to_user_string() for key in node.parent_keys),
                "partitions": type(node.partitions_def).__name__,
                "checks": sorted(key.name for key in node.check_keys),
            }
            for node in graph.asset_nodes
        },
        "jobs": {
            job.name: {
                "tags": dict(sorted(job.tags.items())),
                "steps": sorted(node.name for node in job.graph.nodes),
            }
            for job in repository.get_all_jobs()
            if not job.name.startswith("__")
        },
        "schedules": {s.name: s.cron_schedule for s in repository.schedule_defs},
        "sensors": {s.name: s.minimum_interval_seconds for s in repository.sensor_defs},
    } == snapshot


def test_every_asset_is_declared_by_the_job_that_makes_it(defs: Any) -> None:
    """Runs of chosen assets are known as ours by it."""
    made = {key.to_user_string() for key in defs.resolve_asset_graph().materializable_asset_keys}
    assert {asset for job in BY_NAME.values() for asset in job.assets} == made
    for job in BY_NAME.values():
        if job.assets:
            layer = defs.resolve_job_def(job.name).asset_layer
            assert {key.to_user_string() for key in layer.selected_asset_keys} == set(job.assets)


def test_dagster_ends_no_run_that_our_own_timeouts_let_go_on(defs: Any) -> None:
    for job in defs.get_repository_def().get_all_jobs():
        if job.name not in BY_NAME:
            continue
        declared, steps = BY_NAME[job.name], len(list(job.graph.nodes))
        each = [p.attempts * (declared.timeout_s + p.cap_s) for p in declared.retries.values()]
        assert steps * max(each) < float(job.tags[MAX_RUNTIME]), job.name


def test_every_sensor_looks_as_often_as_the_watcher_expects(defs: Any) -> None:
    """And every schedule ticks so: what is expected is what is there."""
    repository = defs.get_repository_def()
    there = {f"sensor:{s.name}": s.minimum_interval_seconds for s in repository.sensor_defs}
    there |= {f"schedule:{s.name}": period_s(s.cron_schedule) for s in repository.schedule_defs}
    assert expected_beats() == there


def test_every_job_can_be_launched_again_from_its_dead_letter(defs: Any) -> None:
    repository = defs.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    targets = repository.get_sensor_def("replay_sensor").targets
    assert {target.job_name for target in targets} == jobs
