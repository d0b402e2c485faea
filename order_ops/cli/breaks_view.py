"""How breaks look on a terminal: tables, one break whole, one break in a paragraph."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from order_ops.cli.base import plain
from order_ops.cli.dlq_view import money

if TYPE_CHECKING:
    from order_ops.jobs.breaks.standing import Story

_ID = 12
_RIGHT = {"at stake", "days", "ours", "theirs"}


def _table(*names: str) -> Table:
    """Columns of which the last takes what is left of the line."""
    table = Table(box=None, pad_edge=False, expand=True)
    for name in names[:-1]:
        table.add_column(name, justify="right" if name in _RIGHT else "left", no_wrap=True)
    table.add_column(names[-1], ratio=1, no_wrap=True, overflow="ellipsis")
    return table


def breaks_table(breaks: Sequence[Any]) -> Table | str:
    """One line per break."""
    if not breaks:
        return "No break."
    table = _table("id", "account", "class", "at stake", "days", "state", "who", "due", "what")
    for one in breaks:
        table.add_row(
            *map(
                plain,
                (
                    one.break_id[:_ID],
                    one.account,
                    one.break_class,
                    money(one.at_stake_minor, one.currency),
                    one.age_days,
                    one.state.replace("_", " "),
                    one.assignee or "",
                    one.due_on or "",
                    one.explanation,
                ),
            )
        )
    return table


def proposals_table(proposals: Sequence[Any]) -> Table | str:
    """One line per proposed match."""
    if not proposals:
        return "No proposal."
    table = _table("id", "account", "rule", "ours", "theirs", "why")
    for one in proposals:
        amounts = (
            money(amount, one.currency) for amount in (one.internal_minor, one.provider_minor)
        )
        cells = (one.proposal_id[:_ID], one.account, one.rule, *amounts, one.explanation)
        table.add_row(*map(plain, cells))
    return table


def state_of(story: "Story") -> str:
    """Where a break stands, in words."""
    if not story.stands:
        return f"resolved: no run after {story.row.day} lists it"
    told = str(story.row.state).replace("_", " ")
    if story.row.state == "write_off_proposed":
        return f"{told} by {story.row.write_off_proposed_by}"
    if story.row.state in {"accepted", "written_off", "reopened"} and story.row.decided_by:
        what = str(story.row.decision).replace("_", " ")
        return f"{told} ({what} by {story.row.decided_by}: {story.row.decided_because})"
    seen = [one for one in story.events if one.act == "acknowledge"]
    if story.row.state == "open" and seen:
        then = f"{seen[-1].break_class}, {money(seen[-1].at_stake_minor, seen[-1].currency)}"
        return f"{told} again: {seen[-1].actor} acknowledged it as {then}, and it has changed"
    return told


def tell_story(console: Console, story: "Story") -> None:
    """A break whole: what it is, its entries, how it stood, what people did."""
    row = story.row
    console.print(plain(f"Break {row.break_id}: {row.explanation}", "bold"), soft_wrap=True)
    facts = {
        "class": row.break_class,
        "state": state_of(story),
        "account": f"{row.account}, as of {row.day}",
        "key": f"{row.key} ({row.leg})",
        "order": row.order_ref or "",
        "provider": row.provider_ref or "",
        "linked by": row.rule or "",
        "difference": money(row.difference_minor, row.currency),
        "at stake": money(row.at_stake_minor, row.currency),
        "first seen": f"{row.first_seen}, a break on {row.break_on}",
    }
    if story.stands:
        facts["age"] = f"{row.age_days} days, {row.age_business_days or 0} of them business days"
        facts["assigned"] = f"{row.assignee or ''}"
        facts["due"] = f"{row.due_on or ''}"
    for name, value in facts.items():
        if value:
            _line(console, name, value)
    for one in story.members:
        where = f"; {one.file} line {one.line}" if one.file else ""
        amount = money(one.amount_minor, one.currency)
        told = f"{one.side} {one.entry_id}: {one.kind} {amount}, {one.status}, {one.day}{where}"
        _line(console, "entry", told)
    for one in story.proposals:
        _line(console, "proposal", f"{one.proposal_id[:_ID]} ({one.rule}): {one.explanation}")
    for one in _changes(story.history):
        amount = money(one.at_stake_minor, one.currency)
        _line(console, "stood", f"{one.day} {one.break_class}, {one.status}, {amount} at stake")
    for one in story.events:
        _line(console, "done", event_words(one))


def event_words(event: Any) -> str:
    """An act of a person in a line."""
    value = event.assignee or (event.due_on and str(event.due_on)) or ""
    act = " ".join((event.act.replace("_", " "), value)).strip()
    when = event.at.isoformat(timespec="seconds")
    why = f": {event.reason}" if event.reason else ""
    return f"{when} {event.actor} ({event.role}): {act}, from {event.decided_on} on{why}"


def explanation(story: "Story") -> str:
    """A break in one paragraph: what, why this class, what was not taken, what to do next."""
    from order_ops.reconciliation.advice import ADVICE  # noqa: PLC0415 - dataframes
    from order_ops.reconciliation.words import RULE_WORDS  # noqa: PLC0415

    row = story.row
    why, following = ADVICE[row.break_class]
    sides = {one.side for one in story.members}
    linked = RULE_WORDS.get(row.rule or "", "")
    if not linked:
        linked = "" if len(sides) > 1 else f"Only the {'/'.join(sorted(sides))} side has it."
    rejected = "Nothing else looked as if it belonged to it."
    if story.proposals:
        told = " ".join(
            f"{one.explanation} (accept it with accept-match {one.proposal_id[:_ID]})"
            for one in story.proposals
        )
        rejected = f"Not taken, since it would be a guess: {told}"
    next_step = "It is resolved; nothing is to be done."
    if story.stands:
        next_step = f"Next: {following}."
        if row.state in {"accepted", "written_off"}:
            next_step = (
                f"It is {row.state.replace('_', ' ')} by {row.decided_by}; nothing is to be done."
            )
    parts = (
        row.explanation,
        f"It is {row.break_class} because {why}.",
        linked,
        f"It was first seen on {row.first_seen}; {money(row.at_stake_minor, row.currency)} is at "
        f"stake; it is {state_of(story)}.",
        rejected,
        next_step,
    )
    return " ".join(part for part in parts if part)


def as_json(story: "Story") -> dict[str, Any]:
    """A break whole, for programs."""
    from order_ops.jobs.breaks.standing import facts_key  # noqa: PLC0415 - dataframes

    lists = {
        name: [row._asdict() for row in getattr(story, name)]
        for name in ("members", "history", "events", "proposals")
    }
    told = row_as_json(story.row) | {"stands": story.stands}
    facts = asdict(story.facts) | {"key": facts_key(story.facts)}
    return {"break": told, "facts": facts, **lists}


def row_as_json(row: Any) -> dict[str, Any]:
    """A break for programs; its class is called so."""
    told: dict[str, Any] = row._asdict()
    return {"class" if name == "break_class" else name: value for name, value in told.items()}


def _changes(history: Sequence[Any]) -> list[Any]:
    """The days on which it was not as on the day before."""
    kept: list[Any] = []
    for row in history:
        if not kept or kept[-1][1:] != row[1:]:
            kept.append(row)
    return kept


def _line(console: Console, name: str, value: str) -> None:
    console.print(Text.assemble((f"{name:>12}  ", "dim"), plain(value)), soft_wrap=True)
