"""Which entry of ours is which line of the provider: the passes, each on what the earlier left.

A pass links two entries when each is alone under the pass's key on its side, and takes nothing
that it would have to guess. What a linked pair or a lonely entry means belongs in `breaks`. Only
what lazy frames can do too is used, so that the same functions run on other engines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.classes import RANK, ranked
from order_ops.reconciliation.frames import ENTRY, computed

THEIRS = "_provider"
"""Suffix of the provider's columns in a pair."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way to link: the rule it counts as, the key, and whether a repeat of it is a twin.

    The first column of the key is the reference, the only one that may be null.
    """

    rule: str
    key: tuple[str, ...]
    finds_twins: bool = False


EXACT = Step("exact_reference", ("provider_ref", "kind", "currency"), finds_twins=True)
CROSSED = Step("exact_reference", ("provider_ref", "kind"))
OWN = Step("own_reference", ("order_ref", "kind", "currency", "amount_minor"))


@dataclass(frozen=True, slots=True)
class Matching(Generic[FrameT]):
    """What the passes made of two sides.

    Attributes:
        pairs: `ENTRY` of ours, the same with `_provider` of theirs, and rule.
        aside: duplicates and ambiguous entries, of both sides: `ENTRY`, side, rank, key.
        internal_left, provider_left: `ENTRY`, no counterpart found.
    """

    pairs: FrameT
    aside: FrameT
    internal_left: FrameT
    provider_left: FrameT


def match(internal: FrameT, provider: FrameT, passes: Sequence[str]) -> Matching[FrameT]:
    """Run the passes over entries with the columns `ENTRY`.

    Within a pass our succeeded entries come first: a failed attempt that shares its reference with
    the one that succeeded must not make it ambiguous.
    """
    internal, provider = computed(internal), computed(provider)
    known = internal.filter(~nw.col("provider_ref").is_null()).select("provider_ref")
    settled = internal.filter(nw.col("status") == "succeeded")
    unsettled = internal.filter(nw.col("status") != "succeeded")
    barred = provider.filter(nw.col("entry_id").is_null())
    found: list[Matching[FrameT]] = []
    for step in (step for step in (EXACT, CROSSED, OWN) if step.rule in passes):
        if step is OWN:
            provider, barred = _without_known_reference(provider, known)
        first = _run(step, settled, provider)
        second = _run(step, unsettled, first.provider_left)
        settled, unsettled, provider = (
            first.internal_left,
            second.internal_left,
            second.provider_left,
        )
        found += [first, second]
    return Matching(
        pairs=nw.concat([part.pairs for part in found]),
        aside=nw.concat([part.aside for part in found]),
        internal_left=nw.concat([settled, unsettled]),
        provider_left=nw.concat([provider, barred]),
    )


def _run(step: Step, internal: FrameT, provider: FrameT) -> Matching[FrameT]:
    """Link what is alone, set aside what is crowded, and link what the twins then leave alone."""
    alone = _pair(step, internal, provider)
    crowds = computed(_crowds(step, alone.internal_left, alone.provider_left))
    ours, ours_aside = _set_aside(step, alone.internal_left, crowds, "internal")
    theirs, theirs_aside = _set_aside(step, alone.provider_left, crowds, "provider")
    again = _pair(step, ours, theirs) if step.finds_twins else None
    return Matching(
        pairs=alone.pairs if again is None else nw.concat([alone.pairs, again.pairs]),
        aside=nw.concat([ours_aside, theirs_aside]),
        internal_left=ours if again is None else again.internal_left,
        provider_left=theirs if again is None else again.provider_left,
    )


@dataclass(frozen=True, slots=True)
class _Paired(Generic[FrameT]):
    pairs: FrameT
    internal_left: FrameT
    provider_left: FrameT


def _pair(step: Step, internal: FrameT, provider: FrameT) -> _Paired[FrameT]:
    """Link the entries that are alone under the key on both sides, in one full join."""
    ours, theirs = computed(_marked(internal, step)), computed(_marked(provider, step))
    both = ours.filter(nw.col("alone")).join(
        theirs.filter(nw.col("alone")), on=list(step.key), how="full", suffix=THEIRS
    )
    both = computed(both)
    no_ours, no_theirs = nw.col("entry_id").is_null(), nw.col("entry_id" + THEIRS).is_null()
    columns = [*ENTRY, *(name + THEIRS for name in ENTRY)]
    return _Paired(
        pairs=both.filter(~no_ours, ~no_theirs)
        .select(columns)
        .with_columns(rule=nw.lit(step.rule)),
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
    """Return the keys that both sides know and that are not one to one, with what they are.

    One entry on one side, and several of exactly its amount on the other: one event told more than
    once. Anything else has several candidates, and stays ambiguous.
    """
    both = _facts(step, internal).join(
        _facts(step, provider), on=list(step.key), how="inner", suffix=THEIRS
    )
    if not step.finds_twins:
        return both.select(*step.key, rank=ranked("ambiguous"))
    same = (
        (nw.col("low") == nw.col("high"))
        & (nw.col("low" + THEIRS) == nw.col("high" + THEIRS))
        & (nw.col("low") == nw.col("low" + THEIRS))
    )
    rank = (
        nw.when(same & (nw.col("entries") == 1))
        .then(ranked("duplicate_provider"))
        .when(same & (nw.col("entries" + THEIRS) == 1))
        .then(ranked("duplicate_internal"))
        .otherwise(ranked("ambiguous"))
    )
    return both.select(*step.key, rank=rank)


def _facts(step: Step, frame: FrameT) -> FrameT:
    return (
        frame.filter(~nw.col(step.key[0]).is_null())
        .with_columns(amount=nw.col("amount_minor"))
        .group_by(*step.key)
        .agg(entries=nw.len(), low=nw.col("amount").min(), high=nw.col("amount").max())
    )


def _set_aside(step: Step, frame: FrameT, crowds: FrameT, side: str) -> tuple[FrameT, FrameT]:
    """Split into what can still be linked, and what is ambiguous or a twin of an earlier entry."""
    marked = frame.join(crowds, on=list(step.key), how="left")
    free = marked.filter(nw.col("rank").is_null()).select(ENTRY)
    crowd = _with_head(marked.filter(~nw.col("rank").is_null()), step)
    aside = nw.col("rank") == RANK["ambiguous"]
    if step.finds_twins:
        later = nw.col("entry_id") != nw.col("head")
        aside = aside | ((nw.col("rank") == RANK[f"duplicate_{side}"]) & later)
    kept = crowd.filter(~aside).select(ENTRY)
    apart = crowd.filter(aside).select(*ENTRY, "rank", side=nw.lit(side), key=nw.col(step.key[0]))
    return computed(nw.concat([free, kept])), computed(apart)


def _with_head(crowd: FrameT, step: Step) -> FrameT:
    """Name, per key, the entry that counts as the original: the earliest, then the least id."""
    earliest = nw.col("occurred_at") == nw.col("earliest")
    return (
        crowd.with_columns(earliest=nw.col("occurred_at").min().over(*step.key))
        .with_columns(candidate=nw.when(earliest).then(nw.col("entry_id")))
        .with_columns(head=nw.col("candidate").min().over(*step.key))
    )


def _without_known_reference(provider: FrameT, known: FrameT) -> tuple[FrameT, FrameT]:
    """Split off the lines whose reference we know: by it they are another payment of ours."""
    blank = provider.filter(nw.col("provider_ref").is_null())
    named = provider.filter(~nw.col("provider_ref").is_null())
    unknown = named.join(known, on="provider_ref", how="anti")
    return nw.concat([blank, unknown]), named.join(known, on="provider_ref", how="semi")
