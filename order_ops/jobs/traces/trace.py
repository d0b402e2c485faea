"""Everything that hangs together with an id: messages, work, letters, alerts, and the log lines.

What an id is of is `trace_ids`, how it is followed through the tables `trace_gathering`,
which lines are of it `trace_links`. Nothing of a body, a header or a payload is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from order_ops.jobs.traces import trace_links
from order_ops.jobs.traces.trace_gathering import Gathering
from order_ops.jobs.traces.trace_ids import Seed, TraceError, quoted, seeds, understood
from order_ops.store.engine import transaction
from order_ops.telemetry import log_lines
from order_ops.telemetry.log_lines import Lines


@dataclass(frozen=True, slots=True)
class Trace:
    """What hangs together with an id.

    Attributes:
        seeds: what the id is of; nothing: log lines alone know it.
        rows: of each section, as the tables have them, oldest first.
        cut: sections of which there is more, which was not followed either.
        gone: how many changes are told of by no message of ours any more.
    """

    asked: str
    seeds: list[Seed]
    rows: dict[str, list[dict[str, Any]]]
    cut: list[str]
    gone: int
    lines: Lines


def trace(pool: Engine, asked: str, logs: Sequence[Path], most: int) -> Trace:
    """What hangs together with an id, at most `most` of each section; `logs` are files, folders.

    Raises:
        TraceError: nobody knows the id, or it is the id of several things.
        LogsError: a file cannot be read.
    """
    asked = asked.strip()
    with transaction(pool) as conn:
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = Gathering(conn, seeds(conn, asked), most)
        if found.seeds:
            found.follow()
    wanted = trace_links.of_links(found.links) if found.seeds else trace_links.of_text(asked)
    lines = log_lines.read(logs, wanted, most)
    if not found.seeds and not lines.matched:
        raise TraceError(f"nothing has the id {quoted(asked)}: {understood()}")
    return Trace(asked, list(found.seeds), found.rows, found.cut, found.gone, lines)
