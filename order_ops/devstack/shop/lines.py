"""What the provider recorded of an order: balance transactions, and its intents.

Belongs here: the provider's side of a `Life`, and which of our entries each
line truly belongs to. A refund that failed was refused before money moved:
there is no line of it. How lines look in a file is in `report`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .fates import UNPAID, Fate
from .lives import Life, Payment
from .model import Intent, Line, Status


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line of an account, and our ledger's entry for it (None: we have none)."""

    account: str
    line: Line
    entry_id: str | None


def lines_of(life: Life) -> Iterator[Recorded]:
    """The provider's lines for an order."""
    known = life.fate is not Fate.MISSING_INTERNAL
    for payment in captured(life):
        line = _charge(life, payment)
        entry = f"payment:{payment.ref}" if known else None
        yield Recorded(payment.account, line, entry)
        if life.second_line_id:
            yield Recorded(payment.account, replace(line, line_id=life.second_line_id), entry)
    if life.refund and life.fate is not Fate.REFUND_FAILED:
        entry = f"refund:{life.refund.ref}"
        yield Recorded(life.payments[0].account, _refund(life), entry)


def captured(life: Life) -> tuple[Payment, ...]:
    """The payments that the provider reports as captured."""
    if life.fate is Fate.MISSING_PROVIDER:
        return ()
    on_time = () if life.fate in UNPAID else life.payments
    return (*on_time, life.late) if life.late else on_time


def intents_of(life: Life) -> Iterator[Intent]:
    """What the provider's API knows of an order's payments."""
    status: Status = "requires_payment_method" if life.fate in UNPAID else "succeeded"
    if life.fate is Fate.CANCELLED:
        status = "canceled"
    for paid in life.payments:
        yield Intent(paid.ref, paid.account, life.order_id, paid.amount_minor, status)
    if life.late:
        late = life.late
        yield Intent(
            late.ref, late.account, life.order_id, late.amount_minor, "succeeded", "after_expiry"
        )


def fee_minor(gross_minor: int) -> int:
    """2.9 % rounded half up, and 0.30; nothing for nothing."""
    return (gross_minor * 29 + 500) // 1000 + 30 if gross_minor else 0


def _charge(life: Life, payment: Payment) -> Line:
    gross = payment.amount_minor + life.error_minor
    line = Line(
        line_id=payment.line_id,
        order_id=life.order_id,
        source_id=payment.charge_id,
        payment_intent_id=payment.ref,
        charge_id=payment.charge_id,
        created=payment.at,
        gross_minor=gross,
        fee_minor=fee_minor(gross),
        category="charge",
        method=payment.method,
    )
    if life.fate is Fate.LOST_REFERENCE:
        return replace(line, source_id="", payment_intent_id="", charge_id="")
    return line


def _refund(life: Life) -> Line:
    assert life.refund is not None
    paid = life.payments[0]
    return Line(
        line_id=life.refund.line_id,
        order_id=life.order_id,
        source_id=life.refund.ref,
        payment_intent_id=paid.ref,
        charge_id=paid.charge_id,
        created=life.refund.at,
        gross_minor=-life.refund.amount_minor,
        fee_minor=0,
        category="refund",
        method=paid.method,
    )
