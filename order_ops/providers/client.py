"""Asking a payment provider, and telling it to cancel: the interface, and Stripe's.

Belongs here: the few questions order_ops has for a provider's API, the answers
as plain values, and every error as one type with its kind. When to ask, and
what to do about the answer, is decided in `order_ops.domain`; retries are the
caller's. Reading the provider's files belongs to the report readers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, Self

from order_ops.providers.stripe_sdk import ProviderError, classified, code_of, connected, error_type

if TYPE_CHECKING:
    from stripe import StripeObject


__all__ = [
    "PaymentStatus",
    "ProviderClient",
    "ProviderDispute",
    "ProviderError",
    "ProviderPayment",
    "ProviderRefund",
    "StripePayments",
]


class PaymentStatus(StrEnum):
    """Where a payment stands at the provider, as far as an order has to know."""

    REQUIRES_PAYMENT = "requires_payment"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment as the provider sees it.

    Attributes:
        amount_minor: what was received if it succeeded, else what was asked
            for; 0 when the provider does not know the payment.
        currency: ISO 4217, upper case; "" when unknown.
        order_ref: our order id as the provider was told, or None.
    """

    ref: str
    status: PaymentStatus
    amount_minor: int = 0
    currency: str = ""
    order_ref: str | None = None

    @property
    def belongs_to(self) -> str | None:
        """Our order id, if the provider was told."""
        return self.order_ref


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund as the provider sees it: pending, succeeded, failed, canceled or unknown.

    belongs_to: the payment that it is of.
    """

    ref: str
    status: str
    amount_minor: int = 0
    currency: str = ""
    belongs_to: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderDispute:
    """A dispute as the provider sees it: open, won, lost, withdrawn or unknown.

    belongs_to: the payment that it is of.
    """

    ref: str
    status: str
    amount_minor: int = 0
    currency: str = ""
    belongs_to: str | None = None


class ProviderClient(Protocol):
    """What order_ops asks of a payment provider; every call may raise ProviderError."""

    def payments_of_order(self, order_ref: str, known_refs: Iterable[str]) -> list[ProviderPayment]:
        """Each payment of the order: those we know of (unknown ones too), and any others."""
        ...

    def payment(self, ref: str) -> ProviderPayment:
        """One payment; unknown, when the provider has none of that id."""
        ...

    def refund(self, ref: str) -> ProviderRefund:
        """One refund; unknown, when the provider has none of that id."""
        ...

    def dispute(self, ref: str) -> ProviderDispute:
        """One dispute; unknown, when the provider has none of that id."""
        ...

    def cancel(self, payment_ref: str, idempotency_key: str) -> ProviderPayment:
        """Cancel an unpaid payment; one already cancelled is an answer, not an error.

        Raises:
            ProviderError: kind CONFLICT, when it has moved on (paid, processing).
        """
        ...


class StripePayments:
    """Payment intents of one Stripe account, through the official SDK.

    Args:
        api_base: of a stand-in server; none: Stripe itself.
        order_key: the payment metadata that holds our order id.
    """

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str | None = None,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 10.0,
        order_key: str = "order_id",
    ) -> None:
        self._http, api = connected(api_key, api_base, connect_timeout_s, read_timeout_s)
        self._intents, self._refunds, self._disputes = (
            api.payment_intents,
            api.refunds,
            api.disputes,
        )
        self._error = error_type()
        self._order_key = order_key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close this thread's connections."""
        self._http.close()  # type: ignore[no-untyped-call]

    def payments_of_order(self, order_ref: str, known_refs: Iterable[str]) -> list[ProviderPayment]:
        """See ProviderClient.

        Known payments are fetched one by one, since Stripe's search may lag by
        a minute, in an outage by an hour; it is there for those we never heard of.
        """
        seen = {ref: self.payment(ref) for ref in known_refs}
        for payment in self._search(order_ref):
            seen.setdefault(payment.ref, payment)
        return list(seen.values())

    def cancel(self, payment_ref: str, idempotency_key: str) -> ProviderPayment:
        """See ProviderClient."""
        try:
            intent = self._intents.cancel(
                payment_ref,
                {"cancellation_reason": "abandoned"},
                {"idempotency_key": idempotency_key},
            )
        except self._error as error:
            if code_of(error) == "resource_missing":
                return ProviderPayment(payment_ref, PaymentStatus.UNKNOWN)
            now = error.error.payment_intent if error.error else None
            if now is not None and now.status == "canceled":
                return self._payment(now.to_dict())
            raise classified(error) from error
        return self._payment(intent.to_dict())

    def payment(self, ref: str) -> ProviderPayment:
        """See ProviderClient."""
        found = self._retrieve(self._intents.retrieve, ref)
        return (
            ProviderPayment(ref, PaymentStatus.UNKNOWN) if found is None else self._payment(found)
        )

    def refund(self, ref: str) -> ProviderRefund:
        """See ProviderClient."""
        found = self._retrieve(self._refunds.retrieve, ref)
        if found is None:
            return ProviderRefund(ref, "unknown")
        status = "pending" if found["status"] == "requires_action" else found["status"]
        currency, payment = found["currency"].upper(), found.get("payment_intent")
        return ProviderRefund(ref, status, found["amount"], currency, payment)

    def dispute(self, ref: str) -> ProviderDispute:
        """See ProviderClient."""
        found = self._retrieve(self._disputes.retrieve, ref)
        if found is None:
            return ProviderDispute(ref, "unknown")
        status = _DISPUTE_ENDS.get(found["status"], "open")
        currency, payment = found["currency"].upper(), found.get("payment_intent")
        return ProviderDispute(ref, status, found["amount"], currency, payment)

    def _retrieve(self, ask: "Callable[[str], StripeObject]", ref: str) -> dict[str, Any] | None:
        try:
            return ask(ref).to_dict()
        except self._error as error:
            if code_of(error) == "resource_missing":
                return None
            raise classified(error) from error

    def _search(self, order_ref: str) -> list[ProviderPayment]:
        value = order_ref.replace("\\", "\\\\").replace("'", "\\'")
        query = f"metadata['{self._order_key}']:'{value}'"
        try:
            found = self._intents.search({"query": query, "limit": 100})
            return [self._payment(intent.to_dict()) for intent in found.auto_paging_iter()]
        except self._error as error:
            raise classified(error) from error

    def _payment(self, intent: Mapping[str, Any]) -> ProviderPayment:
        status = _STATUSES.get(intent["status"], PaymentStatus.UNKNOWN)
        paid = status is PaymentStatus.SUCCEEDED
        return ProviderPayment(
            ref=intent["id"],
            status=status,
            amount_minor=intent["amount_received" if paid else "amount"],
            currency=intent["currency"].upper(),
            order_ref=(intent.get("metadata") or {}).get(self._order_key),
        )


_STATUSES = {
    "requires_payment_method": PaymentStatus.REQUIRES_PAYMENT,
    "requires_confirmation": PaymentStatus.REQUIRES_PAYMENT,
    "requires_action": PaymentStatus.REQUIRES_PAYMENT,
    # Authorised and not captured: the customer's money is held, so not unpaid.
    "requires_capture": PaymentStatus.PROCESSING,
    "processing": PaymentStatus.PROCESSING,
    "succeeded": PaymentStatus.SUCCEEDED,
    "canceled": PaymentStatus.CANCELED,
}
"""Stripe's statuses of a payment intent (docs.stripe.com/api/payment_intents/object)."""


_DISPUTE_ENDS = {
    "won": "won",
    "lost": "lost",
    "warning_closed": "withdrawn",
    "prevented": "withdrawn",
}
"""Stripe's statuses of a dispute that has ended (docs.stripe.com/api/disputes/object)."""
