"""The columns that reconciliation takes and returns, and the check that a frame has them.

Names, types and their meaning only; what is computed from them belongs in the other modules.
Amounts are minor units of the row's currency, times UTC, days accounting days of the account.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
from narwhals.typing import FrameT, IntoFrame

from order_ops.reconciliation.engines import materialized

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
    "method": nw.String(),
    "ceiling_minor": nw.Int64(),
    "occurred_at": _UTC,
    "day": nw.Date(),
}
"""What we recorded, one row per payment, refund or dispute.

kind: charge, refund or dispute. provider_ref, order_ref, order_state, method: nullable.
amount_minor: positive for a charge, negative for a refund. status: succeeded, pending or failed;
only succeeded ones count in the internal total, the others can still turn out to be paid.
ceiling_minor: what may be moved at most, of a charge what was authorised, of a refund what was
captured and is not refunded otherwise; null where we do not know.
"""

PROVIDER: Mapping[str, Any] = {
    name: INTERNAL[name] for name in INTERNAL if name not in {"order_state", "ceiling_minor"}
} | {
    "settled_minor": nw.Int64(),
    "fee_minor": nw.Int64(),
    "net_minor": nw.Int64(),
    "settlement_currency": nw.String(),
    "payout_id": nw.String(),
    "available_on": nw.Date(),
}
"""The provider's lines: columns, kinds and statuses as in its files.

amount_minor is in `currency`, which the customer paid; settled_minor, fee_minor and net_minor are
in settlement_currency, that of the account's balance. available_on: when the money of the line can
be paid out, of a payout when it arrives; null where files do not say.
"""

BANK: Mapping[str, Any] = {
    "entry_id": nw.String(),
    "amount_minor": nw.Int64(),
    "currency": nw.String(),
    "reference": nw.String(),
    "remittance": nw.String(),
    "known": nw.Boolean(),
    "day": nw.Date(),
}
"""Lines of the bank: day is the bank's booking day, amount_minor negative when money left us.

known: whether the counterparty is the provider. reference, remittance: nullable texts.
"""

KINDS = (
    "charge", "reversal", "refund", "dispute", "fee", "conversion", "payout", "other",
    "unclassified",
)  # fmt: skip
"""What an entry may be; of ours, charge, refund and dispute alone."""

STATUSES = ("succeeded", "pending", "failed", "voided")

ORDER_MONEY = ("charge", "reversal", "refund", "dispute", "unclassified")
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
    "method",
    "ceiling_minor",
    "settled_minor",
    "fee_minor",
    "settlement_currency",
    "reversals",
    "entries",
)
"""Columns of both sides while they are matched; those of the other side alone are null or 0.

effective_minor: what counts in a total, 0 while the entry has not succeeded. A reversal is of kind
charge here, and counted in `reversals`, as is a refund that comes back. entries: how many were put
together in this row.
"""

_NEVER_NULL = ("entry_id", "kind", "amount_minor", "currency", "status", "occurred_at", "day")
_NEVER_NULL_THERE = (*_NEVER_NULL, "settled_minor", "fee_minor", "net_minor", "settlement_currency")
_ONE, _NONE = nw.lit(1, nw.Int64), nw.lit(0, nw.Int64)
_NO_TEXT = nw.lit(None, dtype=nw.String)


class FrameError(ValueError):
    """A frame that breaks the contract above; names the side, the column and what is wrong."""


def internal_entries(native: IntoFrame) -> Frame:
    """Return our entries, checked, as a narwhals frame with the columns `ENTRY`."""
    return (
        _checked(native, INTERNAL, _NEVER_NULL, "internal")
        .with_columns(
            effective_minor=_effective(),
            settled_minor=_NONE,
            fee_minor=_NONE,
            settlement_currency=_NO_TEXT,
            reversals=_NONE,
            entries=_ONE,
        )
        .select(ENTRY)
    )


def provider_entries(native: IntoFrame) -> Frame:
    """Return the provider's order money lines, checked, with the columns `ENTRY`."""
    reversal = nw.col("kind") == "reversal"
    # a refund that comes back takes the refund back, as a reversal does a charge
    returned = (nw.col("kind") == "refund") & (nw.col("amount_minor") > 0)
    return (
        provider_lines(native)
        .filter(nw.col("kind").is_in(ORDER_MONEY))
        .with_columns(
            kind=nw.when(reversal).then(nw.lit("charge")).otherwise(nw.col("kind")),
            effective_minor=_effective(),
            order_state=_NO_TEXT,
            ceiling_minor=_NONE,
            reversals=nw.when(reversal | returned).then(_ONE).otherwise(_NONE),
            entries=_ONE,
        )
        .select(ENTRY)
    )


def _effective() -> nw.Expr:
    succeeded = nw.col("status") == "succeeded"
    return nw.when(succeeded).then(nw.col("amount_minor")).otherwise(_NONE)


def provider_lines(native: IntoFrame) -> Frame:
    """Return the provider's lines of every kind, checked, with all their columns."""
    return _checked(native, PROVIDER, _NEVER_NULL_THERE, "provider")


def bank_lines(native: IntoFrame) -> Frame:
    """Return the lines of the bank, checked."""
    never_null = [name for name in BANK if name not in {"reference", "remittance"}]
    return _of_contract(native, BANK, never_null, "bank").select(list(BANK))


def refuse_duplicate_ids(frame: FrameT, side: str) -> None:
    """Raise a `FrameError` when an entry id stands twice on one side."""
    counts = eager(frame.select(rows=nw.len(), ids=nw.col("entry_id").n_unique()))
    # of nothing, some engines count nothing and others null
    if counts.item(0, "rows") == (counts.item(0, "ids") or 0):
        return
    again = frame.group_by("entry_id").agg(rows=nw.len()).filter(nw.col("rows") > 1)
    first = eager(again.select(nw.col("entry_id").min())).item(0, "entry_id")
    raise FrameError(f"{side} entries: entry_id {first!r} is given more than once")


def eager(frame: Frame | nw.LazyFrame[Any]) -> Frame:
    """Return the frame computed, as a Polars frame whatever engine has made it."""
    if isinstance(frame, nw.LazyFrame):
        return frame.collect("polars")
    if frame.implementation.is_polars():
        return frame
    return nw.from_native(frame.to_polars(), eager_only=True)


def computed(frame: FrameT) -> FrameT:
    """Return a lazy frame with its work done, still lazy and in the hands of its engine.

    Each step uses what the one before left several times over; a plan that is never computed in
    between doubles at each step, and takes minutes for a hundred rows.
    """
    return materialized(frame) if isinstance(frame, nw.LazyFrame) else frame


def _of_contract(
    native: IntoFrame, contract: Mapping[str, Any], never_null: Sequence[str], side: str
) -> Frame:
    """A frame with the columns of the contract, none of them empty that must not be."""
    frame: Frame = nw.from_native(native)
    schema = frame.collect_schema()
    for name, dtype in contract.items():
        if name not in schema:
            raise FrameError(f"{side} entries: column {name} ({dtype}) is missing")
        if schema[name] != dtype:
            raise FrameError(f"{side} entries: column {name} is {schema[name]}, not {dtype}")
    nulls = eager(frame.select(nw.col(list(never_null)).null_count()))
    for name in never_null:
        if nulls.item(0, name):
            raise FrameError(f"{side} entries: column {name} has empty cells")
    # Arrow has two types of text, and refuses to stack the one of a file on the one of a literal.
    texts = [name for name, dtype in contract.items() if dtype == nw.String()]
    return frame.with_columns(nw.col(texts).cast(nw.String()))


def _checked(
    native: IntoFrame, contract: Mapping[str, Any], never_null: Sequence[str], side: str
) -> Frame:
    frame = _of_contract(native, contract, never_null, side)
    for name, known in (("kind", KINDS), ("status", STATUSES)):
        odd = sorted(eager(frame.filter(~nw.col(name).is_in(known)).select(name))[name].unique())
        if odd:
            told = f"{side} entries: column {name} holds {odd[0]!r}, not one of {', '.join(known)}"
            raise FrameError(told)
    # A blank reference must not link everything that has none.
    return frame.with_columns(
        nw.when(nw.col(name) != "").then(nw.col(name)).alias(name)
        for name in ("provider_ref", "order_ref")
    )
