"""What is left of a home: the processes that nobody has ended."""

import os
from pathlib import Path

import psutil


def left_of(home: Path) -> list[str]:
    """Every process whose command line or environment names `home`."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(home) in word for word in words):
            found.append(f"{process.pid} {process.name()}")
    return found
