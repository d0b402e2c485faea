"""What a payment provider has to say before an event about money is applied again.

Pure: an event and the provider's answer go in, the doubt comes out. An event
that the provider contradicts is not applied, whoever asks for it.
"""

from typing import Protocol

from order_ops.domain import events, payloads


class Answer(Protocol):
    """A payment, refund or dispute as the provider reports it; amounts in minor units."""

    @property
    def status(self) -> str:
        """In the words of the events; unknown: the provider has no such thing."""
        ...

    @property
    def belongs_to(self) -> str | None:
        """The order of a payment, the payment of a refund or dispute, if the provider says."""
        ...

    @property
    def amount_minor(self) -> int:
        """What it is about."""
        ...

    @property
    def currency(self) -> str:
        """ISO 4217."""
        ...


_MAY_BE: dict[type, frozenset[str]] = {
    payloads.PaymentProcessing: frozenset({"processing", "requires_payment", "succeeded"}),
    payloads.PaymentSucceeded: frozenset({"succeeded"}),
    payloads.PaymentFailed: frozenset({"requires_payment", "processing", "canceled"}),
    payloads.PaymentCanceled: frozenset({"canceled"}),
    payloads.RefundSucceeded: frozenset({"succeeded"}),
    payloads.RefundFailed: frozenset({"failed", "canceled"}),
    payloads.DisputeCreated: frozenset({"open", "won", "lost", "withdrawn"}),
    payloads.DisputeUpdated: frozenset({"open", "won", "lost", "withdrawn"}),
}
"""The provider's present statuses that an event can be true under.

A payment that failed may be tried again, and one under way may have ended.
"""


def doubt(event: events.Event, answer: Answer) -> str | None:
    """Why an event should not be applied, given what the provider says; None: it agrees."""
    data = event.data
    allowed = (
        frozenset({data.outcome})
        if isinstance(data, payloads.DisputeClosed)
        else _MAY_BE.get(type(data))
    )
    if allowed is None:
        return None
    if answer.status not in allowed:
        return f"the event is {event.type}, the provider says {answer.status}"
    whose = event.order if event.type.startswith("payment.") else getattr(data, "payment", None)
    if answer.belongs_to is not None and answer.belongs_to != whose:
        return f"the event is about {whose}, the provider says {answer.belongs_to}"
    ours = (getattr(data, "amount_minor", None), getattr(data, "currency", None))
    if event.type in _AMOUNTS_COUNT and (answer.amount_minor, answer.currency) != ours:
        return (
            f"the event says {ours[0]} {ours[1]}, the provider {answer.amount_minor} "
            f"{answer.currency} (minor units)"
        )
    return None


_AMOUNTS_COUNT = frozenset({"payment.succeeded", "refund.succeeded", "dispute.closed"})
