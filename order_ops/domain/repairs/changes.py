"""What an act changes in our books, once the provider has done its part.

An order and what was planned go in, the changes come out; the order is changed in place. What the
provider reports is written down as it reports it: the act itself may be overtaken, a fact is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from order_ops.domain.orders import Change, Order, Payment, Refund, State, change, move, reinstate
from order_ops.domain.repairs.plans import ActKind, Plan, SeenPayment, SeenRefund

_MOVES = {State.EXPIRED: "expired", State.CONFIRMED: "confirmed", State.CANCELLED: "cancelled"}
_TOLD = {"pending": "refund_pending", "succeeded": "refunded", "failed": "refund_failed"}
_ENDS = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed", "pending": "pending"}


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What the provider answered to our call that pays back."""

    payment: str
    account: str
    refund: SeenRefund


@dataclass(frozen=True, slots=True)
class Writing:
    """Under what name, when and why changes are written.

    Attributes:
        cause: what led to them, such as `act:17`.
        at: when; UTC.
    """

    cause: str
    at: datetime

    def note(self, order: Order, kind: str, *, alert: bool = False, **detail: Any) -> Change:
        """A change that leaves the state as it is."""
        at, cause = self.at, self.cause
        return change(order, order.state, kind=kind, at=at, cause=cause, detail=detail, alert=alert)


def carry_out(
    order: Order,
    plan: Plan,
    seen: Sequence[SeenPayment],
    given_back: Sequence[GivenBack],
    writing: Writing,
) -> list[Change]:
    """Write down what the act did.

    Raises:
        Rejected: the order may not move so.
    """
    changes = write_down(order, seen if plan.kind in _HEARS else (), given_back, writing)
    for ref in plan.cancel:
        known = order.payments.get(ref)
        if known is not None and known.status != "canceled":
            order.payments[ref] = replace(known, status="canceled")
    if plan.kind is ActKind.CANCEL:
        changes.append(writing.note(order, "payments_cancelled", payments=list(plan.cancel)))
    elif plan.kind is ActKind.RELEASE:
        order.stock_held = False
        changes.append(writing.note(order, "released"))
    elif plan.kind is ActKind.REINSTATE:
        changes.append(reinstate(order, at=writing.at, cause=writing.cause, reason=plan.reason))
    elif plan.to is not None:
        detail = {"reason": plan.reason}
        kind = _MOVES[plan.to]
        at, cause = writing.at, writing.cause
        changes.append(move(order, plan.to, kind=kind, at=at, cause=cause, detail=detail))
    return changes


_HEARS = frozenset({ActKind.SETTLE, ActKind.CONFIRM, ActKind.REINSTATE, ActKind.REFUND})


def write_down(
    order: Order,
    seen: Sequence[SeenPayment],
    given_back: Sequence[GivenBack],
    writing: Writing,
) -> list[Change]:
    """The provider's facts that our books have not heard of."""
    changes = [_paid(order, one, writing) for one in seen if _is_news(order, one)]
    told = [
        GivenBack(one.ref, one.account, back)
        for one in seen
        for back in one.refunds
        if back.counts or back.ref in order.refunds
    ]
    heard = [_refunded(order, back, writing) for back in (*told, *given_back)]
    return changes + [one for one in heard if one is not None]


def _is_news(order: Order, seen: SeenPayment) -> bool:
    known = order.payments.get(seen.ref)
    return seen.is_paid and (known is None or not known.is_paid)


def _paid(order: Order, seen: SeenPayment, writing: Writing) -> Change:
    order.payments[seen.ref] = Payment(
        seen.ref, seen.account, seen.amount_minor, seen.currency, "succeeded", writing.at
    )
    return writing.note(order, "paid", payment=seen.ref, amount=seen.amount_minor)


def _refunded(order: Order, back: GivenBack, writing: Writing) -> Change | None:
    """A refund as the provider has it; none: our books say the same."""
    refund, known = back.refund, order.refunds.get(back.refund.ref)
    status = _ENDS.get(refund.status, "pending")
    if known is not None and known.status == status:
        return None
    settled_at = None if status == "pending" else writing.at
    order.refunds[refund.ref] = Refund(
        refund.ref,
        back.payment,
        back.account,
        refund.amount_minor,
        order.currency,
        status,
        settled_at,
    )
    detail = {"refund": refund.ref, "amount": refund.amount_minor}
    return writing.note(order, _TOLD[status], alert=status == "failed", **detail)
