"""What is made of a crowd: entries that share a key with the other side and are not one to one.

A crowd is one event told again, one event in parts, or several events that amounts may tell apart;
else it is ambiguous. Linking what that leaves is in `linking`. Only what lazy frames can do too is
used, so that the same functions run on other engines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.classes import RANK, ranked
from order_ops.reconciliation.frames import ENTRY, computed

THEIRS = "_provider"
"""Suffix of the provider's columns in a pair."""

GROUPED = -1
"""Rank of a crowd that is one event in several entries, and no break."""

MANY = -2
"""Rank of a crowd whose entries their amounts may tell apart."""

STOPPED = ("CANCELLED", "EXPIRED")
"""States of an order that must not be paid."""

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
        doubts: a crowd that is neither is told apart by its amounts, or ambiguous; else it is left
            to the next step.
    """

    rule: str
    key: tuple[str, ...]
    twins: bool = False
    groups: bool = False
    doubts: bool = True

    @property
    def rest(self) -> int:
        """The rank of a crowd that is one event neither told again nor in parts.

        Amounts tell apart what has one currency; equal figures in two currencies say nothing.
        """
        if not self.doubts:
            return _FREE
        amounts_may_tell = "currency" in self.key and "amount_minor" not in self.key
        return MANY if amounts_may_tell else RANK["ambiguous"]

    @property
    def by_order(self) -> bool:
        """Whether it links by the order's reference: two of the provider's then contradict it."""
        return self.key[0] == "order_ref"


@dataclass(frozen=True, slots=True)
class Sorted(Generic[FrameT]):
    """A side, sorted by what becomes of its entries.

    Attributes:
        left: what can be linked now, groups put together: `ENTRY`.
        many: what amounts may tell apart: `ENTRY`.
        aside: duplicates and ambiguous entries: `ENTRY`, rank, side, key.
        parts: entries that stand in `left` as part of another one: side, head, entry_id.
    """

    left: FrameT
    many: FrameT
    aside: FrameT
    parts: FrameT


def crowds_of(step: Step, internal: FrameT, provider: FrameT) -> FrameT:
    """Return the keys that both sides know and that are not one to one, with their rank."""
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
    if step.groups:
        adds_up = nw.col("total") == nw.col("total" + THEIRS)
        in_parts = (adds_up & (one_of_ours | one_of_theirs)) | taken_back
        if step.by_order:
            in_parts = in_parts & ((nw.col("named") == 0) | (nw.col("named" + THEIRS) == 0))
        found.append((in_parts, nw.lit(GROUPED, nw.Int64)))
    if step.by_order:
        all_named = nw.col("named") == nw.col("entries")
        all_of_theirs = nw.col("named" + THEIRS) == nw.col("entries" + THEIRS)
        found.append((all_named & all_of_theirs, nw.lit(_FREE, nw.Int64)))
    rank: nw.Expr = nw.lit(step.rest, nw.Int64)
    for fits, made in reversed(found):
        rank = nw.when(fits).then(made).otherwise(rank)
    return both.select(*step.key, rank=rank).filter(nw.col("rank") != _FREE)


def _facts(step: Step, frame: FrameT) -> FrameT:
    return (
        frame.filter(~nw.col(step.key[0]).is_null())
        .with_columns(
            amount=nw.col("amount_minor"),
            reference=nw.when(nw.col("provider_ref").is_null()).then(0).otherwise(1),
        )
        .group_by(*step.key)
        .agg(
            entries=nw.len(),
            low=nw.col("amount").min(),
            high=nw.col("amount").max(),
            total=nw.col("amount").sum(),
            taken=nw.col("reversals").sum(),
            named=nw.col("reference").sum(),
        )
    )


def sorted_out(step: Step, frame: FrameT, crowds: FrameT, side: Side) -> Sorted[FrameT]:
    """Sort a side by what its crowds are; of twins the first one stays to be linked."""
    marked = frame.join(crowds, on=list(step.key), how="left")
    free = marked.filter(nw.col("rank").is_null()).select(ENTRY)
    crowd = computed(_with_head(marked.filter(~nw.col("rank").is_null()), step.key))
    later = nw.col("entry_id") != nw.col("head")
    twin = (nw.col("rank") == RANK[f"duplicate_{side}"]) & later
    doubtful = nw.col("rank") == RANK["ambiguous"]
    grouped, many = nw.col("rank") == GROUPED, nw.col("rank") == MANY
    members = crowd.filter(grouped)
    kept = crowd.filter(~(twin | doubtful | grouped | many))
    return Sorted(
        left=computed(nw.concat([free, kept.select(ENTRY), put_together(members)])),
        many=computed(crowd.filter(many).select(ENTRY)),
        aside=computed(put_aside(crowd.filter(twin | doubtful), step, side, nw.col("rank"))),
        parts=computed(members.filter(later).select("head", "entry_id", side=nw.lit(side))),
    )


def put_aside(frame: FrameT, step: Step, side: Side, rank: nw.Expr) -> FrameT:
    """Return entries as `Sorted.aside` has them."""
    return frame.select(*ENTRY, rank=rank, side=nw.lit(side), key=nw.col(step.key[0]))


def put_together(members: FrameT) -> FrameT:
    """Return one row per `head`: what the head is, with the sums of its entries.

    The day is the latest member's, since no match is older than what it needs; the order is stopped
    when one of them is; what may be moved is what all of them may, known when it is of each.
    """
    stopped = nw.when(nw.col("order_state").is_in(STOPPED)).then(nw.col("order_state"))
    marked = members.with_columns(
        stopped=stopped, unknown=nw.when(nw.col("ceiling_minor").is_null()).then(1).otherwise(0)
    )
    sums = marked.group_by("head").agg(
        *(nw.col(name).sum() for name in (*_SUMMED, "ceiling_minor", "unknown")),
        nw.col("stopped").min(),
        nw.col("day").max(),
    )
    # a sum may come in a wider type
    sums = sums.with_columns(nw.col(*_SUMMED, "ceiling_minor").cast(nw.Int64)).with_columns(
        ceiling_minor=nw.when(nw.col("unknown") == 0).then(nw.col("ceiling_minor"))
    )
    heads = members.filter(nw.col("entry_id") == nw.col("head"))
    put = heads.drop(*_SUMMED, "ceiling_minor", "day").join(sums, on="head", how="inner")
    return put.with_columns(order_state=nw.coalesce("stopped", "order_state")).select(ENTRY)


@dataclass(frozen=True, slots=True)
class Attempts(Generic[FrameT]):
    """The first of several attempts at the same, and the others."""

    first: FrameT
    others: FrameT


def attempts(step: Step, frame: FrameT) -> Attempts[FrameT]:
    """Take one of the attempts that share a key and an amount.

    What has not succeeded is no event, so that several of it are neither twins nor doubtful.
    """
    key = tuple(dict.fromkeys((*step.key, "amount_minor")))
    known = ~nw.col(step.key[0]).is_null()
    headed = computed(_with_head(frame.filter(known), key))
    first = nw.col("entry_id") == nw.col("head")
    return Attempts(
        first=nw.concat([frame.filter(~known), headed.filter(first).select(ENTRY)]),
        others=headed.filter(~first).select(ENTRY),
    )


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
