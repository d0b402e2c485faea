"""Failures of ops and assets: retried by kind, else failed with the kind on record.

Dagster's RetryPolicy knows neither kinds nor a cap, so every op and asset works
inside `failures_by_kind`: transient and throttled errors ask for a retry after
exponential backoff with full jitter, every other error fails the step at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom
from typing import Protocol

import dagster as dg

from order_ops.domain.failures import RETRIED, RetryPolicy, classify

CATEGORY = "category"
ERROR_TYPE = "error_type"


class Attempted(Protocol):
    """A Dagster context that knows how often its step was retried."""

    @property
    def retry_number(self) -> int:
        """0 on the first attempt."""
        ...


@contextmanager
def failures_by_kind(context: Attempted, policy: RetryPolicy) -> Iterator[None]:
    """Turn any error into Dagster's retry or failure, by its kind."""
    try:
        yield
    except (dg.RetryRequested, dg.Failure):
        raise
    except Exception as error:
        kind = classify(error)
        attempt = context.retry_number + 1
        if kind in RETRIED and attempt < policy.attempts:
            raise dg.RetryRequested(
                max_retries=policy.attempts - 1,
                seconds_to_wait=policy.delay_s(attempt, SystemRandom()),
            ) from error
        raise dg.Failure(
            description=str(error),
            metadata={CATEGORY: kind.value, ERROR_TYPE: type(error).__name__},
            allow_retries=False,
        ) from error
