"""Breaks in people's hands: each act is checked and is an event, in one transaction.

Acts wait for each other (the chain's lock), so what an act is checked against is still so when it
is stored. What is decided makes the days from then on due again, so that their runs take it in.
"""

from dataclasses import replace
from datetime import date
from typing import Any

from order_ops.domain.break_acts import DECIDING, Act, refusal
from order_ops.domain.money import format_minor
from order_ops.jobs.breaks import match_acts
from order_ops.jobs.breaks.desk import Acted, Deed, Desk, due_again, trying, wait_for_runs
from order_ops.jobs.breaks.standing import (
    BreakError,
    Named,
    facts_key,
    facts_of,
    hash_now,
    named,
    named_proposal,
)
from order_ops.mapping.roles import RoleError, plain_name
from order_ops.reconciliation.result import INPUT_LEG
from order_ops.store import break_events
from order_ops.store.break_events import Event, Facts
from order_ops.store.engine import Connection
from order_ops.store.queries import breaks as sql

_GIVES_UP = frozenset({"accept", "write_off", "propose_write_off"})
_VOUCHES = _GIVES_UP | {"acknowledge", "approve_write_off"}
"""Acts that say what was seen is known; the others, such as a note, hold whatever it says."""
_LONGEST_NAME = 64


def act(desk: Desk, prefix: str, deed: Deed, *, dry_run: bool = False) -> Acted:
    """Do something about the break whose id starts so.

    Raises:
        BreakError: no such break, or it does not take the act as it is now.
        RoleError: the actor may not.
    """
    with trying(desk.pool, dry_run=dry_run) as conn:
        return act_in(conn, desk, prefix, deed)


def act_in(conn: Connection, desk: Desk, prefix: str, deed: Deed) -> Acted:
    """`act`, in a transaction that has the chain's lock."""
    one = _break_or_match(conn, prefix, deed.act)
    if isinstance(one, _Match):
        return match_acts.release(conn, desk, one, deed)
    if deed.act == "assign" and not 1 <= len((deed.assignee or "").strip()) <= _LONGEST_NAME:
        raise BreakError(f"assign: say who, in 1 to {_LONGEST_NAME} characters")
    wait_for_runs(conn, one.account)
    # a run that was waited for may have been the first of a later day
    one = _break_or_match(conn, one.id, deed.act)
    at = {"account": one.account, "break_id": one.id}
    row = sql.standing_of(conn, **at)
    facts = _facts(conn, one, row, deed)
    if row is not None and (why := refusal(deed.act, row.state)) is not None:
        raise BreakError(f"break {one.id[:12]} {why}")
    day = one.day if row is None else row.day
    above = deed.act in _GIVES_UP and _is_above(conn, desk, one, facts, day)
    if above and deed.act == "write_off":
        deed = replace(deed, act="propose_write_off")
    role = desk.roles.role(desk.actor, deed.act)
    if above and deed.act == "accept":
        _check_acceptance(conn, desk, one, facts)
    if deed.act == "approve_write_off":
        _check_approval(conn, desk, one, facts)
    if deed.act == "reject" and _is_own(desk, _proposal(conn, one)):
        raise RoleError(
            f"{desk.actor} proposed this write-off: somebody else rejects or approves it"
        )
    event = Event(
        desk.mapping.account(one.account).tenant,
        one.account,
        deed.act,
        desk.actor,
        role,
        day,
        deed.reason,
        facts,
        break_id=one.id,
        assignee=deed.assignee,
        due_on=deed.due_on,
    )
    break_events.append(conn, event)
    days = due_again(conn, event) if deed.act in DECIDING else 0
    return Acted(one.id, deed.act, _why(desk, event), days)


class _Match(Named):
    """A proposal that was accepted."""


def _break_or_match(conn: Connection, prefix: str, act: Act) -> Named:
    try:
        return named(conn, prefix)
    except BreakError as error:
        if act != "reopen" or not str(error).startswith("there is no break"):
            raise
        try:
            one = named_proposal(conn, prefix)
        except BreakError:
            raise error from None
        return _Match(one.account, one.id, one.day)


def _facts(conn: Connection, one: Named, standing: Any, deed: Deed) -> Facts:
    """What the act is decided upon.

    Raises:
        BreakError: the break is resolved, unless it is a closed one that is opened again; or it is
            not what was looked at.
    """
    row = standing
    if row is None:
        row = sql.at_day(conn, account=one.account, day=one.day, break_id=one.id)
        if deed.act != "reopen" or row.status not in {"accepted", "written_off"}:
            raise BreakError(
                f"break {one.id[:12]} is resolved already: no run after {one.day} lists it"
            )
    if row.leg == INPUT_LEG and deed.act in _GIVES_UP:
        raise BreakError(
            f"break {one.id[:12]} is what the input lacks, which no decision makes whole: get "
            "the file, or move expected.since of its account past the day"
        )
    facts = facts_of(conn, [row])[one.account, one.id]
    if deed.act in _VOUCHES:
        _check_unchanged(conn, one, row.day, facts)
    if deed.known_facts is not None and deed.known_facts != facts_key(facts):
        raise BreakError(
            f"break {one.id[:12]} has changed since it was looked at: it is "
            f"{facts.break_class} with {_money(facts)} at stake now; look again"
        )
    return facts


def _check_unchanged(conn: Connection, one: Named, day: date, facts: Facts) -> None:
    """Whether the entries still say what they said to the run, which is what the person saw."""
    if facts.members_hash != hash_now(conn, one.account, day, one.id):
        raise BreakError(
            f"break {one.id[:12]}: its entries are not known to say what they said to the run of "
            f"{day}; run that day again (it is due by itself where a file changed them), then look "
            "again"
        )


def _is_above(conn: Connection, desk: Desk, one: Named, facts: Facts, day: date) -> bool:
    """Whether it is more than one person may; what is in another currency has no known amount."""
    told = sql.members_told(conn, account=one.account, day=day, break_ids=[one.id])
    foreign = any(member.currency != facts.currency for member in told)
    return foreign or _amount(facts) > desk.roles.alone(facts.currency)


def _check_acceptance(conn: Connection, desk: Desk, one: Named, facts: Facts) -> None:
    """Whether an approver accepts what they have had no hand in."""
    events = sql.events_of(conn, account=one.account, subject=one.id)
    own = any(
        _is_own(desk, event)
        and event.act in {"propose_write_off", "reject"}
        and _facts_then(event) == facts
        for event in events
    )
    if own or not desk.roles.has(desk.actor, "approver"):
        raise RoleError(
            f"{desk.actor} may not accept {_money(facts)} alone, which is above the limit or in "
            "another currency: propose it with write-off, and somebody else, an approver, decides"
        )


def _is_own(desk: Desk, event: Any) -> bool:
    return plain_name(event.actor) == plain_name(desk.actor)


def _proposal(conn: Connection, one: Named) -> Any:
    events = sql.events_of(conn, account=one.account, subject=one.id)
    return [event for event in events if event.act == "propose_write_off"][-1]


def _facts_then(event: Any) -> Facts:
    return Facts(
        event.break_class,
        event.currency,
        event.difference_minor,
        event.at_stake_minor,
        event.entries,
        event.members_hash,
    )


def _check_approval(conn: Connection, desk: Desk, one: Named, facts: Facts) -> None:
    """Whether a second person approves what was proposed."""
    proposal = _proposal(conn, one)
    if _is_own(desk, proposal):
        raise RoleError(
            f"{desk.actor} proposed this write-off: somebody else, an approver, approves it"
        )
    if _facts_then(proposal) != facts:
        raise BreakError(
            f"break {one.id[:12]} has changed since the write-off was proposed: it is "
            f"{facts.break_class} with {_money(facts)} at stake now; reject it, and propose again"
        )


def _amount(facts: Facts) -> int:
    """What a write-off gives up, in minor units."""
    return max(abs(facts.difference_minor), facts.at_stake_minor)


def _money(facts: Facts) -> str:
    return format_minor(facts.at_stake_minor, facts.currency)


def _why(desk: Desk, event: Event) -> str:
    if event.act == "assign":
        return event.assignee or "nobody"
    if event.act == "due":
        return str(event.due_on)
    money = format_minor(_amount(event.facts), event.facts.currency)
    if event.act == "propose_write_off":
        limit = format_minor(desk.roles.alone(event.facts.currency), event.facts.currency)
        return (
            f": {money} is above {limit} or in another currency, so somebody else with the role "
            "approver decides"
        )
    told = {"accept": money, "write_off": money, "approve_write_off": money}
    amount = f": {told[event.act]}" if event.act in told else ""
    return f"{amount} from {event.decided_on} on" if event.act in DECIDING else ""
