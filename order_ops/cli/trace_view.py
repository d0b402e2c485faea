"""How a trace looks on a terminal: one line per moment, in time order, then what is missing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import MINYEAR, UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from order_ops.cli.base import plain
from order_ops.cli.dlq_view import money

if TYPE_CHECKING:
    from order_ops.jobs.traces.trace import Trace
    from order_ops.telemetry.log_lines import Line

Row = dict[str, Any]
_WIDTH = 14


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to something."""

    at: datetime
    what: str
    text: str


def tell(console: Console, trace: "Trace") -> None:
    """A trace whole."""
    known = ", ".join(map(str, trace.seeds)) or "the database does not know it, log lines do"
    console.print(plain(f"{trace.asked}: {known}", "bold"), soft_wrap=True)
    for moment in moments(trace):
        what = plain(f"{moment.what:<{_WIDTH}}  ", "bold")
        line = Text.assemble((f"{_at(moment.at):<23}  ", "dim"), what, plain(moment.text))
        console.print(line, soft_wrap=True)
    for note in notes(trace):
        console.print(plain(note), soft_wrap=True)


def moments(trace: "Trace") -> list[Moment]:
    """What happened, in time order; a row has a moment for each of its times."""
    found = [
        moment for name, told in _TOLD.items() for row in trace.rows[name] for moment in told(row)
    ]
    found += [_line(line) for line in trace.lines.found]
    return sorted(found, key=lambda moment: moment.at)


def notes(trace: "Trace") -> Iterator[str]:
    """What is not shown, and why."""
    if trace.cut:
        named = ", ".join(trace.cut)
        yield f"There is more, which is neither shown nor followed: {named}. Raise --limit."
    if trace.gone:
        yield (
            f"Of {trace.gone} changes the messages that told of them are not kept any more: "
            "published ones go after a day (docs/data.md)."
        )
    lines = trace.lines
    if not lines.files:
        yield "No log lines were read: name their files with --logs."
        return
    shown = f"{len(lines.found):,}"
    if lines.matched > len(lines.found):
        shown = f"the first {shown} of {lines.matched:,} that are of this; raise --limit for more"
    files = "1 file" if lines.files == 1 else f"{lines.files:,} files"
    told = f"Log lines: {shown}; {lines.read:,} read, in {files}"
    yield f"{told}, {lines.not_json:,} of them skipped: they are no JSON."


def as_json(trace: "Trace") -> dict[str, Any]:
    """A trace for programs: rows as the tables have them, lines as they were written."""
    lines = trace.lines
    counted = {name: getattr(lines, name) for name in ("files", "read", "matched", "not_json")}
    return {
        "asked": trace.asked,
        "is": [{"kind": seed.kind, "id": seed.id} for seed in trace.seeds],
        **trace.rows,
        "lines": [line.fields for line in lines.found],
        "logs": counted,
        "cut": trace.cut,
        "messages_gone": trace.gone,
    }


def _course(
    what: str, began: datetime, told: str, ended: datetime | None, became: str
) -> Iterator[Moment]:
    """How it began and what became of it: of what has not ended, in one moment."""
    if ended is None:
        yield Moment(began, what, f"{told}; {became}")
        return
    yield Moment(began, what, told)
    yield Moment(ended, what, became)


def _message(row: Row) -> Iterator[Moment]:
    what = f"event {row['id']}"
    kind = row["event_type"] or row["routing_key"]
    copies = f", {row['copies']} copies" if row["copies"] > 1 else ""
    became = f"{row['state']}{_by(row['last_run_id'])}{_because(row['note'])}"
    came = f"message {row['message_id']} came: {kind}{_order(row)}{copies}{_of(row)}"
    yield from _course(what, row["received_at"], came, row["settled_at"], became)


def _execution(row: Row) -> Iterator[Moment]:
    what = f"execution {row['id']}"
    work = row["job"] if row["work_key"] == "all" else f"{row['job']} ({row['work_key']})"
    if row["attempt"] > 1:
        yield Moment(row["requested_at"], what, f"{work} asked for: {row['request']}")
    tried = f"{work} begun, attempt {row['attempt']}, run {row['run_id']}, worker {row['worker']}"
    became = f"{row['state']}{_because(row['error'])}"
    yield from _course(what, row["started_at"], tried, row["ended_at"], became)


def _letter(row: Row) -> Iterator[Moment]:
    what = f"letter {row['id']}"
    amount = money(row["amount_minor"], row["currency"])
    stake = f", {amount} at stake" if amount else ""
    again = f", of the replay of letter {row['replay_of']}" if row["replay_of"] else ""
    source = f"{row['origin']} {row['origin_id']}, {row['name']}{_order(row)}{stake}{again}"
    error = f"{row['category']}{_because(row['error'])}"
    told = f"{source}; {error}{_of(row)}, group {row['fingerprint']}"
    yield Moment(row["created_at"], what, told)
    if row["reviewed_at"] is not None:
        reviewed = f"{row['state']} by {row['reviewer']}{_because(row['reason'])}"
        yield Moment(row["reviewed_at"], what, reviewed)


def _alert(row: Row) -> Iterator[Moment]:
    what = f"alert {row['id']}"
    seen = "once" if row["seen"] == 1 else f"{row['seen']:,} times"
    told = f"{row['severity']}: {row['title']} ({row['dedupe_key']}, seen {seen})"
    yield Moment(row["created_at"], what, told)
    if row["acknowledged_at"] is not None:
        yield Moment(row["acknowledged_at"], what, f"acknowledged by {row['acknowledged_by']}")
    if row["resolved_at"] is not None:
        yield Moment(row["resolved_at"], what, "resolved")


def _act(row: Row) -> Iterator[Moment]:
    what = f"act {row['id']}"
    told = f"{row['kind']}{_order(row)}: planned{_by(row['run_id'])}{_because(row['reason'])}"
    yield from _course(what, row["created_at"], told, row["ended_at"], row["state"])


def _change(row: Row) -> Iterator[Moment]:
    moved = f"{row['from_state'] or 'nothing'} -> {row['to_state']}"
    told = f"{row['kind']}, {moved}{_order(row)}, version {row['version']}, cause {row['cause']}"
    yield Moment(row["recorded_at"], "order", f"{told}{_of(row)}")


def _outbox(row: Row) -> Iterator[Moment]:
    what = f"outbox {row['id']}"
    told = f"message {row['message_id']}: {row['routing_key']}{_order(row)}{_of(row)}"
    became = "published" if row["published_at"] else "not published yet"
    yield from _course(what, row["created_at"], told, row["published_at"], became)


def _done(row: Row) -> Iterator[Moment]:
    told = f"{row['actor']}: {row['action']} of {row['subject']}{_because(row['reason'])}"
    yield Moment(row["at"], "audit", told)


_TOLD: dict[str, Callable[[Row], Iterator[Moment]]] = {
    "messages": _message,
    "executions": _execution,
    "letters": _letter,
    "alerts": _alert,
    "acts": _act,
    "history": _change,
    "outbox": _outbox,
    "audit": _done,
}
_APART = frozenset({"event", "level", "timestamp", "process", "exception", "stack"})
"""What is said first, and what would take many lines: of an exception its last is shown."""


def _line(line: "Line") -> Moment:
    told = line.fields
    more = [f"{name}={value}" for name, value in told.items() if name not in _APART]
    thrown = str(told.get("exception") or "").strip().splitlines()[-1:]
    parts = [told.get("level"), told.get("event"), *more, *thrown]
    process = told.get("process") or told.get("logger") or ""
    return Moment(line.at, f"log {process}", " ".join(str(part) for part in parts if part))


def _at(moment: datetime) -> str:
    """In UTC; a line without a time, before any that has one, has none."""
    if moment.year == MINYEAR:
        return "no time"
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds")[:-6]


def _order(row: Row) -> str:
    return f" of order {row['order_id']} of {row['tenant_id']}" if row["order_id"] else ""


def _of(row: Row) -> str:
    return f", correlation {row['correlation_id']}" if row["correlation_id"] else ""


def _by(run_id: str | None) -> str:
    return f" by run {run_id}" if run_id else ""


def _because(text: str | None) -> str:
    """The first line of a reason."""
    return f": {text.splitlines()[0]}" if text and text.strip() else ""
