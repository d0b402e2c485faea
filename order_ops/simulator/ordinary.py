"""What happens to orders when nothing is wrong, and what only looks as if something were.

Every story here ends without a break. The last ones tempt a matcher: references that differ by one
character, equal amounts on one day, two equal payments of one order.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import polars as pl

from order_ops.simulator import contract
from order_ops.simulator.contract import HOME
from order_ops.simulator.scene import NO_TEXT, Scene

AMOUNT, REF, ORDER = pl.col("amount"), pl.col("ref"), pl.col("order_ref")
LOW, HIGH = pl.col("low"), pl.col("high")
AT, LISTED = pl.col("at"), pl.col("at") + pl.duration(seconds="lag_s")
HOUR = pl.duration(hours=1)
LOOKALIKE = REF.str.slice(0, REF.str.len_chars() - 1) + "z"
"""The order's reference with another last character; no reference ends so by itself."""
FOREIGN = pl.when(pl.col("currency") == HOME).then(pl.lit("USD")).otherwise(pl.col("currency"))


def paid(scene: Scene) -> None:
    """Recorded and listed under one reference."""
    scene.we(0, match=0)
    scene.they(0, match=0)


def unnamed_there(scene: Scene) -> None:
    """The line has no reference of the provider's, and our order tells it."""
    scene.we(0, match=0)
    scene.they(0, match=0, provider_ref=NO_TEXT)


def unnamed_here(scene: Scene) -> None:
    """We did not keep the provider's reference."""
    scene.we(0, match=0, provider_ref=NO_TEXT)
    scene.they(0, match=0)


def split_capture(scene: Scene) -> None:
    """One payment, captured in three parts; the fee stands on the first."""
    first, second = 1 + LOW % (AMOUNT // 3), 1 + HIGH % (AMOUNT // 3)
    method, boleto = pl.col("method"), scene.dialect.boleto
    fee = contract.fee(AMOUNT, pl.col("currency"), method, boleto)
    together = "charge" in scene.dialect.shared
    scene.we(0, match=0, provider_ref=REF if together else NO_TEXT)
    for tag, part in enumerate((first, second, AMOUNT - first - second)):
        scene.they(
            tag,
            match=0,
            provider_ref=REF if together else scene.reference("charge", tag),
            amount_minor=part,
            fee_minor=fee if tag == 0 else pl.lit(0, dtype=pl.Int64),
            occurred_at=LISTED + HOUR * tag,
        )


def joint(scene: Scene) -> None:
    """Two payments of ours that the provider lists as one."""
    first = 1 + LOW % (AMOUNT // 3)
    scene.we(0, match=0, amount_minor=first)
    scene.we(1, match=0, amount_minor=AMOUNT - first)
    scene.they(0, match=0)


def released(scene: Scene) -> None:
    """More was charged than captured, and the rest given back at once."""
    rest = 1 + LOW % (AMOUNT // 2)
    method, boleto = pl.col("method"), scene.dialect.boleto
    scene.we(0, match=0, amount_minor=AMOUNT - rest, ceiling_minor=AMOUNT)
    fee = contract.fee(AMOUNT - rest, pl.col("currency"), method, boleto)
    scene.they(0, match=0, fee_minor=fee)
    scene.they(
        1, "release", match=0, provider_ref=REF, amount_minor=-rest, occurred_at=LISTED + HOUR
    )


def failed_after_all(scene: Scene) -> None:
    """Charged and taken back, and we know that it failed."""
    scene.we(0, match=0, status="failed", order_state="CANCELLED")
    taken_back(scene, match=0)


def taken_back(scene: Scene, **whose: Any) -> None:
    """The provider lists a charge and its reversal."""
    scene.they(0, **whose)
    scene.they(
        1, "reversal", **whose, provider_ref=REF, amount_minor=-AMOUNT, occurred_at=LISTED + HOUR
    )


def refund(scene: Scene, tag: int, minor: pl.Expr, ceiling: pl.Expr) -> None:
    """A refund that both sides know; match `tag`."""
    we_refund(scene, tag, minor, match=tag, ceiling_minor=ceiling)
    they_refund(scene, tag, minor, match=tag)


def we_refund(scene: Scene, tag: int, minor: pl.Expr, **told: Any) -> None:
    """We recorded a refund."""
    columns = {"provider_ref": scene.reference("refund", tag), "ceiling_minor": minor} | told
    scene.we(tag, kind="refund", amount_minor=-minor, occurred_at=AT + HOUR * 2 * tag, **columns)


def they_refund(scene: Scene, tag: int, minor: pl.Expr, **told: Any) -> None:
    """The provider lists a refund."""
    scene.they(tag, "refund", amount_minor=-minor, occurred_at=LISTED + HOUR * 2 * tag, **told)


def refunded(scene: Scene) -> None:
    """Paid, and given back."""
    scene.we(0, match=0, order_state="REFUNDED")
    scene.they(0, match=0)
    refund(scene, 1, AMOUNT, AMOUNT)


def given_back(scene: Scene) -> None:
    """Paid after the order was cancelled, recorded, and given back."""
    scene.we(0, match=0, order_state="CANCELLED")
    scene.they(0, match=0)
    refund(scene, 1, AMOUNT, AMOUNT)


def partly_refunded(scene: Scene) -> None:
    """Paid, and given back in two parts, which may be equal."""
    first, second = 1 + LOW % (AMOUNT // 2), 1 + HIGH % (AMOUNT // 2)
    paid(scene)
    refund(scene, 1, first, AMOUNT)
    refund(scene, 2, second, AMOUNT - first)


def split_refund(scene: Scene) -> None:
    """One refund of ours that the provider lists as two lines."""
    first = 1 + LOW % (AMOUNT // 3)
    scene.we(0, match=0, order_state="REFUNDED")
    scene.they(0, match=0)
    we_refund(scene, 1, AMOUNT, match=1)
    reference = scene.reference("refund", 1)
    they_refund(scene, 1, first, match=1)
    they_refund(scene, 2, AMOUNT - first, match=1, provider_ref=reference)


def retried(scene: Scene) -> None:
    """A failed attempt beside the one that was paid, under one reference."""
    scene.we(0, status="failed", occurred_at=AT - HOUR)
    scene.we(1, match=0)
    if scene.dialect.statuses:
        fee = pl.lit(0, dtype=pl.Int64)
        scene.they(0, again=True, status="failed", occurred_at=LISTED - HOUR, fee_minor=fee)
    scene.they(1, match=0)


def disputed(scene: Scene) -> None:
    """Paid, and lost in a dispute that we booked."""
    paid(scene)
    scene.we(
        1, match=1, kind="dispute", provider_ref=scene.reference("dispute"), amount_minor=-AMOUNT
    )
    scene.they(1, "dispute", match=1, provider_ref=scene.reference("dispute"), amount_minor=-AMOUNT)


def dispute_won(scene: Scene) -> None:
    """Paid, disputed and won: the money came back, under the dispute's reference or its own."""
    disputed(scene)
    shared = "dispute" in scene.dialect.shared
    reference = scene.reference("dispute") if shared else scene.reference("dispute", 2)
    scene.we(2, match=2, kind="dispute", provider_ref=reference, occurred_at=AT + HOUR * 9)
    they_won(scene, match=2)


def they_won(scene: Scene, **whose: Any) -> None:
    """The provider lists that a dispute was won."""
    shared = "dispute" in scene.dialect.shared
    reference = scene.reference("dispute") if shared else scene.reference("dispute", 2)
    scene.they(2, "dispute_won", **whose, provider_ref=reference, occurred_at=LISTED + HOUR * 9)


def exchanged(scene: Scene) -> None:
    """Recorded in the customer's currency, settled in ours."""
    scene.we(0, match=0, currency=FOREIGN)
    they_exchange(scene, 97 + LOW % 7, match=0)


def exchanged_here(scene: Scene) -> None:
    """Recorded in our currency, paid by the customer in another one."""
    percent = 97 + LOW % 7
    settled = contract.into_home(AMOUNT, FOREIGN, percent)
    scene.we(0, match=0, currency=HOME, amount_minor=settled)
    they_exchange(scene, percent, match=0)


def exchanged_unnamed(scene: Scene) -> None:
    """The same, and we did not keep the provider's reference."""
    percent = 97 + LOW % 7
    settled = contract.into_home(AMOUNT, FOREIGN, percent)
    scene.we(0, match=0, provider_ref=NO_TEXT, currency=HOME, amount_minor=settled)
    they_exchange(scene, percent, match=0)


def they_exchange(scene: Scene, percent: pl.Expr, **whose: Any) -> None:
    """The provider exchanged a payment at so many percent of the usual rate."""
    scene.they(
        0,
        **whose,
        currency=FOREIGN,
        settled_minor=contract.into_home(AMOUNT, FOREIGN, percent),
        settlement_currency=HOME,
    )


def processing(scene: Scene) -> None:
    """Begun on the closing day, and not final yet."""
    scene.we(0, status="pending", order_state="RESERVED", occurred_at=today(scene))
    if scene.dialect.statuses:
        listed = today(scene) + pl.duration(seconds="lag_s")
        scene.they(0, status="pending", occurred_at=listed, fee_minor=pl.lit(0, dtype=pl.Int64))


def today(scene: Scene) -> pl.Expr:
    """A moment of the closing day, early enough for what follows it."""
    start = datetime.combine(scene.closing, time(0), UTC)
    seconds = pl.duration(seconds=pl.col("second") % int(timedelta(hours=16).total_seconds()))
    return pl.lit(start).cast(pl.Datetime("us", "UTC")) + seconds


def unpaid(scene: Scene) -> None:
    """Never paid; the provider has nothing to list."""
    scene.we(0, status="failed", order_state="EXPIRED")


def in_transit_there(scene: Scene) -> None:
    """Paid on the closing day, and not listed yet: pending."""
    scene.we(0, label=0, occurred_at=today(scene))
    scene.broken("missing_provider", REF, status="pending")


def in_transit_here(scene: Scene) -> None:
    """Listed on the closing day, and not recorded yet: pending."""
    scene.they(0, label=0, occurred_at=today(scene))
    scene.broken("missing_internal", REF, status="pending")


def lookalikes(scene: Scene) -> None:
    """Two orders at the same moment, of one amount, their references one character apart."""
    paid(scene)
    other: dict[str, Any] = {"provider_ref": LOOKALIKE, "order_ref": ORDER + "-2"}
    scene.we(1, match=1, **other)
    scene.they(1, match=1, **other)


def paid_by_two_cards(scene: Scene) -> None:
    """One order, two payments of one amount under references of their own."""
    paid(scene)
    scene.we(1, match=1, provider_ref=LOOKALIKE)
    scene.they(1, match=1, provider_ref=LOOKALIKE)


def two_unnamed(scene: Scene) -> None:
    """One order, two payments of different amounts, which alone tell them apart."""
    more = AMOUNT + 1 + LOW % 500
    unnamed_there(scene)
    scene.we(1, match=1, provider_ref=LOOKALIKE, amount_minor=more)
    scene.they(1, match=1, provider_ref=NO_TEXT, amount_minor=more)


def retried_twice(scene: Scene) -> None:
    """Two failed attempts beside the one that was paid, on both sides, under one reference."""
    nothing = pl.lit(0, dtype=pl.Int64)
    for tag in (1, 2):
        before = HOUR * (3 - tag)
        scene.we(tag, status="failed", occurred_at=AT - before)
        scene.they(tag, status="failed", occurred_at=LISTED - before, fee_minor=nothing)
    paid(scene)


def refund_failed(scene: Scene) -> None:
    """A refund that came back, and we know that it failed."""
    reference = scene.reference("refund", 1)
    paid(scene)
    we_refund(scene, 1, AMOUNT, match=1, status="failed")
    they_refund(scene, 1, AMOUNT, match=1)
    scene.they(2, "refund_failed", match=1, provider_ref=reference, occurred_at=LISTED + HOUR * 9)
