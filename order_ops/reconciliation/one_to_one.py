"""Most of a day: one entry of ours and one line of theirs that bear a reference nobody else bears.

The first pass links each such pair, whatever else there is, so those that agree are taken before
it, in slices: a pair is wide, and a day of ten million must not hold all of its pairs at once.
What does not agree in everything is left to the passes, and so is all that is not one to one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from order_ops.reconciliation.classes import CLEAN
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.crowds import THEIRS
from order_ops.reconciliation.decided import Forced
from order_ops.reconciliation.frames import Frame, eager
from order_ops.reconciliation.judging import agreed, judge_pairs

RULE = "exact_reference"
SLICE = 500_000
"""So many pairs are judged at once."""

_KEY = ["provider_ref", "kind"]


@dataclass(frozen=True, slots=True)
class Taken:
    """Pairs that agree, columns `judging.AGREED`, and what is left of both sides, `ENTRY`."""

    agreed: Frame
    internal_left: Frame
    provider_left: Frame


def take(
    internal: Frame, provider: Frame, closing: Closing, forced: Sequence[Forced] = ()
) -> Taken:
    """Take the pairs of one to one that agree; entries that a person has linked are not touched.

    Args:
        internal: of both sides, in memory, columns `ENTRY`.
        provider: the same of the provider.
        closing: the day; where its rules do not link by reference, nothing is taken.
        forced: links that people made, which go before.
    """
    ours = _alone(internal, {name for one in forced for name in one.internal})
    theirs = _alone(provider, {name for one in forced for name in one.provider})
    if RULE not in closing.rules.passes:
        ours = ours.head(0)
    rows = ours.join(theirs, on=[*_KEY, "currency"], how="inner", suffix=THEIRS)
    rows = rows.select("row", "row" + THEIRS).sort("row")
    found, taken = [], [rows.head(0)]
    for start in range(0, max(len(rows), 1), SLICE):
        part = rows[start : start + SLICE]
        judged = judge_pairs(_wide(internal, provider, part), closing)
        found.append(eager(agreed(judged)))
        taken.append(part.filter(judged["rank"] == CLEAN))
    every = nw.concat(taken)
    return Taken(
        agreed=nw.concat(found),
        internal_left=_without(internal, every["row"]),
        provider_left=_without(provider, every["row" + THEIRS]),
    )


def _alone(side: Frame, linked: Collection[str]) -> Frame:
    """Row numbers and keys of what has succeeded and shares its reference with no other entry."""
    known = side.with_row_index("row").filter(~nw.col("provider_ref").is_null())
    return (
        known.with_columns(shared=nw.len().over(*_KEY))
        .filter(
            nw.col("shared") == 1,
            nw.col("status") == "succeeded",
            ~nw.col("entry_id").is_in(list(linked)),
        )
        .select("row", *_KEY, "currency")
    )


def _wide(internal: Frame, provider: Frame, rows: Frame) -> Frame:
    theirs = provider[rows["row" + THEIRS]]
    named = theirs.rename({name: name + THEIRS for name in theirs.columns})
    pairs = nw.concat([internal[rows["row"]], named], how="horizontal")
    # of a payment that was given back, the passes judge
    return pairs.with_columns(rule=nw.lit(RULE), given_back=nw.lit(value=False))


def _without(side: Frame, rows: nw.Series[Any]) -> Frame:
    gone = rows.alias("row").to_frame()
    return side.with_row_index("row").join(gone, on="row", how="anti").drop("row")
