"""How alerts look on a terminal: a table, one alert whole, maintenance windows."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from order_ops.cli.base import plain
from order_ops.cli.dlq_view import money

if TYPE_CHECKING:
    from order_ops.jobs.alerts.handling import Story

_STYLES = {"critical": "bold red", "warning": "yellow", "info": ""}


def _table(*names: str) -> Table:
    """Columns of which the last takes what is left of the line."""
    table = Table(box=None, pad_edge=False, expand=True)
    for name in names[:-1]:
        right = name in {"id", "seen"}
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    table.add_column(names[-1], ratio=1, no_wrap=True, overflow="ellipsis")
    return table


def alerts_table(alerts: Sequence[Any]) -> Table | str:
    """One line per alert."""
    if not alerts:
        return "No open alert."
    table = _table("id", "since", "severity", "seen", "owner", "state", "title")
    for one in alerts:
        table.add_row(
            str(one.id),
            one.created_at.strftime("%Y-%m-%d %H:%M"),
            plain(one.severity, _STYLES.get(one.severity, "")),
            f"{one.seen:,}",
            plain(one.owner),
            state(one, snoozed=one.is_snoozed),
            plain(one.title),
        )
    return table


def state(alert: Any, *, snoozed: bool) -> str:
    """Where it stands, in a word."""
    if alert.resolved_at is not None:
        return "resolved"
    if alert.acknowledged_at is not None:
        return "acknowledged"
    return "snoozed" if snoozed else "open"


def windows_table(windows: Sequence[Any]) -> Table | str:
    """One line per maintenance window."""
    if not windows:
        return "No maintenance."
    table = _table("id", "from", "until", "keys", "by", "reason")
    for one in windows:
        times = [at.strftime("%Y-%m-%d %H:%M:%S") for at in (one.from_at, one.until_at)]
        table.add_row(str(one.id), *times, *map(plain, (one.prefix, one.actor, one.reason)))
    return table


def tell_story(console: Console, story: "Story") -> None:
    """An alert whole: what it is, what people did, where it was told."""
    one = story.alert
    facts = {
        "key": one.dedupe_key,
        "severity": one.severity,
        "since": _at(one.created_at),
        "seen": f"{one.seen:,} times, last {_at(one.last_seen_at)}",
        "order": f"{one.order_id} of {one.tenant_id}" if one.order_id else "",
        "at stake": money(one.amount_minor, one.currency),
        "correlation": one.detail.get("correlation_id") or "",
        "owner": one.owner,
        "runbook": one.runbook,
        "acknowledged": _by(one.acknowledged_at, one.acknowledged_by),
        "snoozed": f"until {_by(one.snoozed_until, one.snoozed_by)}" if one.snoozed_until else "",
        "rung again": _at(one.escalated_at),
        "resolved": _at(one.resolved_at),
        "detail": json.dumps(one.detail) if one.detail else "",
    }
    console.print(plain(f"Alert {one.id}: {one.title}", "bold"), soft_wrap=True)
    for name, value in facts.items():
        _line(console, name, value)
    for told in story.deliveries:
        _line(console, "told", delivery(told))
    for done in story.audit:
        _line(console, "done", f"{_at(done.at)} {done.actor}: {done.action}: {done.reason}")


def delivery(told: Any) -> str:
    """What became of an alert at a channel."""
    parts = [f"{told.channel}: {told.state}"]
    if told.delivered_at is not None:
        parts.append(f"told {_at(told.delivered_at)}")
    if told.reason is not None:
        parts.append(told.reason)
    if told.attempts:
        parts.append(f"failed {told.attempts} times, next {_at(told.next_at)}")
    if told.last_error:
        parts.append(told.last_error)
    return "; ".join(parts)


def as_json(story: "Story") -> dict[str, Any]:
    """An alert whole, for programs."""
    rows = {"deliveries": story.deliveries, "audit": story.audit}
    told = {name: [row._asdict() for row in found] for name, found in rows.items()}
    return {"alert": story.alert._asdict(), **told}


def _line(console: Console, name: str, value: str) -> None:
    if value:
        console.print(Text.assemble((f"{name:>12}  ", "dim"), plain(value)), soft_wrap=True)


def _at(moment: Any) -> str:
    return moment.isoformat(timespec="seconds") if moment is not None else ""


def _by(moment: Any, who: str | None) -> str:
    return f"{_at(moment)} by {who}" if moment is not None else ""
