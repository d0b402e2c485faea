"""What people have decided: breaks that are let be, and entries that belong together.

A decision holds for the facts it was made upon. Are the facts others, the break stands again and
says why. Who may decide what, and where decisions are kept, does not belong here.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

import narwhals as nw
from narwhals.typing import IntoFrame

from order_ops.domain.money import format_minor
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.frames import Frame, FrameError, eager

ACCEPTED: Mapping[str, Any] = {
    "break_id": nw.String(),
    "status": nw.String(),
    "actor": nw.String(),
    "reason": nw.String(),
    "decided_on": nw.Date(),
    "class": nw.String(),
    "currency": nw.String(),
    "difference_minor": nw.Int64(),
    "at_stake_minor": nw.Int64(),
    "entries": nw.Int64(),
    "members_hash": nw.String(),
}
"""A decision about a break: status accepted or written_off, who, why, from which day on, and the
facts that were decided upon; one row per break."""

_SAID = {"accepted": "Accepted", "written_off": "Written off"}
_FACTS = ("class", "difference_minor", "at_stake_minor", "entries", "members_hash")
_KEY = ("leg", "key", "currency")


@dataclass(frozen=True, slots=True)
class Forced:
    """A proposal that a person has accepted: entry ids of both sides that are one event."""

    proposal_id: str
    actor: str
    reason: str
    decided_on: date
    internal: tuple[str, ...]
    provider: tuple[str, ...]

    @property
    def said(self) -> str:
        """The sentence of the match."""
        return (
            f"Accepted by {self.actor} from {self.decided_on} on, as proposed: {_end(self.reason)}"
        )

    @property
    def lapsed(self) -> str:
        """The sentence of a break that it would have closed."""
        return (
            f"Was in a match that {self.actor} accepted from {self.decided_on} on, which links "
            "nothing any more: an entry of it has another match, or was taken back."
        )


@dataclass(frozen=True, slots=True)
class Decisions:
    """What holds on the day: breaks (a frame, `ACCEPTED`), and accepted proposals."""

    breaks: Any
    forced: Sequence[Forced] = ()

    def after(self, day: date) -> bool:
        """Whether one of them holds from a later day on, which must not be seen on this one."""
        return any(one.decided_on > day for one in self.forced) or any(
            row["decided_on"] > day for row in _rows(self.breaks)
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """Breaks with what was decided about them.

    Attributes:
        breaks: as `result.Reconciliation.breaks`, with what is let be as accepted or written_off.
        status: leg, key, currency, break_id, class, status, and line: where its difference stands
            in the bridge, empty where its class and status say so.
        closed: break_id, leg, key, currency of what no later entry is waited for any more.
    """

    breaks: Frame
    status: Frame
    closed: Frame


Member = tuple[str, str, int | None, str | None, str | None, int | None]
"""side, entry_id, amount_minor, currency, status, settled_minor: None where a side has none."""
MEMBER = ("side", "entry_id", "amount_minor", "currency", "status", "settled_minor")


def members_hash(members: Iterable[Member]) -> str:
    """Return the hash of the members of a break, and of what they say, in any order."""
    told = sorted(["" if value is None else str(value) for value in one] for one in members)
    joined = "\x1e".join("\x1f".join(one) for one in told)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


def told_breaks(breaks: Any, told: Any) -> Any:
    """Return what the entries of each break say, as a hash, of a backend that people read.

    Args:
        breaks: `result.Reconciliation.breaks`.
        told: its `told_members`; a break of what the input lacks has none.

    Returns:
        break_id, members_hash; a row per break, in the order of the breaks.
    """
    frame: Frame = nw.from_native(breaks, eager_only=True)
    names = frame["break_id"].to_list()
    members = _by_break(nw.from_native(told, eager_only=True))
    hashes = [members_hash(members.get(name, ())) for name in names]
    schema = {"break_id": nw.String(), "members_hash": nw.String()}
    rows = {"break_id": names, "members_hash": hashes}
    return nw.from_dict(rows, schema, backend=frame.implementation).to_native()


def _by_break(told: Frame) -> dict[str, list[Member]]:
    members: dict[str, list[Member]] = {}
    for break_id, *member in told.select("break_id", *MEMBER).iter_rows():
        members.setdefault(break_id, []).append(cast("Member", tuple(member)))
    return members


def stated(members: Frame, entries: Mapping[str, Sequence[IntoFrame | None]]) -> Frame:
    """Return members of breaks with the columns `MEMBER`.

    Args:
        members: break_id, side, entry_id.
        entries: the frames that the entries of each side are in.
    """
    told = [
        _told(eager(nw.from_native(frame)), side, members)
        for side, natives in entries.items()
        for frame in natives
        if frame is not None
    ]
    every = nw.concat(told).unique(["side", "entry_id"], keep="any")
    return members.join(every, on=["side", "entry_id"], how="left").select("break_id", *MEMBER)


def _told(entries: Frame, side: str, members: Frame) -> Frame:
    nothing = {"status": nw.lit(None, nw.String()), "settled_minor": nw.lit(None, nw.Int64())}
    lacking = {name: value for name, value in nothing.items() if name not in entries.columns}
    own = members.filter(nw.col("side") == side).select("entry_id").unique()
    return (
        entries.with_columns(side=nw.lit(side), **lacking)
        .select(MEMBER)
        .join(own, on="entry_id", how="semi")
    )


def decide(breaks: Frame, members: Frame, decisions: Decisions | None, closing: Closing) -> Decided:
    """Let be what was accepted or written off upon the same facts.

    It stays in sight for the rules' `unpaid_days` after the decision, so that a later entry opens
    it again; then it is closed.

    Args:
        breaks: every break of the day, columns `result.BREAK`.
        members: break_id and `MEMBER`.
        decisions: None or nothing: breaks stay as they are.
        closing: the day.

    Raises:
        FrameError: a break has two decisions, or one holds from a later day on.
    """
    notes, backend = _notes(breaks, members, decisions, closing), breaks.implementation
    rows = breaks.select("break_id", "status", "explanation").iter_rows()
    told = [
        (notes[name].status or status, explanation + notes[name].said, notes[name].line)
        if name in notes
        else (status, explanation, "")
        for name, status, explanation in rows
    ]
    decided = breaks.with_columns(
        nw.new_series(column, [row[place] for row in told], nw.String(), backend=backend)
        for place, column in enumerate(("status", "explanation", "line"))
    )
    return Decided(
        breaks=decided.select(breaks.columns),
        status=decided.select("break_id", *_KEY, "class", "status", "line"),
        closed=decided.filter(nw.col("line") == "closed").select("break_id", *_KEY),
    )


@dataclass(frozen=True, slots=True)
class _Note:
    """What a decision comes to: the status, the bridge's line, and what is said."""

    said: str
    status: str = ""
    line: str = ""


def _notes(
    breaks: Frame, members: Frame, decisions: Decisions | None, closing: Closing
) -> dict[str, _Note]:
    """What each decision about a break of the day comes to, by break."""
    if decisions is None:
        return {}
    if decisions.after(closing.day):
        raise FrameError(f"decisions: one of them holds from a day after {closing.day} on")
    made = {row["break_id"]: row for row in _rows(decisions.breaks)}
    if len(made) != len(_rows(decisions.breaks)):
        raise FrameError("decisions: a break has more than one")
    found = breaks.filter(nw.col("break_id").is_in(list(made)))
    entries = _by_break(members.filter(nw.col("break_id").is_in(found["break_id"].to_list())))
    return {
        name: _note(row | {"members_hash": members_hash(entries[name])}, made[name], closing)
        for row in found.iter_rows(named=True)
        for name in (row["break_id"],)
    }


def _note(row: Mapping[str, Any], decision: Mapping[str, Any], closing: Closing) -> _Note:
    said, since = _SAID[decision["status"]], decision["decided_on"]
    by = f" {said} by {decision['actor']} from {since} on"
    changed = [name for name in _FACTS if row[name] != decision[name]]
    if changed:
        return _Note(f"{by}, and open again: {_difference(decision, row, changed)}.")
    ends = since + timedelta(days=closing.rules.unpaid_days)
    line = "closed" if closing.day >= ends else "accepted"
    return _Note(f"{by}: {_end(decision['reason'])}", decision["status"], line)


def _difference(was: Mapping[str, Any], now: Mapping[str, Any], changed: Collection[str]) -> str:
    """Return in words what is not as it was when it was decided."""
    told = []
    if "class" in changed:
        told.append(f"it was {was['class']} then")
    for name, what in (("difference_minor", "the difference"), ("at_stake_minor", "the stake")):
        if name in changed:
            amounts = [format_minor(row[name], now["currency"]) for row in (was, now)]
            told.append(f"{what} was {amounts[0]} then and is {amounts[1]}")
    if "entries" in changed:
        told.append(f"it had {was['entries']} entries then and has {now['entries']}")
    return "; ".join(told) if told else "other entries are in it, or they say something else"


def _end(reason: str) -> str:
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _rows(native: IntoFrame) -> list[dict[str, Any]]:
    frame: Frame = eager(nw.from_native(native))
    return list(frame.select(list(ACCEPTED)).iter_rows(named=True))
