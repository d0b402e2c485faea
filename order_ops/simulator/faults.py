"""What is wrong with an order: one fault each, and the label that it has to be found under.

An order has one fault at most, so that two labels never meet under one key. Where a fault could be
read in two ways, this is how the truth decides:

- No line at all for what we have as paid is `missing_provider`; `recorded_not_paid` needs a line
  that says failed, voided or taken back. (Adyen's settlement files cannot say it.)
- Another currency under our own reference is `currency_mismatch` as it is under the provider's:
  where both sides have one entry of the order and the kind, nothing else can be meant.
- The later of two lines under one reference is the duplicate, the earlier one a true match.
- An attempt that failed is no effective event, so that any number of them under one reference is
  no duplicate: what counts is what the attempt that succeeded, if any, is on the other side.
- Another reference of the provider than ours is another payment, though order and amount agree: the
  two may have lost each other's counterpart.
- A second payment of an order under a reference of its own is no duplicate but `missing_internal`:
  money came in twice, and we know of it once.
- Captured for a stopped order is `captured_after_cancel`, whatever our payment's status is: the
  order outranks the record of the payment.
- Equal payments of one order that no reference tells apart are `ambiguous` on both sides, even
  where every assignment would come to the same sum: which one was refunded later would be a guess.
- A dispute of ours that the provider does not list is `missing_provider`; `dispute_unrecorded` is
  about what we did not book. Where the dispute is booked and its end is not, that line alone is
  labelled, and the first one is a true match: its amount and its side leave no choice.
- A fault of the amount outranks one of the fee, one of the fee that of the rate; a story has one.
"""

import polars as pl

from order_ops.simulator.ordinary import (
    AT,
    HOUR,
    LISTED,
    LOOKALIKE,
    LOW,
    ORDER,
    REF,
    paid,
    taken_back,
)
from order_ops.simulator.scene import NO_TEXT, Scene

NOTHING = pl.lit(0, dtype=pl.Int64)
_OTHER = pl.when(pl.col("currency") == "USD").then(pl.lit("EUR")).otherwise(pl.lit("USD"))
"""Another currency than the order's."""
_LONG_AGO = pl.duration(days=14)


def unclassified(scene: Scene) -> None:
    """A line of a type that nobody has mapped."""
    paid(scene)
    minor = -(1 + LOW % 500)
    scene.they(3, "unclassified", label=0, amount_minor=minor, occurred_at=LISTED + HOUR)
    scene.broken("unclassified", scene.reference("unclassified", 3))


def duplicate_provider(scene: Scene) -> None:
    """The provider lists a payment once more."""
    paid(scene)
    scene.they(1, label=0, again=True, occurred_at=LISTED + HOUR)
    scene.broken("duplicate_provider", REF)


def duplicate_internal(scene: Scene) -> None:
    """We recorded a payment once more."""
    paid(scene)
    scene.we(1, label=0, occurred_at=AT + HOUR)
    scene.broken("duplicate_internal", REF)


def ambiguous(scene: Scene) -> None:
    """Two equal payments of one order, and nothing tells whose line is whose."""
    named = scene.dialect.blanks
    for tag, reference in enumerate((REF, LOOKALIKE)):
        here, there = (reference, NO_TEXT) if named else (NO_TEXT, reference)
        scene.we(tag, label=0, provider_ref=here)
        scene.they(tag, label=0, provider_ref=there, occurred_at=LISTED + HOUR * tag)
    scene.broken("ambiguous", ORDER)


def ambiguous_one(scene: Scene) -> None:
    """One payment of ours without a reference, and two equal lines of its order."""
    scene.we(0, label=0, provider_ref=NO_TEXT)
    scene.they(0, label=0)
    scene.they(1, label=0, provider_ref=LOOKALIKE, occurred_at=LISTED + HOUR)
    scene.broken("ambiguous", ORDER)


def currency_mismatch(scene: Scene) -> None:
    """Paid in another currency than recorded, without an exchange."""
    scene.we(0, label=0)
    scene.they(0, label=0, currency=_OTHER)
    scene.broken("currency_mismatch", REF)


def currency_mismatch_unnamed(scene: Scene) -> None:
    """The same, where the order alone tells whose line it is."""
    scene.we(0, label=0, provider_ref=NO_TEXT)
    scene.they(0, label=0, currency=_OTHER)
    scene.broken("currency_mismatch", ORDER)


def captured_after_cancel(scene: Scene) -> None:
    """Paid after the order had expired, and we never heard of it."""
    scene.we(0, label=0, status="failed", order_state="EXPIRED")
    scene.they(0, label=0)
    scene.broken("captured_after_cancel", REF)


def captured_and_recorded(scene: Scene) -> None:
    """Recorded as paid on an order that was cancelled."""
    scene.we(0, label=0, order_state="CANCELLED")
    scene.they(0, label=0)
    scene.broken("captured_after_cancel", REF)


def paid_not_recorded(scene: Scene) -> None:
    """Paid there, pending or failed here."""
    status = pl.when(LOW % 2 == 0).then(pl.lit("pending")).otherwise(pl.lit("failed"))
    scene.we(0, label=0, status=status, order_state="RESERVED")
    scene.they(0, label=0)
    scene.broken("paid_not_recorded", REF)


def recorded_not_paid(scene: Scene) -> None:
    """Paid here; the provider says that it failed."""
    scene.we(0, label=0)
    scene.they(0, label=0, status="failed", fee_minor=NOTHING)
    scene.broken("recorded_not_paid", REF)


def recorded_and_voided(scene: Scene) -> None:
    """Paid here; the provider voided it."""
    scene.we(0, label=0)
    scene.they(0, label=0, status="voided", fee_minor=NOTHING)
    scene.broken("recorded_not_paid", REF)


def recorded_and_taken_back(scene: Scene) -> None:
    """Paid here; the provider took the charge back."""
    scene.we(0, label=0)
    taken_back(scene, label=0)
    scene.broken("recorded_not_paid", REF)


def missing_provider(scene: Scene) -> None:
    """We recorded what the provider does not list."""
    scene.we(0, label=0)
    scene.broken("missing_provider", REF)


def missing_internal(scene: Scene) -> None:
    """The provider lists what we did not record."""
    scene.they(0, label=0)
    scene.broken("missing_internal", REF)


def missing_lookalikes(scene: Scene) -> None:
    """Both at once, of two orders: same moment, same amount, references one character apart."""
    scene.we(0, label=0)
    scene.broken("missing_provider", REF)
    scene.they(0, label=1, provider_ref=LOOKALIKE, order_ref=ORDER + "-2")
    scene.broken("missing_internal", LOOKALIKE, label=1)


def second_payment(scene: Scene) -> None:
    """The customer paid twice, and we know of one."""
    paid(scene)
    scene.they(1, label=0, provider_ref=LOOKALIKE, occurred_at=LISTED + HOUR)
    scene.broken("missing_internal", LOOKALIKE)


def other_reference(scene: Scene) -> None:
    """Of an order we recorded one payment, and the provider lists another of the same amount."""
    scene.we(0, label=0)
    scene.broken("missing_provider", REF)
    scene.they(0, label=1, provider_ref=LOOKALIKE)
    scene.broken("missing_internal", LOOKALIKE, label=1)


def status_stuck(scene: Scene) -> None:
    """Pending for too long, and nothing of it there."""
    scene.we(0, label=0, status="pending", order_state="RESERVED", occurred_at=AT - _LONG_AGO)
    scene.broken("status_stuck", REF)


def status_stuck_there(scene: Scene) -> None:
    """Pending for too long on both sides."""
    status_stuck(scene)
    scene.they(0, label=0, status="pending", fee_minor=NOTHING, occurred_at=LISTED - _LONG_AGO)


def retried_not_recorded(scene: Scene) -> None:
    """Two failed attempts under one reference here; the provider collected the second."""
    for tag in (0, 1):
        scene.we(tag, label=0, status="failed", order_state="RESERVED", occurred_at=AT + HOUR * tag)
    scene.they(0, label=0, occurred_at=LISTED + HOUR)
    scene.broken("paid_not_recorded", REF)


def recorded_and_failed_twice(scene: Scene) -> None:
    """Paid here; the provider lists two attempts under the reference, and both failed."""
    scene.we(0, label=0)
    for tag in (0, 1):
        later = LISTED + HOUR * tag
        scene.they(
            tag, label=0, again=tag == 1, status="failed", fee_minor=NOTHING, occurred_at=later
        )
    scene.broken("recorded_not_paid", REF)


def nameless(scene: Scene) -> None:
    """A line with neither the provider's reference nor ours."""
    scene.they(0, label=0, provider_ref=NO_TEXT, order_ref=NO_TEXT)
    scene.broken("missing_internal", pl.lit(scene.dialect.prefix("line")) + pl.col("there") + "0")
