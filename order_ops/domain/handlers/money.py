"""What becomes of an order's money: its payments and their refunds.

A payment that succeeded stays so whatever comes later; before that it may be
tried again, and its last word counts. An amount, account or currency that
changed on the way is a conflict.
"""

from typing import Any

from order_ops.domain import events, payloads
from order_ops.domain.failures import FailureKind
from order_ops.domain.handlers.steps import Changes, moved, note
from order_ops.domain.orders import (
    CLOSED,
    LEGAL_MOVES,
    Order,
    Payment,
    Refund,
    Rejected,
    State,
    TooEarly,
)

_OfPayment = (
    payloads.PaymentProcessing
    | payloads.PaymentSucceeded
    | payloads.PaymentFailed
    | payloads.PaymentCanceled
)


def payment_processing(order: Order, event: events.PaymentProcessingEvent) -> Changes:
    """Under way, be it again after a failure; known already when it came to another end."""
    data = event.data
    known = _known(order, data)
    if known is not None and known.status not in {"pending", "failed"}:
        return []
    before = known.status if known else None
    order.payments[data.payment] = _unpaid(data, "processing")
    return [note(order, event, "payment_processing", payment=data.payment, before=before)]


def payment_succeeded(order: Order, event: events.PaymentSucceededEvent) -> Changes:
    """Captured: kept in any case; where it should not have been, it wakes somebody."""
    data = event.data
    known = _known(order, data)
    if known is not None and known.status == "succeeded":
        return []
    order.payments[data.payment] = Payment(
        data.payment, data.account, data.amount_minor, data.currency, "succeeded", event.occurred_at
    )
    kind = "paid"
    if order.state in CLOSED | {State.REFUNDED}:
        kind = "paid_after_close"
    elif known is not None and known.status == "canceled":
        kind = "paid_after_cancel"
    alert = kind != "paid"
    return [note(order, event, kind, alert=alert, payment=data.payment, amount=data.amount_minor)]


def payment_failed(order: Order, event: events.PaymentFailedEvent) -> Changes:
    """Declined: the order stays open, the payment may be tried again.

    Later than its success it is a contradiction: somebody may have lost money.
    """
    data = event.data
    known = _known(order, data)
    if known is not None and known.succeeded_at and event.occurred_at > known.succeeded_at:
        raise Rejected(
            f"payment {data.payment} succeeded at {known.succeeded_at}, "
            "the event says that it failed after that",
            FailureKind.CONFLICT,
        )
    if known is not None and known.status not in {"pending", "processing"}:
        return []
    order.payments[data.payment] = _unpaid(data, "failed")
    return [note(order, event, "payment_failed", payment=data.payment, reason=data.reason)]


def payment_canceled(order: Order, event: events.PaymentCanceledEvent) -> Changes:
    """Cancelled before it was captured; the order stays open for another payment.

    A provider never cancels what it captured: one of the two reports is wrong.
    """
    data = event.data
    known = _known(order, data)
    if known is not None and known.status == "canceled":
        return []
    if known is not None and known.status == "succeeded":
        raise Rejected(
            f"payment {data.payment} is known as succeeded, the event says it was cancelled",
            FailureKind.CONFLICT,
        )
    order.payments[data.payment] = _unpaid(data, "canceled")
    return [note(order, event, "payment_canceled", payment=data.payment, reason=data.reason)]


def refund_succeeded(order: Order, event: events.RefundSucceededEvent) -> Changes:
    """Paid back, never more than was paid; the last part moves the order."""
    data = event.data
    payment = paid_payment(order, data.payment)
    known = order.refunds.get(data.refund)
    same_currency(order, data.currency)
    _same_refund(known, data)
    if known is not None and known.status == "succeeded":
        return []
    if known is not None and known.settled_at and event.occurred_at < known.settled_at:
        return []  # older than its failure: a bank has returned it since
    before = sum(
        r.amount_minor
        for r in order.refunds.values()
        if r.payment == data.payment and r.status == "succeeded"
    )
    if before + data.amount_minor > payment.amount_minor:
        raise Rejected(
            f"refunds of {data.payment} would be {before + data.amount_minor}, "
            f"more than the {payment.amount_minor} that was paid (minor units)",
            FailureKind.CONFLICT,
        )
    order.refunds[data.refund] = Refund(
        data.refund,
        data.payment,
        data.account,
        data.amount_minor,
        data.currency,
        "succeeded",
        event.occurred_at,
    )
    detail: dict[str, Any] = {"refund": data.refund, "amount": data.amount_minor}
    whole = order.refunded_minor() >= order.paid_minor()
    if whole and (order.state, State.REFUNDED) in LEGAL_MOVES:
        return [moved(order, event, State.REFUNDED, "refunded", **detail)]
    return [note(order, event, "refunded" if whole else "partly_refunded", **detail)]


def refund_failed(order: Order, event: events.RefundFailedEvent) -> Changes:
    """Not paid back: somebody waits for money. A bank may return what was paid back before."""
    data = event.data
    paid_payment(order, data.payment)
    known = order.refunds.get(data.refund)
    same_currency(order, data.currency)
    _same_refund(known, data)
    returned = known is not None and known.is_paid_back
    if known is not None and known.status != "pending" and not returned:
        return []
    if known is not None and known.settled_at and event.occurred_at <= known.settled_at:
        return []
    order.refunds[data.refund] = Refund(
        data.refund,
        data.payment,
        data.account,
        data.amount_minor,
        data.currency,
        "failed",
        event.occurred_at,
    )
    kind = "refund_returned" if returned else "refund_failed"
    return [note(order, event, kind, alert=True, refund=data.refund, amount=data.amount_minor)]


def paid_payment(order: Order, payment: str) -> Payment:
    """A payment that is known as paid.

    Raises:
        TooEarly: it is not.
    """
    known = order.payments.get(payment)
    if known is None or known.status != "succeeded":
        raise TooEarly(f"payment {payment} of order {order.order_id} is not known as paid")
    return known


def same_payment(known: Payment | None, data: _OfPayment | payloads.PaymentIntent) -> None:
    """Refuse an amount or account that changed on the way: it is never just taken over.

    Raises:
        Rejected: it did.
    """
    if known is None:
        return
    if (known.amount_minor, known.account) != (data.amount_minor, data.account):
        raise Rejected(
            f"payment {data.payment} is known as {known.amount_minor} at {known.account}, "
            f"the event says {data.amount_minor} at {data.account} (minor units)",
            FailureKind.CONFLICT,
        )


def _known(order: Order, data: _OfPayment) -> Payment | None:
    """The payment that is spoken of, if it was heard of, and is still the same."""
    known = order.payments.get(data.payment)
    same_currency(order, data.currency)
    same_payment(known, data)
    return known


def _unpaid(data: _OfPayment, status: str) -> Payment:
    return Payment(data.payment, data.account, data.amount_minor, data.currency, status)


def same_currency(order: Order, currency: str) -> None:
    """Refuse money in another currency than the order's.

    Raises:
        Rejected: it is.
    """
    if currency != order.currency:
        raise Rejected(
            f"order {order.order_id} is in {order.currency}, the event in {currency}",
            FailureKind.CONFLICT,
        )


def _same_refund(
    known: Refund | None, data: payloads.RefundSucceeded | payloads.RefundFailed
) -> None:
    if known is None:
        return
    before = (known.payment, known.amount_minor, known.account)
    if before != (data.payment, data.amount_minor, data.account):
        raise Rejected(
            f"refund {data.refund} is known as {known.amount_minor} of {known.payment}, "
            f"the event says {data.amount_minor} of {data.payment} (minor units)",
            FailureKind.CONFLICT,
        )
