"""Waiting for a condition, with a deadline and a message that says what was waited for.

Here belongs how the devstack and the tests wait. What they wait for does not;
nor do the retries of outside calls, which have policies (`order_ops.domain.failures`).
"""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], timeout: float, what: str) -> None:
    """Poll until `condition()` is true, from 10 ms apart up to 250 ms.

    Raises:
        TimeoutError: after `timeout` seconds, naming `what`.
    """
    deadline = time.monotonic() + timeout
    pause = 0.01
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
