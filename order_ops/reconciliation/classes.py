"""The classes of breaks: their order of precedence, and the rank that stands for it in frames.

Which entry is of which class is decided in `matching` and `breaks`; what a class is called in a
sentence belongs in `words`.
"""

import narwhals as nw

CLASSES = (
    "incomplete_input",
    "unclassified",
    "duplicate_provider",
    "duplicate_internal",
    "ambiguous",
    "currency_mismatch",
    "captured_after_cancel",
    "paid_not_recorded",
    "recorded_not_paid",
    "missing_provider",
    "missing_internal",
    "amount_short",
    "amount_over",
    "partial_capture",
    "fee_variance",
    "fx_variance",
    "refund_missing_internal",
    "refund_missing_provider",
    "refund_over",
    "dispute_unrecorded",
    "settlement_overdue",
    "payout_sum_mismatch",
    "payout_not_in_bank",
    "bank_unexplained",
    "status_stuck",
)
"""All classes, the first that fits wins."""

RANK = {name: rank for rank, name in enumerate(CLASSES)}
"""Place of a class in the order of precedence; the least rank under a key decides its class."""

CLEAN = -1
"""Stands for no class: a pair that agrees."""

PENDING = 100
"""Added to the rank of what is still inside its grace, so that any break outranks it."""


def ranked(name: str) -> nw.Expr:
    """Return the rank of a class as an expression."""
    return nw.lit(RANK[name], nw.Int64)
