"""The chain of events about breaks: added to under a lock, walked to find what was tampered with.

Each row's hash is over all of its columns and the hash of the row before, so that a changed,
removed or inserted row does not fit what stands beside it. `recon.audit_head` has the count and
the last hash; who can rewrite rows, hashes and head together is found only by a head that was
written down elsewhere (`order-ops audit head`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import orjson

from order_ops.domain.break_acts import Act, Role
from order_ops.domain.redaction import kept
from order_ops.store.engine import Connection
from order_ops.store.queries import breaks

_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What an act was decided upon: amounts in minor units, members as a hash of entry ids."""

    break_class: str | None
    currency: str
    difference_minor: int
    at_stake_minor: int
    entries: int
    members_hash: str


@dataclass(frozen=True, slots=True)
class Event:
    """An act of a person about a break, or about a proposal; `decided_on`: from that day it holds.

    members: of an accepted proposal, entry ids by side.
    """

    tenant_id: str
    account: str
    act: Act
    actor: str
    role: Role
    decided_on: date
    reason: str
    facts: Facts
    break_id: str | None = None
    proposal_id: str | None = None
    assignee: str | None = None
    due_on: date | None = None
    members: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: how many events, and the hash of the last."""

    count: int
    hash: str

    def __str__(self) -> str:
        return f"{self.count}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What walking the chain found; `wrong` names the first row that does not fit, or is None."""

    head: Head
    wrong: str | None


def lock(conn: Connection) -> Any:
    """Wait for the turn to add events: what is read after it stays true until the commit."""
    return breaks.lock_chain(conn)


def append(conn: Connection, event: Event) -> int:
    """Add an event at the end of the chain; its id."""
    end = lock(conn)
    facts = event.facts
    row: dict[str, Any] = {
        "id": end.count + 1,
        "tenant_id": event.tenant_id,
        "account": event.account,
        "break_id": event.break_id,
        "proposal_id": event.proposal_id,
        "act": event.act,
        "actor": event.actor,
        "role": event.role,
        "at": end.at,
        "decided_on": event.decided_on,
        "reason": kept(event.reason),
        "assignee": event.assignee,
        "due_on": event.due_on,
        "break_class": facts.break_class,
        "currency": facts.currency,
        "difference_minor": facts.difference_minor,
        "at_stake_minor": facts.at_stake_minor,
        "entries": facts.entries,
        "members_hash": facts.members_hash,
        "members": dict(event.members),
        "previous_hash": end.hash,
    }
    members = orjson.dumps(row["members"]).decode()
    breaks.add_event(conn, **row | {"hash": hash_of(row), "members": members})
    return int(row["id"])


def hash_of(row: Mapping[str, Any]) -> str:
    """SHA-256 of a row without its own hash, as JSON with sorted keys; times in UTC."""
    told = {name: _plain(value) for name, value in row.items() if name != "hash"}
    return sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


def head(conn: Connection) -> Head:
    """Where the chain ends, as `recon.audit_head` has it."""
    found = breaks.chain_head(conn)
    return Head(0, "") if found is None else Head(found.count, found.hash)


def verify(conn: Connection, known: Head | None = None) -> Verified:
    """Walk the chain from its first event.

    Args:
        known: a head that was written down outside of this database; without one, rows at the end
            that were removed together with the head's count are not missed.
    """
    # one snapshot: an event that is added meanwhile is in all of it or in none of it
    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    end = head(conn)
    count, last = 0, ""
    for row in _rows(conn):
        if (wrong := _misfit(row, count, last)) is not None:
            return Verified(end, wrong)
        count, last = row["id"], row["hash"]
        if known is not None and known.count == count and known.hash != last:
            return Verified(end, f"event {count} is not the one that was written down: {known}")
    return Verified(end, _wrong_end(Head(count, last), end, known))


def _misfit(row: Mapping[str, Any], count: int, last: str) -> str | None:
    number = row["id"]
    if number != count + 1:
        missing = f"event {count + 1} is" if number == count + 2 else f"{count + 1} to {number - 1}"
        return f"{missing} missing" if number == count + 2 else f"events {missing} are missing"
    if row["previous_hash"] != last:
        return f"event {number} does not follow on the one before it: one of them was changed"
    if row["hash"] != hash_of(row):
        return f"event {number} was changed: it is not what its hash was made of"
    return None


def _wrong_end(found: Head, end: Head, known: Head | None) -> str | None:
    if found.count < end.count:
        return f"event {found.count + 1} is missing: recon.audit_head counts {end.count}"
    if found.count > end.count:
        return f"event {end.count + 1} was added past recon.audit_head, which counts {end.count}"
    if found.hash != end.hash:
        return f"event {found.count} was changed: recon.audit_head has another hash of it"
    if known is not None and known.count > found.count:
        return f"event {found.count + 1} is missing: {known.count} were written down"
    return None


def _rows(conn: Connection) -> Iterator[dict[str, Any]]:
    after = 0
    while rows := list(breaks.chain(conn, after=after, events=_AT_ONCE)):
        yield from (row._asdict() for row in rows)
        after = rows[-1].id
