"""Who is alive: each process, schedule and sensor says so, and how often it will.

Whatever has not said so for long enough is overdue; the watcher tells of it.
"""

import os
import socket
from collections.abc import Mapping
from time import monotonic
from typing import Any

from sqlalchemy import Engine

from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import columns
from order_ops.store.queries import executions as sql

PATIENCE_S = 60.0
MISSED = 2
PROCESS_S = 15.0
"""Seconds between two beats of a process."""


def beat(pool: Engine, name: str, every_s: float) -> None:
    """Be alive now, and again in `every_s` seconds."""
    with transaction(pool) as conn:
        sql.beat(conn, name=name, instance=_instance(), every_s=every_s)


def end(pool: Engine, name: str) -> None:
    """This process has ended in order: nobody is to miss it. Another one of its name beats on."""
    with transaction(pool) as conn:
        sql.end_beat(conn, name=name, instance=_instance())


def _instance() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


class Beating:
    """A process that says it is alive whenever its loop comes round, at most every `every_s`."""

    def __init__(self, pool: Engine, name: str, every_s: float = PROCESS_S) -> None:
        self._pool, self._name, self._every_s = pool, name, every_s
        self._last = float("-inf")

    def turn(self) -> None:
        """The loop has come round.

        Raises:
            Exception: the database is away.
        """
        if monotonic() - self._last >= self._every_s:
            beat(self._pool, self._name, self._every_s)
            self._last = monotonic()


def expect(conn: Connection, every_s: Mapping[str, float]) -> None:
    """These should be alive: those that never were have their time from now on."""
    rows = [{"name": name, "every_s": seconds} for name, seconds in every_s.items()]
    if rows:
        sql.expect(conn, **columns(rows, "name", "every_s"))


def all_beats(conn: Connection) -> list[Any]:
    """Every beat: name, instance, every_s, at (seconds since 1970), age_s."""
    return list(sql.beats(conn))


def is_overdue(beat: Any) -> bool:
    """Whether it has missed two of its beats and a minute."""
    return bool(beat.age_s > MISSED * beat.every_s + PATIENCE_S)
