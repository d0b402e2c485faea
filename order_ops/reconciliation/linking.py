"""Linking what is alone: one entry of ours and one line of the provider under a key.

What a key is belongs in `matching`; here are the join, what it leaves, and what is made of a crowd:
entries that share a key with the other side and are not one to one. Only what lazy frames can do
too is used, so that the same functions run on other engines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.classes import RANK, ranked
from order_ops.reconciliation.frames import ENTRY, computed, eager

THEIRS = "_provider"
"""Suffix of the provider's columns in a pair."""

GROUPED = -1
"""Rank of a crowd that is one event in several entries, and no break."""

MANY = -2
"""Rank of a crowd with several entries on both sides, which their amounts may tell apart."""

_FREE = 0
_SUMMED = ("amount_minor", "effective_minor", "settled_minor", "fee_minor", "reversals", "entries")

Side = Literal["internal", "provider"]


@dataclass(frozen=True, slots=True)
class Step:
    """One way to link: the rule it counts as, its key, and what becomes of a crowd.

    The first column of the key is the reference, the only one that may be null.

    Attributes:
        twins: several entries of one amount, against one of it, are one event told again.
        groups: several entries against one, which add up to it, are one event in parts.
        doubts: a crowd that is neither is ambiguous; else it is left to the next step.
    """

    rule: str
    key: tuple[str, ...]
    twins: bool = False
    groups: bool = False
    doubts: bool = True


@dataclass(frozen=True, slots=True)
class Linked(Generic[FrameT]):
    """What a step made of two sides.

    Attributes:
        pairs: `ENTRY` of ours, the same with `_provider` of theirs, and rule.
        aside: duplicates and ambiguous entries, of both sides: `ENTRY`, side, rank, key.
        parts: entries that stand in a pair as part of another one: side, head, entry_id.
        internal_left, provider_left: `ENTRY`, not linked.
    """

    pairs: FrameT
    aside: FrameT
    parts: FrameT
    internal_left: FrameT
    provider_left: FrameT


def link(step: Step, internal: FrameT, provider: FrameT) -> Linked[FrameT]:
    """Link what is alone, sort out what is crowded, and link what that leaves alone."""
    alone = pair(step, internal, provider)
    crowds = computed(_crowds(step, alone.internal_left, alone.provider_left))
    ours = _sorted_out(step, alone.internal_left, crowds, "internal")
    theirs = _sorted_out(step, alone.provider_left, crowds, "provider")
    linked = [alone]
    aside = [ours.aside, theirs.aside]
    left = alone
    if not is_empty(crowds):
        left = pair(step, ours.left, theirs.left)
        linked.append(left)
    if not is_empty(ours.many):
        told_apart = pair(Step(step.rule, (*step.key, "amount_minor")), ours.many, theirs.many)
        linked.append(told_apart)
        aside.append(_doubtful(step, told_apart.internal_left, "internal"))
        aside.append(_doubtful(step, told_apart.provider_left, "provider"))
    return Linked(
        pairs=nw.concat([part.pairs for part in linked]),
        aside=nw.concat(aside),
        parts=nw.concat([ours.parts, theirs.parts]),
        internal_left=left.internal_left,
        provider_left=left.provider_left,
    )


@dataclass(frozen=True, slots=True)
class Paired(Generic[FrameT]):
    """Pairs, and what is left of each side; columns as in `Linked`."""

    pairs: FrameT
    internal_left: FrameT
    provider_left: FrameT


def pair(step: Step, internal: FrameT, provider: FrameT) -> Paired[FrameT]:
    """Link the entries that are alone under the key on both sides, in one full join."""
    ours, theirs = computed(_marked(internal, step)), computed(_marked(provider, step))
    both = ours.filter(nw.col("alone")).join(
        theirs.filter(nw.col("alone")), on=list(step.key), how="full", suffix=THEIRS
    )
    both = computed(both)
    no_ours, no_theirs = nw.col("entry_id").is_null(), nw.col("entry_id" + THEIRS).is_null()
    columns = [*ENTRY, *(name + THEIRS for name in ENTRY)]
    in_parts = (nw.col("entries") > 1) | (nw.col("entries" + THEIRS) > 1)
    rule = nw.when(in_parts).then(nw.lit("grouped")).otherwise(nw.lit(step.rule))
    return Paired(
        pairs=both.filter(~no_ours, ~no_theirs).select(columns).with_columns(rule=rule),
        internal_left=nw.concat(
            [both.filter(no_theirs).select(ENTRY), ours.filter(~nw.col("alone")).select(ENTRY)]
        ),
        provider_left=nw.concat(
            [
                both.filter(no_ours).select(nw.col(name + THEIRS).alias(name) for name in ENTRY),
                theirs.filter(~nw.col("alone")).select(ENTRY),
            ]
        ),
    )


def _marked(frame: FrameT, step: Step) -> FrameT:
    alone = ~nw.col(step.key[0]).is_null() & (nw.len().over(*step.key) == 1)
    return frame.with_columns(alone=alone)


def _crowds(step: Step, internal: FrameT, provider: FrameT) -> FrameT:
    """Return the keys that both sides know and that are not one to one, with what they are."""
    both = _facts(step, internal).join(
        _facts(step, provider), on=list(step.key), how="inner", suffix=THEIRS
    )
    one_of_ours, one_of_theirs = nw.col("entries") == 1, nw.col("entries" + THEIRS) == 1
    # what takes back a charge is part of it by its nature, whatever the sum
    taken = nw.col("taken" + THEIRS)
    taken_back = one_of_ours & (taken > 0) & (nw.col("entries" + THEIRS) - taken == 1)
    found: list[tuple[nw.Expr, nw.Expr]] = []
    if step.twins:
        same = (
            (nw.col("low") == nw.col("high"))
            & (nw.col("low" + THEIRS) == nw.col("high" + THEIRS))
            & (nw.col("low") == nw.col("low" + THEIRS))
            & ~taken_back
        )
        found.append((same & one_of_ours, ranked("duplicate_provider")))
        found.append((same & one_of_theirs, ranked("duplicate_internal")))
        found.append((~one_of_ours & ~one_of_theirs, nw.lit(MANY, nw.Int64)))
    if step.groups:
        adds_up = nw.col("total") == nw.col("total" + THEIRS)
        in_parts = (adds_up & (one_of_ours | one_of_theirs)) | taken_back
        found.append((in_parts, nw.lit(GROUPED, nw.Int64)))
    rank = ranked("ambiguous") if step.doubts else nw.lit(_FREE, nw.Int64)
    for fits, made in reversed(found):
        rank = nw.when(fits).then(made).otherwise(rank)
    return both.select(*step.key, rank=rank).filter(nw.col("rank") != _FREE)


def _facts(step: Step, frame: FrameT) -> FrameT:
    return (
        frame.filter(~nw.col(step.key[0]).is_null())
        .with_columns(amount=nw.col("amount_minor"))
        .group_by(*step.key)
        .agg(
            entries=nw.len(),
            low=nw.col("amount").min(),
            high=nw.col("amount").max(),
            total=nw.col("amount").sum(),
            taken=nw.col("reversals").sum(),
        )
    )


@dataclass(frozen=True, slots=True)
class _Sorted(Generic[FrameT]):
    left: FrameT
    many: FrameT
    aside: FrameT
    parts: FrameT


def _sorted_out(step: Step, frame: FrameT, crowds: FrameT, side: Side) -> _Sorted[FrameT]:
    """Split into what can be linked, groups put together, and what is ambiguous or a twin."""
    marked = frame.join(crowds, on=list(step.key), how="left")
    free = marked.filter(nw.col("rank").is_null()).select(ENTRY)
    crowd = computed(_with_head(marked.filter(~nw.col("rank").is_null()), step.key))
    later = nw.col("entry_id") != nw.col("head")
    aside = (nw.col("rank") == RANK["ambiguous"]) | (
        (nw.col("rank") == RANK[f"duplicate_{side}"]) & later
    )
    members = crowd.filter(nw.col("rank") == GROUPED)
    kept = crowd.filter(~aside, nw.col("rank") != GROUPED, nw.col("rank") != MANY)
    return _Sorted(
        left=computed(nw.concat([free, kept.select(ENTRY), put_together(members)])),
        many=computed(crowd.filter(nw.col("rank") == MANY).select(ENTRY)),
        aside=computed(
            crowd.filter(aside).select(*ENTRY, "rank", side=nw.lit(side), key=nw.col(step.key[0]))
        ),
        parts=computed(members.filter(later).select("head", "entry_id", side=nw.lit(side))),
    )


def _doubtful(step: Step, frame: FrameT, side: Side) -> FrameT:
    return frame.select(
        *ENTRY, rank=ranked("ambiguous"), side=nw.lit(side), key=nw.col(step.key[0])
    )


def put_together(members: FrameT) -> FrameT:
    """Return one row per `head`: what the head is, with the sums of its entries.

    The day is the latest member's, since no match is older than what it needs.
    """
    sums = members.group_by("head").agg(
        *(nw.col(name).sum() for name in _SUMMED), nw.col("day").max()
    )
    heads = members.filter(nw.col("entry_id") == nw.col("head"))
    return heads.drop(*_SUMMED, "day").join(sums, on="head", how="inner").select(ENTRY)


def _with_head(crowd: FrameT, key: Sequence[str]) -> FrameT:
    """Name, per key, the entry that counts as the original: the earliest, then the least id.

    What takes a charge back is never it.
    """
    whole = nw.col("reversals") == nw.col("reversals").min().over(*key)
    return (
        crowd.with_columns(moment=nw.when(whole).then(nw.col("occurred_at")))
        .with_columns(earliest=nw.col("moment") == nw.col("moment").min().over(*key))
        .with_columns(candidate=nw.when(nw.col("earliest")).then(nw.col("entry_id")))
        .with_columns(head=nw.col("candidate").min().over(*key))
    )


def is_empty(frame: FrameT) -> bool:
    """Whether a frame whose work is done has no row."""
    return len(eager(frame.head(1))) == 0
