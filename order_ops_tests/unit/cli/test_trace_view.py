"""A trace is told in time order, on one line a moment, and nothing in it commands a terminal."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console

from order_ops.cli.trace_view import as_json, tell
from order_ops.jobs.traces.trace import Trace
from order_ops.jobs.traces.trace_gathering import SECTIONS
from order_ops.jobs.traces.trace_ids import Seed
from order_ops.telemetry.log_lines import NO_TIME, Line, Lines

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)


def at(second: int) -> datetime:
    return NOW + timedelta(seconds=second)


def execution(**fields: Any) -> dict[str, Any]:
    whole = {
        "id": 3, "job": "a_job", "step": "s", "work_key": "all", "request": "run r-1",
        "state": "failed", "attempt": 2, "run_id": "r-2", "worker": "here:1", "error": "one\ntwo",
        "requested_at": at(1), "started_at": at(3), "ended_at": at(4),
    }  # fmt: skip
    return {**whole, **fields}


def message(**fields: Any) -> dict[str, Any]:
    whole = {
        "id": 12, "message_id": "m-1", "event_type": None, "routing_key": "order.created",
        "tenant_id": "shop", "order_id": "o1", "copies": 2, "state": "retry", "note": "early",
        "last_run_id": "r-1", "correlation_id": "c-1", "received_at": at(2), "settled_at": None,
    }  # fmt: skip
    return {**whole, **fields}


def trace(
    lines: Lines | None = None, *, cut: list[str] | None = None, gone: int = 0, **rows: Any
) -> Trace:
    known = {name: rows.get(name, []) for name in SECTIONS}
    return Trace("x", [Seed("letter", "7")], known, cut or [], gone, lines or Lines())


def told(what: Trace) -> list[str]:
    out = StringIO()
    tell(Console(file=out, width=60), what)
    return out.getvalue().splitlines()


def test_moments_of_different_things_are_in_one_order() -> None:
    shown = told(trace(executions=[execution()], messages=[message()]))
    assert shown == [
        "x: letter:7",
        "2026-03-10 15:00:01.000  execution 3     a_job asked for: run r-1",
        "2026-03-10 15:00:02.000  event 12        message m-1 came: order.created of order o1 of"
        " shop, 2 copies, correlation c-1; retry by run r-1: early",
        "2026-03-10 15:00:03.000  execution 3     a_job begun, attempt 2, run r-2, worker here:1",
        "2026-03-10 15:00:04.000  execution 3     failed: one",
        "No log lines were read: name their files with --logs.",
    ]


def test_what_goes_on_still_says_so() -> None:
    running = execution(attempt=1, state="running", error=None, ended_at=None, work_key="a|b")
    (_, line, _) = told(trace(executions=[running]))
    assert line.endswith("a_job (a|b) begun, attempt 1, run r-2, worker here:1; running")


def test_a_line_says_its_level_its_event_and_how_an_exception_ends() -> None:
    fields = {
        "event": "event.parked", "level": "warning", "process": "consumer", "timestamp": "...",
        "error": "[/x] \x1b[2J", "exception": "Traceback\n  at x\nValueError: y\n",
    }  # fmt: skip
    read = Lines([Line(at(5), fields)], files=2, read=1_234, matched=3, not_json=1)
    (_, line, note) = told(trace(read))
    assert line == (
        "2026-03-10 15:00:05.000  log consumer    warning event.parked error=[/x] \\x1b[2J"
        " ValueError: y"
    )
    assert note == (
        "Log lines: the first 1 of 3 that are of this; raise --limit for more; 1,234 read, in 2"
        " files, 1 of them skipped: they are no JSON."
    )


def test_a_line_without_a_time_says_so() -> None:
    read = Lines([Line(NO_TIME, {"event": "x"})], files=1, read=1, matched=1)
    (_, line, note) = told(trace(read))
    assert line == "no time                  log             x"
    assert "1 read, in 1 file," in note


def test_what_is_missing_is_said() -> None:
    shown = told(trace(cut=["messages", "outbox"], gone=2))
    assert "There is more, which is neither shown nor followed: messages, outbox." in shown[1]
    assert shown[2].startswith("Of 2 changes the messages that told of them are not kept any more")


def test_programs_have_rows_and_lines_as_they_are() -> None:
    read = Lines([Line(at(5), {"event": "x"})], files=1, read=2, matched=1, not_json=0)
    found = as_json(trace(read, messages=[message()]))
    assert found["is"] == [{"kind": "letter", "id": "7"}]
    assert found["messages"] == [message()]
    assert found["lines"] == [{"event": "x"}]
    assert found["logs"] == {"files": 1, "read": 2, "matched": 1, "not_json": 0}
    assert (found["cut"], found["messages_gone"]) == ([], 0)
