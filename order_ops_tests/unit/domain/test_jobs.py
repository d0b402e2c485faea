from dataclasses import replace

import pytest

from order_ops.domain.failures import DATABASE, FailureKind, RetryPolicy
from order_ops.domain.jobs import POOLS, Job, JobError, Priority, period_s, retries
from order_ops.domain.retention import BUSY
from order_ops.jobs.catalogue import BY_NAME, JOBS

GOOD = Job(
    name="some_job",
    what="Something.",
    owner="platform",
    priority=Priority.MONEY,
    pool="money",
    retries=retries(DATABASE),
    timeout_s=60,
    lease_s=90,
    retention=BUSY,
    cron="* * * * *",
)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"lease_s": 60}, "does not outlast its timeout"),
        ({"lease_s": 59}, "does not outlast its timeout"),
        ({"owner": " "}, "has no owner"),
        ({"pool": "ocean"}, "pool 'ocean' is none of"),
        ({"timeout_s": 0, "lease_s": 1}, "timeout_s is 0"),
        ({"name": "some"}, "end in _job"),
        ({"cron": "@daily"}, "cron '@daily'"),
        ({"cron": "*/7 * * * *"}, "cron '*/7"),
        ({"cron": "61 * * * *"}, "cron '61"),
        ({"retries": {FailureKind.TRANSIENT: DATABASE}}, "says nothing of throttled"),
        ({"retries": retries(DATABASE) | {FailureKind.PERMANENT: DATABASE}}, "retries permanent"),
    ],
)
def test_a_declaration_that_could_not_hold_refuses_to_load_and_names_the_job(
    change: dict[str, object], why: str
) -> None:
    with pytest.raises(JobError, match=r"job \w+: ") as refused:
        replace(GOOD, **change)
    assert why in str(refused.value)
    assert str(change.get("name", "some_job")) in str(refused.value)


@pytest.mark.parametrize(
    ("cron", "seconds"),
    [
        ("* * * * *", 60),
        ("*/5 * * * *", 300),
        ("7 * * * *", 3_600),
        ("17 3 * * *", 86_400),
        ("0 24 * * *", None),
        ("* * * *", None),
        ("*/0 * * * *", None),
    ],
)
def test_how_often_a_cron_ticks(cron: str, seconds: float | None) -> None:
    assert period_s(cron) == seconds


def test_priorities_are_in_the_order_in_which_runs_are_to_go() -> None:
    wanted = ["MONEY", "EXPIRY", "RELAY", "REMINDERS", "ARCHIVE", "PURGE"]
    assert [one.name for one in sorted(Priority, reverse=True)] == wanted


def test_each_job_is_declared_once_and_every_pool_is_used() -> None:
    assert len(BY_NAME) == len(JOBS)
    assert {job.pool for job in JOBS} == set(POOLS)


def test_retries_may_differ_by_kind() -> None:
    throttled = RetryPolicy(9, 1, 1)
    wanted = retries(DATABASE, throttled)
    assert wanted[FailureKind.TRANSIENT] is DATABASE
    assert wanted[FailureKind.THROTTLED] is throttled
