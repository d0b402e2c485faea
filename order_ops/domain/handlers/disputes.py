"""Disputes: payments that a customer took back through the bank.

A dispute moves no order. Opened, it wakes somebody, since an answer is due;
lost, its money is gone. Each report is absolute: the last one before the end counts,
and what comes after the end changes nothing.
"""

from dataclasses import replace

from order_ops.domain import events, payloads
from order_ops.domain.failures import FailureKind
from order_ops.domain.handlers.money import paid_payment, same_currency
from order_ops.domain.handlers.steps import Changes, note
from order_ops.domain.orders import Dispute, Order, Rejected


def told(order: Order, event: events.DisputeCreatedEvent | events.DisputeUpdatedEvent) -> Changes:
    """Opened, or changed while open; the first that is heard of it opens it."""
    data = event.data
    known = _known(order, data)
    if known is None:
        now = replace(_opened(event), respond_by=data.respond_by)
    elif known.status == "open" and event.type == "dispute.updated":
        now = replace(
            known,
            amount_minor=data.amount_minor,
            reason=data.reason or known.reason,
            respond_by=data.respond_by or known.respond_by,
        )
    else:
        return []
    if now == known:
        return []
    order.disputes[data.dispute] = now
    kind = "disputed" if known is None else "dispute_updated"
    respond_by = now.respond_by.isoformat() if now.respond_by else None
    return [
        note(
            order,
            event,
            kind,
            alert=known is None,
            dispute=data.dispute,
            payment=data.payment,
            amount=data.amount_minor,
            reason=now.reason,
            respond_by=respond_by,
        )
    ]


def closed(order: Order, event: events.DisputeClosedEvent) -> Changes:
    """Decided, once; lost, it wakes somebody."""
    data = event.data
    known = _known(order, data)
    if known is not None and known.status == data.outcome:
        return []
    if known is not None and known.status != "open":
        raise Rejected(
            f"dispute {data.dispute} is known as {known.status}, the event says {data.outcome}",
            FailureKind.CONFLICT,
        )
    order.disputes[data.dispute] = replace(
        known or _opened(event),
        amount_minor=data.amount_minor,
        reason=data.reason or (known.reason if known else ""),
        status=data.outcome,
        closed_at=event.occurred_at,
    )
    return [
        note(
            order,
            event,
            f"dispute_{data.outcome}",
            alert=data.outcome == "lost",
            dispute=data.dispute,
            payment=data.payment,
            amount=data.amount_minor,
        )
    ]


_Told = payloads.DisputeCreated | payloads.DisputeUpdated | payloads.DisputeClosed
_ToldEvent = events.DisputeCreatedEvent | events.DisputeUpdatedEvent | events.DisputeClosedEvent


def _known(order: Order, data: _Told) -> Dispute | None:
    """The dispute that is spoken of, if it was heard of, and is of the same paid payment."""
    account = paid_payment(order, data.payment).account
    same_currency(order, data.currency)
    known = order.disputes.get(data.dispute)
    payment = known.payment if known else data.payment
    if (payment, account) != (data.payment, data.account):
        raise Rejected(
            f"dispute {data.dispute} is known as one of {payment} at {account}, "
            f"the event says {data.payment} at {data.account}",
            FailureKind.CONFLICT,
        )
    return known


def _opened(event: _ToldEvent) -> Dispute:
    data = event.data
    return Dispute(
        data.dispute,
        data.payment,
        data.account,
        data.amount_minor,
        data.currency,
        data.reason,
        opened_at=event.occurred_at,
    )
