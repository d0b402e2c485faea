"""An error in a step becomes Dagster's retry or failure, by its kind."""

from dataclasses import dataclass

import dagster as dg
import psycopg
import pytest

from order_ops.domain.failures import ClassifiedError, FailureKind, RetryPolicy
from order_ops.orchestration.retries import failures_by_kind

POLICY = RetryPolicy(attempts=3, base_s=2.0, cap_s=3.0)


@dataclass
class Context:
    retry_number: int


def outcome(error: BaseException, retry_number: int = 0) -> BaseException:
    with pytest.raises(BaseException) as raised, failures_by_kind(Context(retry_number), POLICY):  # noqa: PT011
        raise error
    return raised.value


RETRIED = [
    ClassifiedError("429", FailureKind.THROTTLED),
    ClassifiedError("away", FailureKind.TRANSIENT),
    ConnectionResetError("reset"),
    psycopg.errors.DeadlockDetected("deadlock"),
]


@pytest.mark.parametrize("error", RETRIED, ids=repr)
@pytest.mark.parametrize(("retry_number", "ceiling"), [(0, 2.0), (1, 3.0)])
def test_what_may_pass_is_asked_for_again(
    error: Exception, retry_number: int, ceiling: float
) -> None:
    for _ in range(50):
        asked = outcome(error, retry_number)
        assert isinstance(asked, dg.RetryRequested)
        assert asked.max_retries == 2
        assert asked.seconds_to_wait is not None
        assert 0 <= asked.seconds_to_wait <= ceiling
        assert asked.__cause__ is error


@pytest.mark.parametrize("error", RETRIED, ids=repr)
def test_the_last_attempt_fails_with_its_kind_on_record(error: Exception) -> None:
    failure = outcome(error, retry_number=2)
    assert isinstance(failure, dg.Failure)
    assert failure.allow_retries is False
    assert failure.metadata["category"].value in {"transient", "throttled"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClassifiedError("declined", FailureKind.PERMANENT), "permanent"),
        (ClassifiedError("twice", FailureKind.CONFLICT), "conflict"),
        (psycopg.errors.UniqueViolation("twice"), "permanent"),
        (ValueError("nobody foresaw this"), "unknown"),
    ],
    ids=repr,
)
def test_any_other_error_fails_at_once(error: Exception, kind: str) -> None:
    failure = outcome(error)
    assert isinstance(failure, dg.Failure)
    assert failure.description == str(error)
    assert failure.metadata["category"].value == kind
    assert failure.metadata["error_type"].value == type(error).__name__
    assert failure.allow_retries is False
    assert failure.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [dg.RetryRequested(max_retries=9), dg.Failure("own words"), KeyboardInterrupt(), SystemExit(1)],
    ids=lambda error: type(error).__name__,
)
def test_dagsters_own_words_and_a_stop_pass_through(error: BaseException) -> None:
    assert outcome(error) is error


def test_a_step_that_works_is_left_alone() -> None:
    with failures_by_kind(Context(0), POLICY):
        done = True
    assert done


@pytest.mark.parametrize(("failing", "succeeds", "tries"), [(2, True, 3), (3, False, 3)])
def test_dagster_tries_as_often_as_the_policy_says(
    failing: int,
    succeeds: bool,  # noqa: FBT001
    tries: int,
) -> None:
    tried: list[int] = []
    quick = RetryPolicy(attempts=3, base_s=0.0, cap_s=0.0)

    @dg.op
    def flaky(context: dg.OpExecutionContext) -> None:
        with failures_by_kind(context, quick):
            tried.append(context.retry_number)
            if len(tried) <= failing:
                raise ConnectionError("reset")

    @dg.job
    def flaky_job() -> None:
        flaky()

    result = flaky_job.execute_in_process(raise_on_error=False)
    assert result.success is succeeds
    assert tried == list(range(tries))
