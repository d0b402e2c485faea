"""The system's own processes, started with their environment and ended by real signals.

What a process said is in its log file and can be waited for; how it died is in
`Process.ended_by`. Exact places to die in are in `launcher`.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from order_ops.devstack import processes
from order_ops.devstack.services import checkout_root
from order_ops.devstack.waiting import wait_until

END_S = 90.0


class Process:
    """One process of the system."""

    def __init__(self, name: str, command: list[str], env: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        foreign = ("ORDER_OPS_", "DAGSTER_", "GRPC_")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=clean | env,
                cwd=checkout_root(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=processes.default_signals,  # noqa: PLW1509 - nothing of ours is held
            )

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._process.pid

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def send(self, sig: signal.Signals) -> None:
        """Send a signal to it alone."""
        self._process.send_signal(sig)

    def wait(self, timeout: float = END_S) -> int:
        """Wait for its end; its exit status, negative for a signal."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} (pid {self.pid}) does not end; {self.log}") from None

    def ended_by(self, timeout: float = END_S) -> signal.Signals | None:
        """Wait for its end; the signal that ended it, None when it ended by itself."""
        status = self.wait(timeout)
        return signal.Signals(-status) if status < 0 else None

    def is_stopped(self) -> bool:
        """Whether it was stopped by SIGSTOP."""
        return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    def kill(self) -> None:
        """kill -9, which is over when the process is gone."""
        self.send(signal.SIGKILL)
        assert self.ended_by() is signal.SIGKILL, f"{self.name} had ended by itself: {self.tail()}"

    def stop(self, *, kind: signal.Signals = signal.SIGTERM) -> None:
        """End it in order; it must say so itself, with status 0."""
        self.send(kind)
        status = self.wait()
        assert status == 0, f"{self.name} ended with {status}: {self.tail()}"

    def discard(self) -> None:
        """End it whatever it does, with everything below it: a test is over."""
        below = psutil.Process(self.pid).children(recursive=True) if self.runs() else []
        with suppress(ProcessLookupError):  # its group outlives it while a child of it does
            os.killpg(self.pid, signal.SIGKILL)
        for process in below:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.wait()
        psutil.wait_procs(below, timeout=10)

    def said(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of an event."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [one for line in lines if (one := _parsed(line)).get("event") == event]

    def wait_said(self, event: str, times: int = 1, timeout: float = 60) -> None:
        """Wait until it has said so."""
        wait_until(
            lambda: len(self.said(event)) >= times or not self.runs(),
            timeout,
            f"{self.name} to say {event} ({self.log})",
        )
        assert len(self.said(event)) >= times, f"{self.name} has ended: {self.tail()}"

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def python(*words: str) -> list[str]:
    """A command of this Python."""
    return [sys.executable, *words]
