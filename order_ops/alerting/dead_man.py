"""The dead man's switch: a service elsewhere rings when our calls to it stop.

It is called while `healthy` says so; that a call fails is logged and never fatal.
"""

import threading
from collections.abc import Callable
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import Request, urlopen

import structlog

from order_ops.alerting.channels import redacted

log = structlog.get_logger(__name__)

EVERY_S = 60.0
_TIMEOUT_S = 10.0


class DeadMan:
    """Calls an address until stopped; its path is a secret."""

    def __init__(self, url: str, healthy: Callable[[], bool], every_s: float = EVERY_S) -> None:
        self._url = url
        self._healthy = healthy
        self._every_s = every_s
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Return from `run` soon."""
        self._stopping.set()

    def run(self) -> None:
        """Call at every interval at which all is well."""
        while not self._stopping.is_set():
            if self._healthy():
                self._call()
            else:
                log.warning("dead_man.withheld", why="the last pass over the database failed")
            self._stopping.wait(self._every_s)

    def _call(self) -> None:
        try:
            with urlopen(Request(self._url), timeout=_TIMEOUT_S):  # noqa: S310 - http, as set
                pass
        except (OSError, HTTPException, ValueError) as error:
            cause = error.reason if isinstance(error, URLError) else error
            told = redacted(f"{type(cause).__name__}: {cause}", [self._url])
            log.warning("dead_man.failed", error=told)
