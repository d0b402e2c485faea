"""What is wrong with amounts, fees, rates, refunds, disputes; how labels decide is in `faults`."""

import polars as pl

from order_ops.simulator import contract
from order_ops.simulator.ordinary import (
    AMOUNT,
    AT,
    FOREIGN,
    HIGH,
    LISTED,
    LOW,
    ORDER,
    REF,
    paid,
    refund,
    they_exchange,
    they_refund,
    they_won,
    we_refund,
)
from order_ops.simulator.scene import NO_TEXT, Scene


def amount_short(scene: Scene) -> None:
    """The provider has less."""
    scene.we(0, label=0)
    scene.they(0, label=0, amount_minor=AMOUNT - 1 - LOW % (AMOUNT // 2))
    scene.broken("amount_short", REF)


def amount_short_unnamed(scene: Scene) -> None:
    """The provider has less, on a line that the order alone tells."""
    scene.we(0, label=0, provider_ref=NO_TEXT)
    scene.they(0, label=0, amount_minor=AMOUNT - 1 - LOW % (AMOUNT // 2))
    scene.broken("amount_short", ORDER)


def refund_short(scene: Scene) -> None:
    """The provider gave back less than we recorded."""
    less = 1 + LOW % (AMOUNT // 2)
    paid(scene)
    we_refund(scene, 1, AMOUNT, label=0)
    they_refund(scene, 1, AMOUNT - less, label=0)
    scene.broken("amount_short", scene.reference("refund", 1))


def amount_over(scene: Scene) -> None:
    """The provider has more."""
    scene.we(0, label=0)
    scene.they(0, label=0, amount_minor=AMOUNT + 1 + LOW % 500)
    scene.broken("amount_over", REF)


def partial_capture(scene: Scene) -> None:
    """More was authorised than captured, and the rest is still held."""
    scene.we(0, label=0, ceiling_minor=AMOUNT + 1 + LOW % 5_000)
    scene.they(0, label=0)
    scene.broken("partial_capture", REF)


def fee_variance(scene: Scene) -> None:
    """Another fee than contracted."""
    method, boleto = pl.col("method"), scene.dialect.boleto
    fee = contract.fee(AMOUNT, pl.col("currency"), method, boleto)
    apart = pl.when(HIGH % 4 == 0).then(-(2 + LOW % 8)).otherwise(2 + LOW % 200)
    scene.we(0, label=0)
    scene.they(0, label=0, fee_minor=fee + apart)
    scene.broken("fee_variance", REF)


def fx_variance(scene: Scene) -> None:
    """Exchanged at a rate outside of its bounds, to either side."""
    percent = pl.when(HIGH % 2 == 0).then(70 + LOW % 16).otherwise(115 + LOW % 16)
    scene.we(0, label=0, currency=FOREIGN)
    they_exchange(scene, percent, label=0)
    scene.broken("fx_variance", REF, currency=FOREIGN)


def refund_missing_internal(scene: Scene) -> None:
    """A refund that we did not record."""
    paid(scene)
    they_refund(scene, 1, 1 + LOW % AMOUNT, label=0)
    scene.broken("refund_missing_internal", scene.reference("refund", 1))


def refund_missing_provider(scene: Scene) -> None:
    """A refund that the provider does not list."""
    paid(scene)
    we_refund(scene, 1, 1 + LOW % AMOUNT, label=0)
    scene.broken("refund_missing_provider", scene.reference("refund", 1))


def refund_over(scene: Scene) -> None:
    """More was given back than was left."""
    paid(scene)
    left = AMOUNT - 1 - LOW % (AMOUNT // 2)
    we_refund(scene, 1, AMOUNT, label=0, ceiling_minor=left)
    they_refund(scene, 1, AMOUNT, label=0)
    scene.broken("refund_over", scene.reference("refund", 1))


def duplicate_refund_provider(scene: Scene) -> None:
    """The provider lists a refund once more."""
    paid(scene)
    refund(scene, 1, AMOUNT, AMOUNT)
    reference = scene.reference("refund", 1)
    they_refund(scene, 2, AMOUNT, label=0, provider_ref=reference)
    scene.broken("duplicate_provider", reference)


def dispute_unrecorded(scene: Scene) -> None:
    """A dispute that we did not book."""
    paid(scene)
    reference = scene.reference("dispute")
    scene.they(1, "dispute", label=0, provider_ref=reference, amount_minor=-AMOUNT)
    scene.broken("dispute_unrecorded", reference)


def dispute_won_unrecorded(scene: Scene) -> None:
    """A dispute that we booked, and whose end in our favour we did not."""
    paid(scene)
    reference = scene.reference("dispute")
    scene.we(1, match=1, kind="dispute", provider_ref=reference, amount_minor=-AMOUNT)
    scene.they(1, "dispute", match=1, provider_ref=reference, amount_minor=-AMOUNT)
    they_won(scene, label=0)
    shared = "dispute" in scene.dialect.shared
    scene.broken("dispute_unrecorded", reference if shared else scene.reference("dispute", 2))


def dispute_and_end_unrecorded(scene: Scene) -> None:
    """A dispute and its end in our favour, of which we booked neither."""
    paid(scene)
    reference = scene.reference("dispute")
    scene.they(1, "dispute", label=0, provider_ref=reference, amount_minor=-AMOUNT)
    they_won(scene, label=0)
    scene.broken("dispute_unrecorded", reference)


def dispute_missing_provider(scene: Scene) -> None:
    """We booked a dispute that the provider does not list."""
    paid(scene)
    reference = scene.reference("dispute")
    scene.we(1, label=0, kind="dispute", provider_ref=reference, amount_minor=-AMOUNT)
    scene.broken("missing_provider", reference)


def settlement_overdue(scene: Scene) -> None:
    """Recorded and listed as one, and in no payout for weeks."""
    long_ago = pl.duration(days=14)
    scene.we(0, match=0, occurred_at=AT - long_ago)
    scene.they(0, match=0, label=0, occurred_at=LISTED - long_ago, payout_id=NO_TEXT)
    scene.broken("settlement_overdue", REF)
