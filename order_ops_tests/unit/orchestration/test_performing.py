from typing import Any

import dagster as dg
import pytest

from order_ops.orchestration.performing import REQUEST, request_of


@pytest.mark.parametrize(
    ("run", "request_"),
    [
        ({"tags": {REQUEST: "tick 1"}}, "tick 1"),
        ({}, "run r1"),
        ({"tags": {REQUEST: "tick 1"}, "parent_run_id": "r0", "root_run_id": "r0"}, "run r1"),
    ],
    ids=["of a trigger", "of a person", "executed again by a person"],
)
def test_what_asked_for_a_run(run: dict[str, Any], request_: str) -> None:
    assert request_of(dg.DagsterRun(job_name="some_job", run_id="r1", **run)) == request_
