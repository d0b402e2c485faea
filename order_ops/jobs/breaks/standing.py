"""Standing breaks, chosen and looked at: nothing is changed here.

What stands is what the latest run of each account lists. What is done about a break is in
`break_acts`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from operator import attrgetter
from typing import Any

from sqlalchemy import Engine

from order_ops.domain.break_acts import State
from order_ops.domain.failures import MendableError
from order_ops.reconciliation.decided import MEMBER, Member, members_hash
from order_ops.store.break_events import Facts
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import breaks as sql

MOST = 10_000
"""Breaks in one list; more are narrowed down first."""
_SHORTEST = 4
NOT_KEPT = ""
"""The members' hash of a break whose run was by a release that did not keep it."""
BreakKey = tuple[str, str]
"""Account and break id."""


class BreakError(MendableError):
    """Refused; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which standing breaks; what is None selects all.

    older_than: days since it was first seen, up to the latest run. at_least_minor: at stake, in
    minor units of `currency`.
    """

    account: str | None = None
    break_class: str | None = None
    states: tuple[State, ...] | None = None
    assignee: str | None = None
    older_than: int | None = None
    at_least_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A break or a proposal by its whole id, and the last day that lists it."""

    account: str
    id: str
    day: Any


@dataclass(frozen=True, slots=True)
class Story:
    """A break with all there is to know; lists are oldest first.

    Attributes:
        row: as the last day had it that lists it; with `state` and what is decided, if it stands.
        stands: whether the latest run lists it.
        facts: what an act would be decided upon.
        members: its entries, the provider's with file and line.
        history: how it stood, by day.
        events: what people did.
        proposals: what looked as if it belonged to an entry of it, and was not taken.
    """

    row: Any
    stands: bool
    facts: Facts
    members: list[Any]
    history: list[Any]
    events: list[Any]
    proposals: list[Any]


def find(pool: Engine, selection: Selection, limit: int = MOST) -> list[Any]:
    """Standing breaks of a selection, the most money first; columns as recon.standing_breaks."""
    wanted = asdict(selection)
    wanted["states"] = None if selection.states is None else list(selection.states)
    with transaction(pool) as conn:
        return list(sql.standing(conn, **wanted, breaks=limit))


def proposals(pool: Engine, account: str | None, limit: int = MOST) -> list[Any]:
    """Proposals of the latest day of each account, or of one account."""
    with transaction(pool) as conn:
        return list(sql.proposals(conn, account=account, proposals=limit))


def named(conn: Connection, prefix: str) -> Named:
    """The break whose id starts so.

    Raises:
        BreakError: there is none, or more than one.
    """
    _check(prefix)
    return _only(
        "break",
        prefix,
        [Named(row.account, row.break_id, row.day) for row in sql.named(conn, prefix=prefix)],
        "order-ops breaks list shows those that stand",
    )


def named_proposal(conn: Connection, prefix: str) -> Named:
    """The proposal whose id starts so; the day of an accepted one is that of its acceptance.

    Raises:
        BreakError: there is none, or more than one.
    """
    _check(prefix)
    rows = sql.named_proposals(conn, prefix=prefix)
    return _only(
        "proposal",
        prefix,
        [Named(row.account, row.proposal_id, row.day) for row in rows],
        "order-ops breaks proposals shows what is proposed",
    )


def _check(prefix: str) -> None:
    if len(prefix) < _SHORTEST or not set(prefix) <= set("0123456789abcdef"):
        raise BreakError(
            f"{prefix!r} is no id: say at least {_SHORTEST} of its first characters (0-9, a-f)"
        )


def _only(what: str, prefix: str, found: Sequence[Named], hint: str) -> Named:
    if not found:
        raise BreakError(f"there is no {what} {prefix}: {hint}")
    if len(found) > 1:
        ids = ", ".join(one.id[: len(prefix) + 6] for one in found)
        raise BreakError(f"{prefix} may be any of several {what}s ({ids}): say more of its id")
    return found[0]


def facts_of(conn: Connection, rows: Iterable[Any]) -> dict[BreakKey, Facts]:
    """What acts on these breaks are decided upon: what the run saw, by account and break id."""
    rows = list(rows)
    told: dict[BreakKey, str] = {}
    for (account, day), ids in _by_day(rows).items():
        for one in sql.told_hashes(conn, account=account, day=day, break_ids=ids):
            told[account, one.break_id] = one.members_hash
    return {
        (row.account, row.break_id): Facts(
            row.break_class,
            row.currency,
            row.difference_minor,
            row.at_stake_minor,
            row.entries,
            told.get((row.account, row.break_id), NOT_KEPT),
        )
        for row in rows
    }


def hash_now(conn: Connection, account: str, day: date, break_id: str) -> str:
    """What the entries of a break say now, whatever the run of the day was told."""
    members: list[Member] = [
        attrgetter(*MEMBER)(one)
        for one in sql.members_told(conn, account=account, day=day, break_ids=[break_id])
    ]
    return members_hash(members)


def _by_day(rows: Iterable[Any]) -> dict[tuple[str, date], list[str]]:
    days: dict[tuple[str, date], list[str]] = {}
    for row in rows:
        days.setdefault((row.account, row.day), []).append(row.break_id)
    return days


def facts_key(facts: Facts) -> str:
    """A short name of facts, by which a sheet tells whether they have changed since."""
    told = "\x1f".join(map(str, asdict(facts).values()))
    # a letter first: a spreadsheet makes a number of 123 and of 1e5
    return f"f{sha256(told.encode()).hexdigest()[:15]}"


def story(pool: Engine, prefix: str) -> Story:
    """All there is to know about a break.

    Raises:
        BreakError: there is none of that id, or more than one.
    """
    with transaction(pool) as conn:
        one = named(conn, prefix)
        at = {"account": one.account, "break_id": one.id}
        standing = sql.standing_of(conn, **at)
        row = standing or sql.at_day(conn, **at, day=one.day)
        on_day = {**at, "day": row.day}
        return Story(
            row=row,
            stands=standing is not None,
            facts=facts_of(conn, [row])[one.account, one.id],
            members=list(sql.members(conn, **on_day)),
            history=list(sql.history(conn, **at)),
            events=list(sql.events_of(conn, account=one.account, subject=one.id)),
            proposals=list(sql.proposals_with(conn, **on_day)),
        )
