"""The columns that reconciliation takes and returns, and the check that a frame has them.

Names, types and their meaning only; what is computed from them belongs in the other modules.
Amounts are minor units of the row's currency, times UTC, days accounting days of the account.
"""

from collections.abc import Mapping
from typing import Any

import narwhals as nw
from narwhals.typing import FrameT, IntoFrame

Frame = nw.DataFrame[Any]
"""A narwhals frame; a lazy one does as well wherever the result is not looked into."""

_UTC = nw.Datetime("us", "UTC")

INTERNAL: Mapping[str, Any] = {
    "entry_id": nw.String(),
    "kind": nw.String(),
    "provider_ref": nw.String(),
    "order_ref": nw.String(),
    "amount_minor": nw.Int64(),
    "currency": nw.String(),
    "status": nw.String(),
    "order_state": nw.String(),
    "occurred_at": _UTC,
    "day": nw.Date(),
}
"""What we recorded, one row per payment or refund.

kind: charge or refund. provider_ref, order_ref, order_state: nullable. amount_minor: positive for
a charge, negative for a refund. status: succeeded, pending or failed; only succeeded ones count in
the internal total, the others can still turn out to be paid.
"""

PROVIDER: Mapping[str, Any] = {
    name: INTERNAL[name] for name in INTERNAL if name not in {"status", "order_state"}
} | {"fee_minor": nw.Int64(), "net_minor": nw.Int64()}
"""The provider's lines; kind also dispute, payout, other, unclassified. Others are ignored."""

ORDER_MONEY = ("charge", "refund", "dispute", "unclassified")
"""Kinds of provider lines that make the provider's total; payouts and the rest are beside it."""

ENTRY = (
    "entry_id",
    "kind",
    "provider_ref",
    "order_ref",
    "amount_minor",
    "effective_minor",
    "currency",
    "occurred_at",
    "day",
    "status",
    "order_state",
)
"""Columns of both sides while they are matched; effective_minor is what counts in a total."""

_NEVER_NULL = ("entry_id", "kind", "amount_minor", "currency", "status", "occurred_at", "day")


class FrameError(ValueError):
    """A frame that breaks the contract above; names the side, the column and what is wrong."""


def internal_entries(native: IntoFrame) -> Frame:
    """Return our entries, checked, as a narwhals frame with the columns `ENTRY`."""
    frame = _checked(native, INTERNAL, "internal")
    effective = nw.when(nw.col("status") == "succeeded").then(nw.col("amount_minor"))
    return frame.with_columns(effective_minor=effective.otherwise(nw.lit(0, nw.Int64))).select(
        ENTRY
    )


def provider_entries(native: IntoFrame) -> Frame:
    """Return the provider's order money lines, checked, with the columns `ENTRY`."""
    frame = _checked(native, PROVIDER, "provider").filter(nw.col("kind").is_in(ORDER_MONEY))
    return frame.with_columns(
        effective_minor=nw.col("amount_minor"),
        status=nw.lit("succeeded"),
        order_state=nw.lit(None, dtype=nw.String),
    ).select(ENTRY)


def refuse_duplicate_ids(frame: FrameT, side: str) -> None:
    """Raise a `FrameError` when an entry id stands twice on one side."""
    counts = eager(frame.select(rows=nw.len(), ids=nw.col("entry_id").n_unique()))
    if counts.item(0, "rows") == counts.item(0, "ids"):
        return
    again = frame.group_by("entry_id").agg(rows=nw.len()).filter(nw.col("rows") > 1)
    first = eager(again.select(nw.col("entry_id").min())).item(0, "entry_id")
    raise FrameError(f"{side} entries: entry_id {first!r} is given more than once")


def eager(frame: Frame | nw.LazyFrame[Any]) -> Frame:
    """Return the frame computed, whether it was lazy or not."""
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def computed(frame: FrameT) -> FrameT:
    """Return a lazy frame with its work done, still lazy.

    Each step uses what the one before left several times over; a plan that is never computed in
    between doubles at each step, and takes minutes for a hundred rows.
    """
    return frame.collect().lazy() if isinstance(frame, nw.LazyFrame) else frame


def _checked(native: IntoFrame, contract: Mapping[str, Any], side: str) -> Frame:
    frame: Frame = nw.from_native(native)
    schema = frame.collect_schema()
    for name, dtype in contract.items():
        if name not in schema:
            raise FrameError(f"{side} entries: column {name} ({dtype}) is missing")
        if schema[name] != dtype:
            raise FrameError(f"{side} entries: column {name} is {schema[name]}, not {dtype}")
    filled = [name for name in _NEVER_NULL if name in contract]
    nulls = eager(frame.select(nw.col(filled).null_count()))
    for name in filled:
        if nulls.item(0, name):
            raise FrameError(f"{side} entries: column {name} has empty cells")
    # Arrow has two types of text, and refuses to stack the one of a file on the one of a literal.
    texts = [name for name, dtype in contract.items() if dtype == nw.String()]
    # A blank reference must not link everything that has none.
    return frame.with_columns(nw.col(texts).cast(nw.String())).with_columns(
        nw.when(nw.col(name) != "").then(nw.col(name)).alias(name)
        for name in ("provider_ref", "order_ref")
    )
