"""What events carry: the payloads of version 1, and the kinds of fields they are made of.

Models only, with the limits that a message must keep. Amounts are integers in minor
units of an ISO 4217 currency, times are UTC.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from order_ops.domain.redaction import redacted

Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$"), AfterValidator(redacted)]
"""What people have written: without what it should not hold."""
Minor = Annotated[int, Field(strict=True, ge=0, le=10**15)]


@cache
def _iso_4217(code: str) -> str:
    from order_ops.domain.money import minor_exponent  # noqa: PLC0415 - babel, 0.1 s

    minor_exponent(code)
    return code


Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$"), AfterValidator(_iso_4217)]


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside of the years 1 to 9999 in UTC") from None


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class Model(BaseModel):
    """Immutable; what it does not know is ignored, and its errors repeat nothing of it."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class PaymentIntent(Model):
    """A payment that the customer was offered: the provider's id for it."""

    payment: Identifier
    account: Identifier
    amount_minor: Minor


class Reservation(Model):
    """Stock held for the order until it expires."""

    sku: Identifier
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class OrderCreated(Model):
    """A customer placed an order; nothing is held yet."""

    total_minor: Minor
    currency: Currency


class OrderReserved(Model):
    """Stock is held until `expires_at`, and payments may come in."""

    expires_at: Moment
    reservations: list[Reservation] = Field(default_factory=list, max_length=500)
    payments: list[PaymentIntent] = Field(default_factory=list, max_length=100)


class OrderConfirmed(Model):
    """The shop says that the order is confirmed; only payments confirm it in the ledger."""


class OrderCancelled(Model):
    """The customer or the shop cancelled the order."""

    reason: Text = ""


class OrderExpired(Model):
    """The shop let the order expire: its stock is free again."""


class OrderFailed(Model):
    """The shop could not fulfil the order; it ends as a cancelled one does."""

    reason: Text = ""


class OrderRefunded(Model):
    """The shop says that all is paid back; only refunds pay back in the ledger."""


class _Payment(Model):
    payment: Identifier
    account: Identifier
    amount_minor: Minor
    currency: Currency


class PaymentProcessing(_Payment):
    """The provider works on the payment (bank slip, debit); it may still fail."""


class PaymentSucceeded(_Payment):
    """The provider captured the payment."""


class PaymentFailed(_Payment):
    """The provider declined the payment, or it was voided."""

    reason: Text = ""


class PaymentCanceled(_Payment):
    """The payment intent was cancelled before anything was captured; it will never be paid."""

    reason: Text = ""


class _Refund(_Payment):
    refund: Identifier


class RefundSucceeded(_Refund):
    """The provider paid back `amount_minor` of a payment."""


class RefundFailed(_Refund):
    """The provider could not pay back."""

    reason: Text = ""


class _Dispute(_Payment):
    """`amount_minor` is what is disputed, which may be less than the payment."""

    dispute: Identifier
    reason: Text = ""


class DisputeCreated(_Dispute):
    """The customer took a payment back through the bank; an answer is due by `respond_by`."""

    respond_by: Moment | None = None


class DisputeUpdated(_Dispute):
    """Its amount, reason or due date as they are now."""

    respond_by: Moment | None = None


class DisputeClosed(_Dispute):
    """Decided: the money came back (`won`), is gone (`lost`), or was never taken (`withdrawn`)."""

    outcome: Literal["won", "lost", "withdrawn"]
