"""The events of an order, version 1: the canonical envelope and its payloads.

Models only, with the limits that a message must keep. How a message of a given
shop is read into them is `order_ops.messaging.codec`; what they do to an order
is `order_ops.domain.orders`. `docs/events.md` is generated from this module.
Amounts are integers in minor units of an ISO 4217 currency, times are UTC.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Literal, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    field_validator,
)

VERSION = 1

Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
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


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PaymentIntent(_Model):
    """A payment that the customer was offered: the provider's id for it."""

    payment: Identifier
    account: Identifier
    amount_minor: Minor


class Reservation(_Model):
    """Stock held for the order until it expires."""

    sku: Identifier
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class OrderCreated(_Model):
    """A customer placed an order; nothing is held yet."""

    total_minor: Minor
    currency: Currency


class OrderReserved(_Model):
    """Stock is held until `expires_at`, and payments may come in."""

    expires_at: Moment
    reservations: list[Reservation] = Field(default_factory=list, max_length=500)
    payments: list[PaymentIntent] = Field(default_factory=list, max_length=100)


class OrderConfirmed(_Model):
    """The shop says that the order is confirmed; only payments confirm it in the ledger."""


class OrderCancelled(_Model):
    """The customer or the shop cancelled the order."""

    reason: Text = ""


class OrderExpired(_Model):
    """The shop let the order expire: its stock is free again."""


class OrderFailed(_Model):
    """The shop could not fulfil the order; it ends as a cancelled one does."""

    reason: Text = ""


class OrderRefunded(_Model):
    """The shop says that all is paid back; only refunds pay back in the ledger."""


class _Payment(_Model):
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


class _Envelope(_Model):
    """What every message carries."""

    id: Identifier
    version: Literal[1]
    tenant: Identifier
    producer: Identifier
    sequence: Annotated[int, Field(strict=True, ge=0, le=10**15)]
    order: Identifier
    occurred_at: Moment
    correlation: Identifier | None = None


class KnownParts(_Model):
    """What says whose an event is, also when its payload cannot be read."""

    type: Identifier
    tenant: Identifier
    producer: Identifier
    sequence: Annotated[int, Field(strict=True, ge=0, le=10**15)]
    order: Identifier

    @field_validator("type")
    @classmethod
    def _handled(cls, value: str) -> str:
        if value not in EVENT_TYPES:
            raise ValueError("no handler exists for it")
        return value


class OrderCreatedEvent(_Envelope):
    """order.created."""

    type: Literal["order.created"]
    data: OrderCreated


class OrderReservedEvent(_Envelope):
    """order.reserved."""

    type: Literal["order.reserved"]
    data: OrderReserved


class OrderConfirmedEvent(_Envelope):
    """order.confirmed."""

    type: Literal["order.confirmed"]
    data: OrderConfirmed


class OrderCancelledEvent(_Envelope):
    """order.cancelled."""

    type: Literal["order.cancelled"]
    data: OrderCancelled


class OrderExpiredEvent(_Envelope):
    """order.expired."""

    type: Literal["order.expired"]
    data: OrderExpired


class OrderFailedEvent(_Envelope):
    """order.failed."""

    type: Literal["order.failed"]
    data: OrderFailed


class OrderRefundedEvent(_Envelope):
    """order.refunded."""

    type: Literal["order.refunded"]
    data: OrderRefunded


class PaymentProcessingEvent(_Envelope):
    """payment.processing."""

    type: Literal["payment.processing"]
    data: PaymentProcessing


class PaymentSucceededEvent(_Envelope):
    """payment.succeeded."""

    type: Literal["payment.succeeded"]
    data: PaymentSucceeded


class PaymentFailedEvent(_Envelope):
    """payment.failed."""

    type: Literal["payment.failed"]
    data: PaymentFailed


class PaymentCanceledEvent(_Envelope):
    """payment.canceled."""

    type: Literal["payment.canceled"]
    data: PaymentCanceled


class RefundSucceededEvent(_Envelope):
    """refund.succeeded."""

    type: Literal["refund.succeeded"]
    data: RefundSucceeded


class RefundFailedEvent(_Envelope):
    """refund.failed."""

    type: Literal["refund.failed"]
    data: RefundFailed


class DisputeCreatedEvent(_Envelope):
    """dispute.created."""

    type: Literal["dispute.created"]
    data: DisputeCreated


class DisputeUpdatedEvent(_Envelope):
    """dispute.updated."""

    type: Literal["dispute.updated"]
    data: DisputeUpdated


class DisputeClosedEvent(_Envelope):
    """dispute.closed."""

    type: Literal["dispute.closed"]
    data: DisputeClosed


Event = (
    OrderCreatedEvent
    | OrderReservedEvent
    | OrderConfirmedEvent
    | OrderCancelledEvent
    | OrderExpiredEvent
    | OrderFailedEvent
    | OrderRefundedEvent
    | PaymentProcessingEvent
    | PaymentSucceededEvent
    | PaymentFailedEvent
    | PaymentCanceledEvent
    | RefundSucceededEvent
    | RefundFailedEvent
    | DisputeCreatedEvent
    | DisputeUpdatedEvent
    | DisputeClosedEvent
)

EVENT = TypeAdapter[Event](Annotated[Event, Field(discriminator="type")])
"""Validates a canonical envelope (a dict or JSON) into its event."""

EVENT_TYPES: dict[str, type[_Envelope]] = {
    model.model_fields["type"].annotation.__args__[0]: model for model in Event.__args__
}
"""Every event type a handler exists for, with its model."""


def payload_of(event_type: str) -> type[BaseModel]:
    """The model of an event's payload."""
    payload = EVENT_TYPES[event_type].model_fields["data"].annotation
    assert isinstance(payload, type)
    assert issubclass(payload, BaseModel)
    return payload


def items_of(payload: type[BaseModel], field: str) -> type[BaseModel] | None:
    """The model of the items of a payload's list; None: the field is no list."""
    item = next(iter(get_args(payload.model_fields[field].annotation)), None)
    return item if isinstance(item, type) and issubclass(item, BaseModel) else None


MONEY_EVENTS = frozenset(name for name in EVENT_TYPES if not name.startswith("order."))
"""Events that move money: they have a queue of their own."""
