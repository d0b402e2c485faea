"""What a linked pair says of the order, the status, the amount, the fee and the rate.

A pair that agrees is clean; else it is of the first class that fits. What lonely entries and crowds
mean belongs in `breaks`.
"""

from datetime import timedelta
from typing import Any

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.domain.money import minor_exponent
from order_ops.reconciliation.calendars import last_fitting
from order_ops.reconciliation.classes import CLEAN, PENDING, RANK, ranked
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.crowds import STOPPED, THEIRS
from order_ops.reconciliation.rules import Fee, Rate

AGREED = (
    "entry_id",
    "entry_id_provider",
    "rule",
    "kind",
    "currency",
    "effective_minor",
    "their_effective",
    "day",
)
"""What is kept of a pair that agrees; day is the later of both."""

_PPM = 1_000_000
_CLEAN = nw.lit(CLEAN, nw.Int64)


def judge_pairs(pairs: FrameT, closing: Closing) -> FrameT:
    """Add to each pair what it comes to.

    rank: CLEAN when it agrees. gap: provider's minus our amount, in our currency. exchanged: it is
    compared in the currency of the balance, since the provider exchanged what was paid into ours.
    `given_back` must be there, see `given_back`.
    """
    other = nw.col("currency") != nw.col("currency" + THEIRS)
    same_balance = nw.col("currency") == nw.col("settlement_currency" + THEIRS)
    exchanged = pairs.with_columns(exchanged=other & same_balance)
    theirs = nw.when(nw.col("exchanged")).then(nw.col("settled_minor" + THEIRS))
    compared = exchanged.with_columns(
        their_minor=theirs.otherwise(nw.col("amount_minor" + THEIRS)),
        their_effective=nw.when(nw.col("status" + THEIRS) == "succeeded")
        .then(theirs.otherwise(nw.col("effective_minor" + THEIRS)))
        .otherwise(nw.lit(0, nw.Int64)),
    )
    return compared.with_columns(gap=nw.col("their_minor") - nw.col("amount_minor")).with_columns(
        rank=_rank(closing)
    )


def agreed(judged: FrameT) -> FrameT:
    """Return the pairs that agree and moved money, with the columns `AGREED`."""
    moved = (nw.col("status") == "succeeded") | (nw.col("status" + THEIRS) == "succeeded")
    later = nw.col("day") >= nw.col("day" + THEIRS)
    day = nw.when(later).then(nw.col("day")).otherwise(nw.col("day" + THEIRS))
    return judged.filter(nw.col("rank") == CLEAN, moved).with_columns(day=day).select(AGREED)


def _rank(closing: Closing) -> nw.Expr:
    rules = closing.rules
    charge, refund = nw.col("kind") == "charge", nw.col("kind") == "refund"
    taken_back = nw.col("reversals" + THEIRS) > 0
    paid = nw.col("status") == "succeeded"
    listed = nw.col("status" + THEIRS) == "succeeded"
    captured = listed & ~(taken_back & (nw.col("their_effective") == 0))
    differs = (nw.col("currency") != nw.col("currency" + THEIRS)) & ~nw.col("exchanged")
    ended = nw.col("order_state").is_in(STOPPED).fill_null(value=False)
    stopped = charge & ended & ~nw.col("given_back")
    tolerated = [nw.lit(item.tolerance_minor, nw.Int64) for item in rules.amounts]
    tolerance = last_fitting(rules.amounts, tolerated, nw.lit(0, nw.Int64))
    # a refund of less is short as well, though its amount is above ours
    taken = nw.col("amount_minor") < 0
    short = (taken & (nw.col("gap") > 0)) | (~taken & (nw.col("gap") < 0))
    less, more = ranked("amount_short"), ranked("amount_over")
    above = (nw.col("amount_minor").abs() > nw.col("ceiling_minor")).fill_null(value=False)
    unreleased = (nw.col("ceiling_minor") > nw.col("their_minor")).fill_null(value=False)
    found: list[tuple[nw.Expr, nw.Expr]] = [
        (differs, ranked("currency_mismatch")),
        (stopped & captured, ranked("captured_after_cancel")),
        (~paid & captured, ranked("paid_not_recorded")),
        (paid & ~captured, _not_paid(closing)),
        (~paid & ~captured, _stuck(closing)),
        (nw.col("gap").abs() > tolerance, nw.when(short).then(less).otherwise(more)),
        (charge & unreleased & ~taken_back, ranked("partial_capture")),
        *_fees(rules.fees, charge),
        *_rates(rules.rates),
        (refund & above, ranked("refund_over")),
    ]
    rank: Any = _CLEAN
    for condition, value in reversed(found):
        rank = nw.when(condition).then(value).otherwise(rank)
    result: nw.Expr = rank
    return result


def _not_paid(closing: Closing) -> nw.Expr:
    """Ours is paid, theirs is not: not yet, while it is pending and within our grace."""
    pending = (nw.col("status" + THEIRS) == "pending") & closing.waits("internal")
    rank = RANK["recorded_not_paid"]
    return nw.when(pending).then(nw.lit(rank + PENDING, nw.Int64)).otherwise(nw.lit(rank, nw.Int64))


def _stuck(closing: Closing) -> nw.Expr:
    """Neither is paid: fine, unless neither is final for too long."""
    latest = closing.day - timedelta(days=closing.rules.stuck_days)
    both = (nw.col("status") == "pending") & (nw.col("status" + THEIRS) == "pending")
    return (
        nw.when(both & (nw.col("day") <= nw.lit(latest)))
        .then(ranked("status_stuck"))
        .otherwise(_CLEAN)
    )


def _fees(fees: tuple[Fee, ...], charge: nw.Expr) -> list[tuple[nw.Expr, nw.Expr]]:
    """Whether the actual fee is further from the contracted one than is tolerated."""
    if not fees:
        return []
    amount = nw.col("settled_minor" + THEIRS).abs()
    whole = amount // _PPM
    rest = amount - whole * _PPM
    actual = nw.col("fee_minor" + THEIRS)
    captures = nw.col("entries" + THEIRS) - nw.col("reversals" + THEIRS)
    rounded = nw.max_horizontal(captures - 1, nw.lit(0, nw.Int64))
    off = []
    for fee in fees:
        ppm = int(fee.percent * 10_000)
        by_percent = whole * ppm + (rest * ppm + _PPM // 2) // _PPM
        # of what was captured in parts, some providers take the fixed part once, others with each
        off.append(
            nw.all_horizontal(
                *(
                    (actual - by_percent - times * fee.fixed_minor).abs()
                    # each capture has rounded its own part
                    > nw.lit(fee.tolerance_minor, nw.Int64) + rounded
                    for times in (nw.lit(1, nw.Int64), captures)
                ),
                ignore_nulls=False,
            )
        )
    varies = last_fitting(
        fees, off, nw.lit(value=False), suffix=THEIRS, currency="settlement_currency"
    )
    return [(charge & varies, ranked("fee_variance"))]


def _rates(rates: tuple[Rate, ...]) -> list[tuple[nw.Expr, nw.Expr]]:
    """Whether the rate at which the provider exchanged is outside its bounds."""
    if not rates:
        return []
    outside: nw.Expr = nw.lit(value=False)
    settled = nw.col("settled_minor" + THEIRS).abs().cast(nw.Float64)
    paid = nw.col("amount_minor" + THEIRS).abs().cast(nw.Float64)
    for rate in rates:
        between = (nw.col("currency" + THEIRS) == rate.source) & (
            nw.col("settlement_currency" + THEIRS) == rate.target
        )
        if rate.since is not None:
            between = between & (nw.col("day" + THEIRS) >= nw.lit(rate.since))
        unit = 10.0 ** (minor_exponent(rate.source) - minor_exponent(rate.target))
        low, high = (paid * (float(bound) / unit) for bound in (rate.low, rate.high))
        # half a minor unit is what rounding of the settled amount may make
        wrong = (settled < low - 0.5) | (settled > high + 0.5)
        outside = nw.when(between).then(wrong).otherwise(outside)
    return [(outside, ranked("fx_variance"))]
