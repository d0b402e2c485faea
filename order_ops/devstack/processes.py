"""Small truths about processes, ports and private files that the embedded servers share.

Here belongs what is the same for a PostgreSQL, a RabbitMQ and a supervisor node.
What is particular to one of them lives in the module of its name.
"""

import fcntl
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from order_ops.devstack.waiting import wait_until

LOOPBACK = "127.0.0.1"


def default_signals() -> None:
    """Let SIGINT and SIGTERM end this process and its children again.

    A shell starts background jobs with SIGINT ignored, children inherit that, and
    a Dagster process that finds SIGINT ignored ignores SIGTERM too: it could then
    only be killed, and its runs would stay "started" for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def alive(pid: int, is_ours: Callable[[psutil.Process], bool]) -> bool:
    """Whether `pid` runs and is still the process that we mean: pids are used again."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and is_ours(process)
    except psutil.Error:
        return False


def end(pid: int, sig: signal.Signals, *, timeout: float, what: str) -> None:
    """Send `sig` to `pid` and wait until it is gone; reaps it when it is a child.

    Raises:
        TimeoutError: when it still runs after `timeout` seconds.
    """
    try:
        process = psutil.Process(pid)
        process.send_signal(sig)
        process.wait(timeout)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        message = f"{what} (pid {pid}) still runs {timeout:g} s after {sig.name}"
        raise TimeoutError(message) from None


def descendants(pid: int) -> list[psutil.Process]:
    """Every process below `pid`, to be asked later whether it is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def wait_gone(processes: list[psutil.Process], *, timeout: float, what: str) -> None:
    """Wait until none of `processes` runs any more."""
    wait_until(lambda: not any(p.is_running() for p in processes), timeout, f"the end of {what}")


def read_pid(path: Path) -> int | None:
    """The pid on the first line of `path`, None when there is none (yet).

    PostgreSQL writes a negative one while initdb still works on the folder.
    """
    try:
        pid = int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if pid > 0 else None


def free_port() -> int:
    """Any free port on the loopback."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def reserve_port(first: int, held: ExitStack) -> int:
    """The first free port on the loopback from `first` on, until `held` is closed.

    Nobody else who reserves gets it, also before somebody listens on it: of two systems that
    started at the same time, one had no web server.
    """
    for port in range(first, first + 100):
        with ExitStack() as tried, suppress(OSError):
            lock = tried.enter_context(_reservation(port).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((LOOPBACK, port))
            held.push(tried.pop_all())
            return port
    raise RuntimeError(f"no free port on {LOOPBACK} between {first} and {first + 99}")


def _reservation(port: int) -> Path:
    return Path(tempfile.gettempdir()) / f"order-ops-{os.getuid()}-{port}.lock"


def answers(port: int) -> bool:
    """Whether something accepts connections on that port of the loopback."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def write_private(path: Path, text: str) -> None:
    """Write `path` so that only its owner can read it, from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
