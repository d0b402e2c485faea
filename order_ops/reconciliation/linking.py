"""Linking what is alone: one entry of ours and one line of the provider under a key.

What a key is belongs in `matching`, what is made of a crowd in `crowds`; here are the join, what it
leaves, and the telling apart by amounts. Only what lazy frames can do too is used, so that the same
functions run on other engines.
"""

from dataclasses import dataclass, replace
from typing import Generic

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.classes import ranked
from order_ops.reconciliation.crowds import THEIRS, Side, Step, crowds_of, put_aside, sorted_out
from order_ops.reconciliation.frames import ENTRY, computed, eager


@dataclass(frozen=True, slots=True)
class Linked(Generic[FrameT]):
    """What a step made of two sides.

    Attributes:
        pairs: `ENTRY` of ours, the same with `_provider` of theirs, and rule.
        aside: duplicates and ambiguous entries, of both sides: `ENTRY`, rank, side, key.
        parts: entries that stand in a pair as part of another one: head, entry_id, side.
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
    crowds = computed(crowds_of(step, alone.internal_left, alone.provider_left))
    ours = sorted_out(step, alone.internal_left, crowds, "internal")
    theirs = sorted_out(step, alone.provider_left, crowds, "provider")
    left = alone if is_empty(crowds) else pair(step, ours.left, theirs.left)
    found = Linked(
        pairs=alone.pairs if left is alone else nw.concat([alone.pairs, left.pairs]),
        aside=nw.concat([ours.aside, theirs.aside]),
        parts=nw.concat([ours.parts, theirs.parts]),
        internal_left=left.internal_left,
        provider_left=left.provider_left,
    )
    if is_empty(ours.many):
        return found
    return _joined(found, _told_apart(step, ours.many, theirs.many))


def _told_apart(step: Step, internal: FrameT, provider: FrameT) -> Linked[FrameT]:
    """Link what has the same amount; what then remains on both sides is ambiguous."""
    finer = replace(step, key=(*step.key, "amount_minor"), groups=False)
    linked = link(finer, internal, provider)
    key = list(step.key)
    open_keys = computed(
        linked.internal_left.select(key)
        .join(linked.provider_left.select(key), on=key, how="inner")
        .unique()
    )

    def doubtful(left: FrameT, side: Side) -> FrameT:
        of_both = left.join(open_keys, on=key, how="semi")
        return put_aside(of_both, step, side, ranked("ambiguous"))

    of_ours = doubtful(linked.internal_left, "internal")
    of_theirs = doubtful(linked.provider_left, "provider")
    return replace(
        linked,
        aside=nw.concat([linked.aside, of_ours, of_theirs]),
        internal_left=linked.internal_left.join(open_keys, on=key, how="anti"),
        provider_left=linked.provider_left.join(open_keys, on=key, how="anti"),
    )


def _joined(one: Linked[FrameT], other: Linked[FrameT]) -> Linked[FrameT]:
    return Linked(
        pairs=nw.concat([one.pairs, other.pairs]),
        aside=nw.concat([one.aside, other.aside]),
        parts=nw.concat([one.parts, other.parts]),
        internal_left=nw.concat([one.internal_left, other.internal_left]),
        provider_left=nw.concat([one.provider_left, other.provider_left]),
    )


@dataclass(frozen=True, slots=True)
class Paired(Generic[FrameT]):
    """Pairs, and what is left of each side; columns as in `Linked`."""

    pairs: FrameT
    internal_left: FrameT
    provider_left: FrameT


def pair(step: Step, internal: FrameT, provider: FrameT) -> Paired[FrameT]:
    """Link the entries that are alone under the key on both sides.

    A pair is wide, and most entries become one: they are copied once, by the inner join, and what
    is left is found by the key alone. What bears two references of the provider is two payments,
    whatever else it has in common.
    """
    ours, theirs = computed(_marked(internal, step)), computed(_marked(provider, step))
    key = list(step.key)
    alone = ours.filter(nw.col("alone")), theirs.filter(nw.col("alone"))
    both = alone[0].join(alone[1], on=key, how="inner", suffix=THEIRS)
    if step.by_order:
        either = nw.col("provider_ref").is_null() | nw.col("provider_ref" + THEIRS).is_null()
        both = both.filter(either)
    both = computed(both)
    paired = both.select(key)
    in_parts = (nw.col("entries") > 1) | (nw.col("entries" + THEIRS) > 1)
    rule = nw.when(in_parts).then(nw.lit("grouped")).otherwise(nw.lit(step.rule))
    of_key = [nw.col(name).alias(name + THEIRS) for name in key]
    columns = [*ENTRY, *(name + THEIRS for name in ENTRY)]
    left = (
        nw.concat([one.join(paired, on=key, how="anti"), side.filter(~nw.col("alone"))])
        for one, side in zip(alone, (ours, theirs), strict=True)
    )
    internal_left, provider_left = (side.select(ENTRY) for side in left)
    return Paired(
        pairs=both.with_columns(*of_key, rule=rule).select(*columns, "rule"),
        internal_left=internal_left,
        provider_left=provider_left,
    )


def _marked(frame: FrameT, step: Step) -> FrameT:
    alone = ~nw.col(step.key[0]).is_null() & (nw.len().over(*step.key) == 1)
    return frame.with_columns(alone=alone)


def is_empty(frame: FrameT) -> bool:
    """Whether a frame whose work is done has no row."""
    return len(eager(frame.head(1))) == 0
