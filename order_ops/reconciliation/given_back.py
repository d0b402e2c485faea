"""Orders that had ended, were paid, and whose money went back: both sides say so, nothing is due.

Whether an order had ended, and what else a pair says, is judged in `judging`.
"""

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.crowds import STOPPED, THEIRS
from order_ops.reconciliation.frames import Frame, computed
from order_ops.reconciliation.linking import is_empty

_REFUND = ("order_ref", "amount_minor", "ceiling_minor")


def with_given_back(pairs: FrameT, internal: FrameT, agreed: Frame | None) -> FrameT:
    """Add to each pair `given_back`: of an order that had ended, refunded in full on both sides.

    It is where the refunds of the day come to what was captured, or, of a single payment, one of
    them takes what was left to refund.

    Args:
        pairs: what was linked, columns as in `linking.Linked`.
        internal: every entry of ours, columns `ENTRY`.
        agreed: pairs that were taken before, `judging.AGREED`; None: there are none.
    """
    captured = computed(_captured(pairs))
    if is_empty(captured):
        return pairs.with_columns(given_back=nw.lit(value=False))
    same = nw.col("amount_minor") == nw.col("amount_minor" + THEIRS)
    paid = (nw.col("status") == "succeeded") & (nw.col("status" + THEIRS) == "succeeded")
    refunds = [pairs.filter(nw.col("kind") == "refund", same, paid).select(_REFUND)]
    if agreed is not None:
        taken = agreed.filter(nw.col("kind") == "refund")["entry_id"].to_list()
        of_these = internal.filter(nw.col("kind") == "refund").join(
            captured, on="order_ref", how="semi"
        )
        refunds.append(of_these.filter(nw.col("entry_id").is_in(taken)).select(_REFUND))
    back = -nw.col("amount_minor")
    last = (back >= nw.col("ceiling_minor")).fill_null(value=False)
    of_order = (
        nw.concat(refunds)
        .with_columns(back=back, last=nw.when(last).then(1).otherwise(0))
        .group_by("order_ref")
        .agg(nw.col("back").sum(), nw.col("last").max())
    )
    whole = (nw.col("back") >= nw.col("captured")) | (
        (nw.col("last") == 1) & (nw.col("payments") == 1)
    )
    done = captured.join(of_order, on="order_ref", how="inner").filter(whole)
    marked = done.select("order_ref", marked=nw.col("order_ref"))
    return computed(
        pairs.join(computed(marked), on="order_ref", how="left")
        .with_columns(given_back=~nw.col("marked").is_null())
        .drop("marked")
    )


def _captured(pairs: FrameT) -> FrameT:
    """By order that had ended: what the provider captured, in how many payments."""
    stopped = nw.col("order_state").is_in(STOPPED)
    found = pairs.filter(
        nw.col("kind") == "charge",
        stopped,
        ~nw.col("order_ref").is_null(),
        nw.col("status" + THEIRS) == "succeeded",
    )
    minor = nw.col("amount_minor" + THEIRS)
    return (
        found.with_columns(minor=minor)
        .group_by("order_ref")
        .agg(captured=nw.col("minor").sum(), payments=nw.len())
    )
