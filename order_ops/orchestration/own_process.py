"""Whose process this is: one of Dagster's own, that runs our code, or somebody else's.

Dagster starts code servers and run workers: how they log is ours to say, and a run
worker is limited, and ended when its work is. The demo, a test or a notebook that runs
a job has logs of its own, and is limited and ended by nobody.
"""

import multiprocessing
import os
import resource
import signal
import sys

from order_ops.domain.jobs import Job
from order_ops.settings import Settings
from order_ops.telemetry import logs

_MIB = 1024 * 1024


def name() -> str | None:
    """`run` in a run worker, `code-server` in a code server; None: in any other process.

    A code server starts each run as a child that sees its parent's command line; other run
    launchers have a command of their own.
    """
    words = set(sys.argv[1:3])
    if words & {"execute_run", "execute_step", "resume_run"}:
        return "run"
    if words != {"api", "grpc"}:
        return None
    return "code-server" if multiprocessing.parent_process() is None else "run"


def is_own() -> bool:
    """Whether this is a run worker: it executes one run, and ends with it."""
    return name() == "run"


def settle_in() -> None:
    """Log as the other processes do, where the process is Dagster's own."""
    if (own := name()) is not None:
        logs.settle_in(own)


def limit(job: Job, settings: Settings) -> None:
    """Limit a run worker as the job and the settings say.

    Memory beyond the limit is a MemoryError here, and not the machine's swap or the kernel's
    choice of a victim. CPU time is bounded by what one step may use of it until its lease ends,
    beside what the steps before it have used.
    """
    if is_own():
        _limit(resource.RLIMIT_DATA, settings.run_memory_mb * _MIB)
        allowed_s = job.lease_s * (os.cpu_count() or 1)
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + allowed_s))


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (allowed, hard))


def end() -> None:
    """End this process at once: nothing of it goes on, whatever it is in the middle of."""
    os.kill(os.getpid(), signal.SIGKILL)
