"""Proposed matches in people's hands: accepted, and taken back. Breaks are in `break_acts`."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from order_ops.jobs.breaks.desk import Acted, Deed, Desk, due_again, trying, wait_for_runs
from order_ops.jobs.breaks.standing import BreakError, Named, named_proposal
from order_ops.reconciliation.decided import members_hash
from order_ops.store import break_events
from order_ops.store.break_events import Event, Facts
from order_ops.store.engine import Connection
from order_ops.store.queries import breaks as sql


def accept_match(
    desk: Desk, prefix: str, reason: str, *, dry_run: bool = False, in_: Connection | None = None
) -> Acted:
    """Accept a proposal: from the latest day on its entries are a match.

    Raises:
        BreakError: no such proposal, it is not proposed any more, or is accepted, or shares an
            entry with one that is.
        RoleError: the actor may not.
    """
    if in_ is None:
        with trying(desk.pool, dry_run=dry_run) as conn:
            return accept_match(desk, prefix, reason, in_=conn)
    one = named_proposal(in_, prefix)
    wait_for_runs(in_, one.account)
    day = sql.latest_day(in_, account=one.account)
    row = sql.proposal(in_, account=one.account, day=day, proposal_id=one.id)
    if row is None:
        raise BreakError(
            f"proposal {one.id[:12]} was last there on {one.day}: it is accepted already, or one "
            "of its entries has found its match"
        )
    members = list(sql.proposal_members(in_, account=one.account, day=day, proposal_id=one.id))
    by_side = {
        side: [member.entry_id for member in members if member.side == side]
        for side in ("internal", "provider")
    }
    _refuse_shared(in_, one, day, by_side)
    event = Event(
        desk.mapping.account(one.account).tenant,
        one.account,
        "accept_match",
        desk.actor,
        desk.roles.role(desk.actor, "accept_match"),
        day,
        reason,
        _facts(row, members),
        proposal_id=one.id,
        members=by_side,
    )
    break_events.append(in_, event)
    return Acted(one.id, "accept_match", f" from {day} on", due_again(in_, event))


def _facts(proposal: Any, members: Sequence[Any]) -> Facts:
    """What is accepted: the proposal's amounts, and which entries it is of."""
    return Facts(
        None,
        proposal.currency,
        proposal.provider_minor - proposal.internal_minor,
        abs(proposal.provider_minor),
        len(members),
        members_hash((one.side, one.entry_id, None, None, None, None) for one in members),
    )


def release(conn: Connection, desk: Desk, one: Named, deed: Deed) -> Acted:
    """Take back that a proposal was accepted, from the day on that it was accepted for."""
    wait_for_runs(conn, one.account)
    held = next(
        (
            row
            for row in sql.accepted_matches(conn, account=one.account, day=date.max)
            if row.proposal_id == one.id
        ),
        None,
    )
    if held is None:
        raise BreakError(f"proposal {one.id[:12]} is not accepted: there is nothing to take back")
    row = list(sql.events_of(conn, account=one.account, subject=one.id))[-1]
    event = Event(
        desk.mapping.account(one.account).tenant,
        one.account,
        "reopen",
        desk.actor,
        desk.roles.role(desk.actor, "reopen"),
        held.decided_on,
        deed.reason,
        Facts(
            None,
            row.currency,
            row.difference_minor,
            row.at_stake_minor,
            row.entries,
            row.members_hash,
        ),
        proposal_id=one.id,
    )
    break_events.append(conn, event)
    return Acted(one.id, "reopen", f" from {held.decided_on} on", due_again(conn, event))


def _refuse_shared(conn: Connection, one: Named, day: date, members: dict[str, list[str]]) -> None:
    for held in sql.accepted_matches(conn, account=one.account, day=day):
        shared = {
            entry
            for side, names in members.items()
            for entry in names
            if entry in held.members[side]
        }
        if shared:
            raise BreakError(
                f"proposal {one.id[:12]} has {min(shared)}, which is in the accepted proposal "
                f"{held.proposal_id[:12]}: reopen that first"
            )
