"""Errors by kind, waits within their bounds, failures grouped by cause."""

from itertools import pairwise
from random import Random

import pika.exceptions
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from order_ops.domain.failures import (
    API_CALLS,
    DATABASE,
    RETRIED,
    ClassifiedError,
    FailureKind,
    RetryPolicy,
    classify,
    fingerprint,
)
from order_ops.jobs.orders.lane_events import EARLY
from order_ops.jobs.orders.staged import FAILING

POLICIES = [API_CALLS, DATABASE, EARLY, FAILING]


@given(
    st.sampled_from(POLICIES),
    st.integers(min_value=1, max_value=1_000_000),
    st.integers(),
)
def test_a_wait_is_within_its_ceiling_and_the_ceiling_within_the_cap(
    policy: RetryPolicy, attempt: int, seed: int
) -> None:
    delay, ceiling = policy.delay_s(attempt, Random(seed)), policy.ceiling_s(attempt)
    assert 0 <= delay <= ceiling <= policy.cap_s


@pytest.mark.parametrize("policy", POLICIES)
def test_ceilings_double_up_to_the_cap(policy: RetryPolicy) -> None:
    ceilings = [policy.ceiling_s(attempt) for attempt in range(1, 40)]
    assert ceilings[0] == policy.base_s
    for before, after in pairwise(ceilings):
        assert after == min(policy.cap_s, before * 2)
    assert ceilings[-1] == policy.cap_s


def test_the_jitter_is_full() -> None:
    random = Random(1)
    delays = [API_CALLS.delay_s(3, random) for _ in range(500)]
    assert min(delays) < 0.4
    assert max(delays) > 3.6
    assert len(set(delays)) > 400


class _NoState(Exception):
    sqlstate = None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.DeadlockDetected("x"), "transient"),
        (psycopg.errors.SerializationFailure("x"), "transient"),
        (psycopg.errors.AdminShutdown("x"), "transient"),
        (psycopg.errors.QueryCanceled("x"), "transient"),
        (psycopg.errors.DiskFull("x"), "transient"),
        (psycopg.errors.LockNotAvailable("x"), "transient"),
        (psycopg.errors.ConnectionFailure("x"), "transient"),
        (psycopg.errors.IdleInTransactionSessionTimeout("x"), "transient"),
        (PoolTimeoutError("no connection within 30 s"), "transient"),
        (psycopg.OperationalError("no SQLSTATE: the server went away"), "transient"),
        (psycopg.DataError("text fields cannot contain NUL: the driver says so"), "permanent"),
        (psycopg.errors.UniqueViolation("x"), "permanent"),
        (psycopg.errors.UntranslatableCharacter("x"), "permanent"),
        (psycopg.errors.UndefinedTable("x"), "permanent"),
        (OperationalError("SELECT 1", {}, psycopg.errors.DeadlockDetected("x")), "transient"),
        (IntegrityError("SELECT 1", {}, psycopg.errors.UniqueViolation("x")), "permanent"),
        (pika.exceptions.StreamLostError("x"), "transient"),
        (pika.exceptions.AMQPConnectionError("x"), "transient"),
        (ConnectionResetError("x"), "transient"),
        (TimeoutError("x"), "transient"),
        (FileNotFoundError("x"), "unknown"),
        (ValueError("x"), "unknown"),
        (_NoState("x"), "unknown"),
        (ClassifiedError("slow down", FailureKind.THROTTLED), "throttled"),
        (ClassifiedError("no", FailureKind.CONFLICT), "conflict"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_every_error_has_a_kind(error: Exception, kind: str) -> None:
    assert classify(error) == kind


def test_only_what_may_pass_is_retried() -> None:
    assert {"transient", "throttled"} == RETRIED


def test_failures_of_one_cause_have_one_fingerprint() -> None:
    first = fingerprint("apply", "Rejected", "payment 'pi_1' of order 77 (a3f9c2d47e) is off by 3")
    same = fingerprint("apply", "Rejected", "payment 'pi_2' of order 8 (0b1c2d3e4f) is off by 12")
    assert first == same
    assert len(first) == 16


def test_a_name_that_is_not_the_cause_does_not_count() -> None:
    told = [
        fingerprint("apply", "Rejected", f"order {name} has not been heard of", {name, "pi"})
        for name in ("a", "north-7", "o(1)", "pi")
    ]
    assert len(set(told)) == 1


@pytest.mark.parametrize(
    "other",
    [
        ("relay", "Rejected", "off by 3"),
        ("apply", "Unreadable", "off by 3"),
        ("apply", "Rejected", "far off by 3"),
    ],
)
def test_another_origin_type_or_text_is_another_cause(other: tuple[str, str, str]) -> None:
    assert fingerprint(*other) != fingerprint("apply", "Rejected", "off by 3")
