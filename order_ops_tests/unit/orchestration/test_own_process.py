"""Whose process it is: by its command line, and by whether somebody started it as a child."""

import multiprocessing
import os
import resource
import sys
from types import SimpleNamespace

import pytest

from order_ops.jobs.catalogue import RECONCILE_PAYMENTS
from order_ops.orchestration import own_process
from order_ops.settings import Settings

DAGSTER = "/venv/bin/dagster"


@pytest.mark.parametrize(
    ("words", "child", "name"),
    [
        ([DAGSTER, "api", "grpc", "--port", "1"], False, "code-server"),
        ([DAGSTER, "api", "grpc", "--port", "1"], True, "run"),
        ([DAGSTER, "api", "execute_run", "{}"], False, "run"),
        ([DAGSTER, "api", "execute_step", "{}"], False, "run"),
        (["/venv/bin/dagster-daemon", "run"], False, None),
        (["/venv/bin/order-ops", "demo"], False, None),
        (["pytest", "order_ops_tests"], True, None),
        ([""], False, None),
    ],
)
def test_a_process_knows_whose_it_is(
    monkeypatch: pytest.MonkeyPatch, words: list[str], *, child: bool, name: str | None
) -> None:
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object() if child else None)
    assert own_process.name() == name
    assert own_process.is_own() == (name == "run")


def test_each_step_of_a_process_may_use_as_much_of_the_processors_as_its_job_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel counts from the start of the process: a third step was killed for all three."""
    limits: dict[int, int] = {}
    used = SimpleNamespace(ru_utime=1_000.0, ru_stime=500.0)
    monkeypatch.setattr(own_process, "is_own", lambda: True)
    monkeypatch.setattr(resource, "getrusage", lambda _: used)
    monkeypatch.setattr(resource, "setrlimit", lambda which, both: limits.update({which: both[0]}))
    own_process.limit(RECONCILE_PAYMENTS, Settings(database_url="postgresql://nobody@nowhere/none"))
    allowed = RECONCILE_PAYMENTS.lease_s * (os.cpu_count() or 1)
    assert limits[resource.RLIMIT_CPU] == 1_500 + allowed


def test_the_logs_of_anybody_else_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[str] = []
    monkeypatch.setattr(own_process.logs, "settle_in", settled.append)
    own_process.settle_in()
    assert settled == []
    monkeypatch.setattr(sys, "argv", [DAGSTER, "api", "execute_run"])
    own_process.settle_in()
    assert settled == ["run"]
