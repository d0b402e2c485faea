"""What is done about a reservation past its expiry, given what the provider says.

Pure decisions over the provider's answers; asking and acting is
`order_ops.jobs.orders.expire_orders`. The rule: unpaid and seen to be unpayable ->
expire; paid in full -> confirm; anything else -> leave, never on a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Verdict(StrEnum):
    """What is to be done."""

    EXPIRE = "expire"
    CONFIRM = "confirm"
    LEAVE = "leave"


class SeenPayment(Protocol):
    """A payment as the provider reports it; amounts in minor units."""

    @property
    def ref(self) -> str:
        """The provider's id."""
        ...

    @property
    def status(self) -> str:
        """requires_payment, processing, succeeded, canceled or unknown."""
        ...

    @property
    def amount_minor(self) -> int:
        """Received if it succeeded, else asked for."""
        ...

    @property
    def currency(self) -> str:
        """ISO 4217."""
        ...


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, the payments to cancel first, and why, in words."""

    verdict: Verdict
    cancel: tuple[str, ...]
    reason: str


def decide_expiry(total_minor: int, currency: str, seen: Sequence[SeenPayment]) -> Decision:
    """Decide about one order that is RESERVED past expiry and grace."""
    undecided = [p.ref for p in seen if p.status in ("processing", "unknown")]
    if undecided:
        return Decision(
            Verdict.LEAVE, (), f"the provider has not decided on {', '.join(undecided)}"
        )
    paid = [p for p in seen if p.status == "succeeded"]
    foreign = sorted({p.currency for p in paid} - {currency})
    if foreign:
        return Decision(Verdict.LEAVE, (), f"paid in {', '.join(foreign)}, ordered in {currency}")
    total_paid = sum(p.amount_minor for p in paid)
    if total_paid == total_minor and (paid or total_minor == 0):
        return Decision(Verdict.CONFIRM, (), "the provider has the whole amount")
    if paid:
        return Decision(
            Verdict.LEAVE, (), f"the provider has {total_paid} of {total_minor} (minor units)"
        )
    payable = tuple(p.ref for p in seen if p.status == "requires_payment")
    return Decision(Verdict.EXPIRE, payable, "not paid at the provider")
