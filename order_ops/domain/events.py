"""The events of an order, version 1: the canonical envelope of each.

Models only; what they carry is in `order_ops.domain.payloads`. How a message of a given
shop is read into them is `order_ops.messaging.codec`; what they do to an order
is `order_ops.domain.orders`. `docs/events.md` is generated from this module.
Amounts are integers in minor units of an ISO 4217 currency, times are UTC.
"""

from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    field_validator,
)

from order_ops.domain import payloads
from order_ops.domain.payloads import Identifier, Model, Moment

VERSION = 1


class _Envelope(Model):
    """What every message carries."""

    id: Identifier
    version: Literal[1]
    tenant: Identifier
    producer: Identifier
    sequence: Annotated[int, Field(strict=True, ge=0, le=10**15)]
    order: Identifier
    occurred_at: Moment
    correlation: Identifier | None = None


class KnownParts(Model):
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
    data: payloads.OrderCreated


class OrderReservedEvent(_Envelope):
    """order.reserved."""

    type: Literal["order.reserved"]
    data: payloads.OrderReserved


class OrderConfirmedEvent(_Envelope):
    """order.confirmed."""

    type: Literal["order.confirmed"]
    data: payloads.OrderConfirmed


class OrderCancelledEvent(_Envelope):
    """order.cancelled."""

    type: Literal["order.cancelled"]
    data: payloads.OrderCancelled


class OrderExpiredEvent(_Envelope):
    """order.expired."""

    type: Literal["order.expired"]
    data: payloads.OrderExpired


class OrderFailedEvent(_Envelope):
    """order.failed."""

    type: Literal["order.failed"]
    data: payloads.OrderFailed


class OrderRefundedEvent(_Envelope):
    """order.refunded."""

    type: Literal["order.refunded"]
    data: payloads.OrderRefunded


class PaymentProcessingEvent(_Envelope):
    """payment.processing."""

    type: Literal["payment.processing"]
    data: payloads.PaymentProcessing


class PaymentSucceededEvent(_Envelope):
    """payment.succeeded."""

    type: Literal["payment.succeeded"]
    data: payloads.PaymentSucceeded


class PaymentFailedEvent(_Envelope):
    """payment.failed."""

    type: Literal["payment.failed"]
    data: payloads.PaymentFailed


class PaymentCanceledEvent(_Envelope):
    """payment.canceled."""

    type: Literal["payment.canceled"]
    data: payloads.PaymentCanceled


class RefundSucceededEvent(_Envelope):
    """refund.succeeded."""

    type: Literal["refund.succeeded"]
    data: payloads.RefundSucceeded


class RefundFailedEvent(_Envelope):
    """refund.failed."""

    type: Literal["refund.failed"]
    data: payloads.RefundFailed


class DisputeCreatedEvent(_Envelope):
    """dispute.created."""

    type: Literal["dispute.created"]
    data: payloads.DisputeCreated


class DisputeUpdatedEvent(_Envelope):
    """dispute.updated."""

    type: Literal["dispute.updated"]
    data: payloads.DisputeUpdated


class DisputeClosedEvent(_Envelope):
    """dispute.closed."""

    type: Literal["dispute.closed"]
    data: payloads.DisputeClosed


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

EVENT = TypeAdapter[Event](
    Annotated[Event, Field(discriminator="type")], config=ConfigDict(hide_input_in_errors=True)
)
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
