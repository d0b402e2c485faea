"""Asking a payment provider, and telling it to cancel: the interface, and Stripe's.

Belongs here: the few questions order_ops has for a provider's API, the answers
as plain values, and every error as one type with its kind. When to ask, and
what to do about the answer, is decided in `order_ops.domain`; retries are the
caller's. Reading the provider's files belongs to the report readers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
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
        created: when it was made, UTC; None: the provider does not say.
        disputed: the customer takes it back through the bank, and that is not decided.
        request_id: of the call that changed it, for the provider's support.
    """

    ref: str
    status: PaymentStatus
    amount_minor: int = 0
    currency: str = ""
    order_ref: str | None = None
    created: datetime | None = None
    disputed: bool = False
    request_id: str | None = field(default=None, compare=False)

    @property
    def belongs_to(self) -> str | None:
        """Our order id, if the provider was told."""
        return self.order_ref


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund as the provider sees it: pending, succeeded, failed, canceled or unknown.

    Attributes:
        belongs_to: the payment that it is of.
        key: the idempotency key of our call that made it; None: it was not ours.
        request_id: of that call, for the provider's support.
    """

    ref: str
    status: str
    amount_minor: int = 0
    currency: str = ""
    belongs_to: str | None = None
    key: str | None = None
    request_id: str | None = field(default=None, compare=False)


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

    def payments_since(self, moment: datetime) -> Iterator[ProviderPayment]:
        """Every payment that was made at a moment or later, in no order."""
        ...

    def refund(self, ref: str) -> ProviderRefund:
        """One refund; unknown, when the provider has none of that id."""
        ...

    def refunds_of(self, payment_ref: str) -> list[ProviderRefund]:
        """Every refund of a payment, whoever made it."""
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

    def give_back(
        self, payment_ref: str, amount_minor: int, idempotency_key: str
    ) -> ProviderRefund:
        """Pay so much of a payment back; the same key again is the same refund.

        The refund keeps the key, so that it is found by it when the provider has forgotten the
        call (Stripe does after a day).

        Raises:
            ProviderError: PERMANENT or CONFLICT, when it is refused, as more than is there.
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
        self._session, api = connected(api_key, api_base, connect_timeout_s, read_timeout_s)
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
        """Close its connections."""
        self._session.close()

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
        return replace(self._payment(intent.to_dict()), request_id=_request_id(intent))

    def payment(self, ref: str) -> ProviderPayment:
        """See ProviderClient."""
        found = self._retrieve(lambda ref: self._intents.retrieve(ref, {"expand": _ONE}), ref)
        return (
            ProviderPayment(ref, PaymentStatus.UNKNOWN) if found is None else self._payment(found)
        )

    def payments_since(self, moment: datetime) -> Iterator[ProviderPayment]:
        """See ProviderClient."""
        since = int(moment.timestamp())
        try:
            found = self._intents.list({"created": {"gte": since}, "limit": 100, "expand": _LISTED})
            for intent in found.auto_paging_iter():
                yield self._payment(intent.to_dict())
        except self._error as error:
            raise classified(error) from error

    def refund(self, ref: str) -> ProviderRefund:
        """See ProviderClient."""
        found = self._retrieve(self._refunds.retrieve, ref)
        return ProviderRefund(ref, "unknown") if found is None else _refund(found)

    def refunds_of(self, payment_ref: str) -> list[ProviderRefund]:
        """See ProviderClient."""
        try:
            found = self._refunds.list({"payment_intent": payment_ref, "limit": 100})
            return [_refund(one.to_dict()) for one in found.auto_paging_iter()]
        except self._error as error:
            raise classified(error) from error

    def give_back(
        self, payment_ref: str, amount_minor: int, idempotency_key: str
    ) -> ProviderRefund:
        """See ProviderClient."""
        try:
            made = self._refunds.create(
                {
                    "payment_intent": payment_ref,
                    "amount": amount_minor,
                    "metadata": {_KEY: idempotency_key},
                },
                {"idempotency_key": idempotency_key},
            )
        except self._error as error:
            raise classified(error) from error
        return _refund(made.to_dict(), _request_id(made))

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
            found = self._intents.search({"query": query, "limit": 100, "expand": _LISTED})
            return [self._payment(intent.to_dict()) for intent in found.auto_paging_iter()]
        except self._error as error:
            raise classified(error) from error

    def _payment(self, intent: Mapping[str, Any]) -> ProviderPayment:
        status = _STATUSES.get(intent["status"], PaymentStatus.UNKNOWN)
        paid = status is PaymentStatus.SUCCEEDED
        created, charge = intent.get("created"), intent.get("latest_charge")
        # a charge stays disputed when that is decided: what is open is asked for
        once_disputed = isinstance(charge, Mapping) and bool(charge.get("disputed"))
        return ProviderPayment(
            ref=intent["id"],
            status=status,
            amount_minor=intent["amount_received" if paid else "amount"],
            currency=intent["currency"].upper(),
            order_ref=(intent.get("metadata") or {}).get(self._order_key),
            created=None if created is None else datetime.fromtimestamp(created, UTC),
            disputed=once_disputed and self._has_open_dispute(intent["id"]),
        )

    def _has_open_dispute(self, payment_ref: str) -> bool:
        try:
            found = self._disputes.list({"payment_intent": payment_ref, "limit": 100})
            return any(one.status not in _DISPUTE_ENDS for one in found.auto_paging_iter())
        except self._error as error:
            raise classified(error) from error


def _refund(found: Mapping[str, Any], request_id: str | None = None) -> ProviderRefund:
    return ProviderRefund(
        ref=found["id"],
        status="pending" if found["status"] == "requires_action" else found["status"],
        amount_minor=found["amount"],
        currency=found["currency"].upper(),
        belongs_to=found.get("payment_intent"),
        key=(found.get("metadata") or {}).get(_KEY),
        request_id=request_id,
    )


def _request_id(made: "StripeObject") -> str | None:
    response = made.last_response
    return None if response is None else response.request_id


_KEY = "order_ops_key"
"""The metadata of a refund that says by which of our calls it was made."""
_ONE = ["latest_charge"]
_LISTED = ["data.latest_charge"]
"""What is asked for beside a payment: whether its charge was ever disputed."""
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
