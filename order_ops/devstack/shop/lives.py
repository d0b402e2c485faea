"""The day of one order: its moments, references and amounts.

Belongs here: everything about an order that chance decides. Messages, lines,
intents and labels are then pure functions of a `Life`. The published data has
no timestamps: all moments come from the seed, inside the local accounting day
(America/Sao_Paulo, so that in UTC they straddle midnight).
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from random import Random
from zoneinfo import ZoneInfo

from .fates import Fate, account_of
from .sample import SampleOrder

TIME_ZONE = "America/Sao_Paulo"
HOLD = timedelta(minutes=30)
"""How long stock is reserved."""
HOLD_OPEN = timedelta(days=3650)
"""For payments we were not told of: not due, or asking the provider would heal them."""

_LONG = frozenset({Fate.REFUNDED, Fate.PARTLY_REFUNDED, Fate.REFUND_FAILED, Fate.PAID_AFTER_EXPIRY})


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment intent with what the provider made of it when it was paid, at `at`."""

    ref: str
    charge_id: str
    line_id: str
    account: str
    method: str
    amount_minor: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund of the order's only payment, settled at `at`."""

    ref: str
    line_id: str
    amount_minor: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Life:
    """An order's day.

    Attributes:
        late: paid after the reservation expired, through an intent of its own.
        error_minor: what the provider's gross differs by.
        second_line_id: the provider's line that is there twice.
    """

    order_id: str
    fate: Fate
    total_minor: int
    opened: datetime
    expires_at: datetime
    payments: tuple[Payment, ...]
    late: Payment | None = None
    refund: Refund | None = None
    error_minor: int = 0
    second_line_id: str = ""


class Dice:
    """The day's chance and the references made from it; the same seed, the same day."""

    def __init__(self, day: date, seed: int) -> None:
        self.name = f"{day.isoformat()}|{seed}"
        self.rng = Random(self.name)
        self.start = datetime.combine(day, time(0), ZoneInfo(TIME_ZONE)).astimezone(ZoneInfo("UTC"))

    def ref(self, prefix: str, *parts: object) -> str:
        """A reference in the provider's manner: `pi_3f...`, 24 hex digits."""
        text = "|".join([self.name, prefix, *map(str, parts)])
        return f"{prefix}_{blake2b(text.encode(), digest_size=12).hexdigest()}"

    def within(self, low_s: int, high_s: int) -> timedelta:
        """A span of whole seconds."""
        return timedelta(seconds=self.rng.randint(low_s, high_s))

    def opening(self, fate: Fate) -> datetime:
        """When an order is placed: most in the evening, early enough for its day to end today."""
        hours = 21.0 if fate in _LONG else 23.2
        return self.start + timedelta(
            seconds=60 + int(self.rng.triangular(0, 1, 0.8) * hours * 3600)
        )


def live(order: SampleOrder, fate: Fate, dice: Dice) -> Life:
    """Let the dice decide an order's day."""
    opened = dice.opening(fate)
    payments = tuple(
        _payment(
            dice, (order.order_id, paid.sequential), paid.method, paid.amount_minor,
            opened + dice.within(60, 1_500),
        )
        for paid in order.payments
    )  # fmt: skip
    first = payments[0]
    late = refund = None
    if fate is Fate.PAID_AFTER_EXPIRY:
        key = (order.order_id, "late")
        late = _payment(
            dice, key, first.method, first.amount_minor, opened + dice.within(3600, 8000)
        )
    if fate in (Fate.REFUNDED, Fate.PARTLY_REFUNDED, Fate.REFUND_FAILED):
        refund = _refund(dice, order, fate, opened + dice.within(2_400, 8_000))
    return Life(
        order.order_id,
        fate,
        order.total_minor,
        opened,
        opened + (HOLD_OPEN if fate is Fate.PAID_NOT_RECORDED else HOLD),
        payments,
        late,
        refund,
        _error(dice, fate),
        dice.ref("txn", order.order_id, "again") if fate is Fate.DUPLICATE_PROVIDER else "",
    )


def _payment(
    dice: Dice, key: tuple[object, ...], method: str, amount_minor: int, at: datetime
) -> Payment:
    pi, ch, txn = (dice.ref(prefix, *key) for prefix in ("pi", "ch", "txn"))
    return Payment(pi, ch, txn, account_of(method), method, amount_minor, at)


def _refund(dice: Dice, order: SampleOrder, fate: Fate, at: datetime) -> Refund:
    whole = order.total_minor
    amount = dice.rng.randint(100, whole // 2) if fate is Fate.PARTLY_REFUNDED else whole
    return Refund(
        dice.ref("re", order.order_id), dice.ref("txn", order.order_id, "refund"), amount, at
    )


def _error(dice: Dice, fate: Fate) -> int:
    sign = {Fate.AMOUNT_SHORT: -1, Fate.AMOUNT_OVER: 1}.get(fate, 0)
    return sign * dice.rng.randint(5, 499)
