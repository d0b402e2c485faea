"""Links that a person made: accepted proposals, taken before any pass.

A proposal holds while all of its entries are there; when an earlier day has matched one of them,
or a file has taken it back, the others are left to the passes, and their breaks say so.
"""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.crowds import THEIRS, Side, put_together
from order_ops.reconciliation.decided import Forced
from order_ops.reconciliation.frames import ENTRY, Frame, computed, eager
from order_ops.reconciliation.linking import Linked

RULE = "accepted_proposal"


def link_forced(internal: FrameT, provider: FrameT, forced: Sequence[Forced]) -> Linked[FrameT]:
    """Pair the entries of each accepted proposal, put together on each side."""
    there = _whole(internal, provider, forced)
    nothing = internal.head(0).join(provider.head(0), how="cross", suffix=THEIRS)
    pairs, parts = [nothing], [_parts(internal.head(0), (), "internal")]
    for one in there:
        ours, theirs = _together(internal, one.internal), _together(provider, one.provider)
        pairs.append(ours.join(theirs, how="cross", suffix=THEIRS))
        parts += [
            _parts(internal, one.internal, "internal"),
            _parts(provider, one.provider, "provider"),
        ]
    columns = [*ENTRY, *(name + THEIRS for name in ENTRY)]
    taken = [{entry for one in there for entry in getattr(one, side)} for side in _SIDES]
    return Linked(
        pairs=computed(nw.concat(pairs).select(columns)).with_columns(rule=nw.lit(RULE)),
        aside=nothing.select(*ENTRY, rank=nw.lit(0, nw.Int64), side=nw.lit(""), key=nw.lit("")),
        parts=computed(nw.concat(parts)),
        internal_left=internal.filter(~nw.col("entry_id").is_in(list(taken[0]))),
        provider_left=provider.filter(~nw.col("entry_id").is_in(list(taken[1]))),
    )


_SIDES: tuple[Side, Side] = ("internal", "provider")


def _whole(internal: Any, provider: Any, forced: Sequence[Forced]) -> list[Forced]:
    """The proposals whose entries are all there, and in no other of them: none is guessed."""
    frames = {"internal": internal, "provider": provider}
    names = {side: [name for one in forced for name in getattr(one, side)] for side in _SIDES}
    there = {
        side: set(
            eager(frames[side].filter(nw.col("entry_id").is_in(names[side])).select("entry_id"))[
                "entry_id"
            ].to_list()
        )
        for side in _SIDES
    }
    return [
        one
        for one in forced
        if all(
            name in there[side] and names[side].count(name) == 1
            for side in _SIDES
            for name in getattr(one, side)
        )
    ]


def _together(frame: FrameT, names: Sequence[str]) -> FrameT:
    members = frame.filter(nw.col("entry_id").is_in(list(names)))
    return put_together(members.with_columns(head=nw.lit(min(names))))


def _parts(frame: FrameT, names: Sequence[str], side: Side) -> FrameT:
    head = min(names, default="")
    others = [name for name in names if name != head]
    return (
        frame.filter(nw.col("entry_id").is_in(others))
        .select("entry_id", head=nw.lit(head), side=nw.lit(side))
        .select("head", "entry_id", "side")
    )


def told_lapsed(breaks: Frame, members: Frame, pairs: Frame, forced: Sequence[Forced]) -> Frame:
    """Say of the breaks of what an accepted proposal linked, and links no more, why that is.

    Args:
        breaks: columns `result.BREAK`.
        members: break_id, side, entry_id of their entries.
        pairs: what was linked on the day.
        forced: what holds on the day.
    """
    ours = eager(pairs.filter(nw.col("rule") == RULE).select("entry_id"))
    linked = ours["entry_id"].to_list()
    lapsed = {
        (side, name): one
        for one in forced
        if min(one.internal) not in linked
        for side in _SIDES
        for name in getattr(one, side)
    }
    if not lapsed:
        return breaks
    names = [name for _, name in lapsed]
    rows = members.filter(nw.col("entry_id").is_in(names)).sort("break_id", "side", "entry_id")
    told: dict[str, dict[str, Forced]] = {}
    for row in rows.select("break_id", "side", "entry_id").iter_rows():
        if one := lapsed.get(row[1:]):
            told.setdefault(row[0], {})[one.proposal_id] = one
    texts = [
        explanation + "".join(f" {one.lapsed}" for one in told.get(name, {}).values())
        for name, explanation in breaks.select("break_id", "explanation").iter_rows()
    ]
    return breaks.with_columns(
        nw.new_series("explanation", texts, nw.String(), backend=breaks.implementation)
    )


def worded(matches: Frame, forced: Sequence[Forced]) -> Frame:
    """Say of each match that a person made who it was, and why."""
    if not forced or RULE not in matches["rule"].to_list():
        return matches
    said = {min(one.internal): one.said for one in forced}
    texts = [
        said[row["internal_id"]] if row["rule"] == RULE else row["explanation"]
        for row in matches.iter_rows(named=True)
    ]
    return matches.with_columns(
        nw.new_series("explanation", texts, nw.String(), backend=matches.implementation)
    )
