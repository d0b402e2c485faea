"""An error that nobody handled: said, told to somebody, and the end of the process.

A thread that dies alone leaves a process that looks alive and does nothing. Here it
ends the process, and its supervisor starts it again.
"""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

import structlog

log = structlog.get_logger(__name__)

STATUS = 70
"""Exit status of a process that a thread's error has ended (sysexits: internal error)."""


def install(tell: Callable[[str], None]) -> None:
    """Handle what nobody handled; `tell` writes the alert, and may fail."""

    def died(where: str, error: BaseException) -> None:
        log.critical("process.died", where=where, error=repr(error), exc_info=error)
        with suppress(Exception):  # the database may be what is away
            tell(f"{where}: {type(error).__name__}: {error}")

    def main_thread(
        _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
    ) -> None:
        died("main thread", error)

    def other_thread(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "?"
        died(f"thread {name}", args.exc_value or SystemExit())
        sys.stdout.flush()
        os._exit(STATUS)

    sys.excepthook = main_thread
    threading.excepthook = other_thread
