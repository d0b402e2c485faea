"""What happens to each order: an ordinary story, or exactly one injected fault.

Belongs here: the fates, how many orders meet each, and what a fate must lead
to. Since an order has one fate, faults cannot overlap on it.
"""

from collections.abc import Iterable
from enum import StrEnum
from random import Random

from .model import ACCOUNTS, BOLETO, CARDS
from .sample import SampleOrder

_ACCOUNT_OF = {"credit_card": CARDS, "debit_card": CARDS}


class Fate(StrEnum):
    """The ordinary stories, then the faults (named as their labels are)."""

    PAID = "paid"
    CANCELLED = "cancelled"
    NEVER_PAID = "never_paid"
    DECLINED = "declined"
    REFUNDED = "refunded"
    PARTLY_REFUNDED = "partly_refunded"
    REFUND_FAILED = "refund_failed"

    LOST_REFERENCE = "lost_reference"
    AMOUNT_SHORT = "amount_short"
    AMOUNT_OVER = "amount_over"
    MISSING_PROVIDER = "missing_provider"
    MISSING_INTERNAL = "missing_internal"
    PAID_NOT_RECORDED = "paid_not_recorded"
    DUPLICATE_PROVIDER = "duplicate_provider"
    DUPLICATE_MESSAGE = "duplicate_message"
    PAID_AFTER_EXPIRY = "paid_after_expiry"
    PAYMENT_BEFORE_ORDER = "payment_before_order"


COUNTS: dict[Fate, tuple[int, int]] = {
    Fate.CANCELLED: (40, 12),
    Fate.NEVER_PAID: (60, 25),
    Fate.DECLINED: (30, 6),
    Fate.REFUNDED: (25, 8),
    Fate.PARTLY_REFUNDED: (25, 8),
    Fate.REFUND_FAILED: (6, 4),
    Fate.LOST_REFERENCE: (9, 5),
    Fate.AMOUNT_SHORT: (6, 5),
    Fate.AMOUNT_OVER: (5, 5),
    Fate.MISSING_PROVIDER: (7, 5),
    Fate.MISSING_INTERNAL: (6, 5),
    Fate.PAID_NOT_RECORDED: (6, 5),
    Fate.DUPLICATE_PROVIDER: (7, 5),
    Fate.DUPLICATE_MESSAGE: (9, 6),
    Fate.PAID_AFTER_EXPIRY: (6, 3),
    Fate.PAYMENT_BEFORE_ORDER: (8, 5),
}
"""Orders with each fate by account (cards, boleto); all others are just paid."""

BREAK_CLASS: dict[Fate, str] = {
    Fate.AMOUNT_SHORT: "amount_short",
    Fate.AMOUNT_OVER: "amount_over",
    Fate.MISSING_PROVIDER: "missing_provider",
    Fate.MISSING_INTERNAL: "missing_internal",
    Fate.PAID_NOT_RECORDED: "paid_not_recorded",
    Fate.DUPLICATE_PROVIDER: "duplicate_provider",
    Fate.PAID_AFTER_EXPIRY: "captured_after_cancel",
}
"""The break that a fault must become; a fault without one must be without effect."""

FAULTS = BREAK_CLASS.keys() | {
    Fate.LOST_REFERENCE,
    Fate.DUPLICATE_MESSAGE,
    Fate.PAYMENT_BEFORE_ORDER,
}

UNPAID = frozenset({Fate.CANCELLED, Fate.NEVER_PAID, Fate.DECLINED, Fate.PAID_AFTER_EXPIRY})
"""The intents that such an order was reserved with are never paid."""

FINAL_STATE: dict[Fate, str] = {
    Fate.CANCELLED: "CANCELLED",
    Fate.NEVER_PAID: "EXPIRED",
    Fate.DECLINED: "EXPIRED",
    Fate.PAID_AFTER_EXPIRY: "EXPIRED",
    Fate.REFUNDED: "REFUNDED",
    Fate.PAID_NOT_RECORDED: "RESERVED",
}
"""Where the order ends; all others: CONFIRMED. (MISSING_INTERNAL is never heard of.)"""

_SMALLEST_MINOR = 1_000  # room for a wrong amount and for half a refund


def account_of(method: str) -> str:
    """The provider account that payments of this type go to."""
    return _ACCOUNT_OF.get(method, BOLETO)


def assign_fates(orders: Iterable[SampleOrder], rng: Random) -> dict[str, Fate]:
    """Order id -> fate, for the orders that are not just paid.

    Only orders with a single payment of some size are taken: their id and
    amount stand for one payment, so the labels are beyond doubt.
    """
    fates: dict[str, Fate] = {}
    for index, account in enumerate(ACCOUNTS):
        wanted = [fate for fate, counts in COUNTS.items() for _ in range(counts[index])]
        fit = [order.order_id for order in orders if _fits(order, account)]
        fates.update(zip(rng.sample(fit, len(wanted)), wanted, strict=True))
    return fates


def _fits(order: SampleOrder, account: str) -> bool:
    first, *others = order.payments
    return (
        not others and first.amount_minor >= _SMALLEST_MINOR and account_of(first.method) == account
    )
