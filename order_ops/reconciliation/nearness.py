"""Entries that no reference links: alike in currency, kind, amount and day, or of one order.

Two entries are near when their amounts and days are as close as the rules say, and no reference of
theirs speaks against it. They are linked only where each is the other's single candidate, its
window has passed and the rules accept it; else they are proposed, or, with several candidates,
nothing is said: that something looks like something else is no news.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.crowds import THEIRS
from order_ops.reconciliation.frames import ENTRY, computed
from order_ops.reconciliation.linking import is_empty
from order_ops.reconciliation.rules import Near

RULE = "tolerance"
ONE_ORDER = "other_reference"
"""Rule of a proposal: of one order and amount, under two references of the provider."""
_MOST_ALIKE = 50
"""So many entries of one side that are alike are no hint of who belongs to whom."""

_ALIKE = ("currency", "kind", "bucket")


@dataclass(frozen=True, slots=True)
class Nearest(Generic[FrameT]):
    """Pairs of single candidates, and what is left; columns as in `linking.Paired`."""

    pairs: FrameT
    internal_left: FrameT
    provider_left: FrameT


def nearest(internal: FrameT, provider: FrameT, near: Near, closing: date) -> Nearest[FrameT]:
    """Pair the entries that are each other's single candidate.

    Where the rules accept them, those whose window is still open on the closing day are left: a
    better candidate may come.
    """
    candidates = computed(_candidates(internal, provider, near))
    single = (nw.len().over("entry_id") == 1) & (nw.len().over("entry_id" + THEIRS) == 1)
    single = single & ~nw.col("blind") & ~nw.col("blind" + THEIRS)
    if near.accept:
        latest = nw.lit(closing - timedelta(days=near.days))
        single = single & (nw.col("day") <= latest) & (nw.col("day" + THEIRS) <= latest)
    columns = [*ENTRY, *(name + THEIRS for name in ENTRY)]
    pairs = computed(
        candidates.with_columns(single=single)
        .filter(nw.col("single"))
        .select(columns)
        .with_columns(rule=nw.lit(RULE))
    )
    taken = pairs.select("entry_id", other=nw.col("entry_id" + THEIRS))
    return Nearest(
        pairs=pairs,
        internal_left=internal.join(taken, on="entry_id", how="anti"),
        provider_left=provider.join(taken, left_on="entry_id", right_on="other", how="anti"),
    )


def of_one_order(internal: FrameT, provider: FrameT) -> FrameT:
    """Pair what has the order, kind, currency and amount in common, alone on both sides.

    Of what the passes have left, such pairs differ in the provider's reference.
    """
    key = ["order_ref", "kind", "currency", "amount_minor"]
    ours, theirs = (
        computed(
            side.filter(~nw.col("order_ref").is_null(), ~nw.col("provider_ref").is_null())
            .with_columns(alike=nw.len().over(*key))
            .filter(nw.col("alike") == 1)
        )
        for side in (internal, provider)
    )
    both = computed(ours.join(theirs, on=key, how="inner", suffix=THEIRS))
    of_key = [nw.col(name).alias(name + THEIRS) for name in key]
    columns = [*ENTRY, *(name + THEIRS for name in ENTRY)]
    return computed(both.with_columns(*of_key).select(columns).with_columns(rule=nw.lit(ONE_ORDER)))


def _candidates(internal: FrameT, provider: FrameT, near: Near) -> FrameT:
    """Pairs within the tolerance. Amounts are compared with their own bucket and the next ones."""
    width = max(near.amount_minor, 1)
    shifts = (-1, 0, 1) if near.amount_minor else (0,)
    ours, theirs = _bucketed(internal, width), _bucketed(provider, width)
    crowds = computed(nw.concat([_crowded(ours), _crowded(theirs)]).unique())
    beside = nw.concat([crowds.with_columns(bucket=nw.col("bucket") + shift) for shift in shifts])
    beside = computed(beside.unique().with_columns(blind=nw.lit(value=True)))
    ours, theirs = (
        computed(
            side.join(crowds, on=list(_ALIKE), how="anti")
            .join(beside, on=list(_ALIKE), how="left")
            .with_columns(nw.col("blind").fill_null(value=False))
        )
        for side in (ours, theirs)
    )
    found = computed(
        nw.concat(
            [
                ours.with_columns(bucket=nw.col("bucket") + shift).join(
                    theirs, on=list(_ALIKE), how="inner", suffix=THEIRS
                )
                for shift in shifts
            ]
        )
    ).with_columns(
        nw.col("currency").alias("currency" + THEIRS), nw.col("kind").alias("kind" + THEIRS)
    )
    if is_empty(found):
        return found
    # moved days, since engines do not agree on what the difference of two is
    day, other = (nw.col(name).cast(nw.Datetime("us")) for name in ("day", "day" + THEIRS))
    reach = f"{near.days}d"
    return found.filter(
        *(_agrees(name) for name in ("order_ref", "provider_ref")),
        (nw.col("amount_minor") - nw.col("amount_minor" + THEIRS)).abs() <= near.amount_minor,
        day <= other.dt.offset_by(reach),
        other <= day.dt.offset_by(reach),
    )


def _agrees(reference: str) -> nw.Expr:
    """Whether both have the same reference, or one of them has none."""
    one, other = nw.col(reference), nw.col(reference + THEIRS)
    return (one == other).fill_null(value=True)


def _bucketed(frame: FrameT, width: int) -> FrameT:
    awaited = nw.col("kind").is_in(("charge", "refund", "dispute"))
    return frame.filter(awaited, nw.col("amount_minor") != 0).with_columns(
        bucket=nw.col("amount_minor") // width
    )


def _crowded(frame: FrameT) -> FrameT:
    """Buckets that hold so many entries that their likeness says nothing.

    They are not looked at, so who is next to one is not known to have a single candidate.
    """
    sizes = frame.group_by(*_ALIKE).agg(size=nw.len())
    return sizes.filter(nw.col("size") > _MOST_ALIKE).select(_ALIKE)
