"""The messages a shop publishes about an order, and their order at the source.

Belongs here: event bodies in the wire contract's version 1, their producers,
and the sequence numbers. Broken messages are in `poison`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .fates import UNPAID, Fate
from .lives import Dice, Life, Payment
from .model import CURRENCY, TENANT, Message, Phase


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it has its sequence number; `again` is when a copy is published."""

    publish_at: datetime
    type: str
    order_id: str
    occurred_at: datetime
    data: dict[str, Any]
    subject: str = ""
    phase: Phase = "day"
    again: datetime | None = None

    @property
    def producer(self) -> str:
        """The service that says it."""
        return "order-service" if self.type.startswith("order.") else "payment-service"


def drafts_of(life: Life) -> Iterator[Draft]:
    """What is said about an order; nothing at all when it is missing on our side."""
    if life.fate is Fate.MISSING_INTERNAL:
        return
    yield from _order(life)
    if life.fate not in UNPAID and life.fate is not Fate.PAID_NOT_RECORDED:
        yield from (_paid(life, payment) for payment in life.payments)
    if life.late:
        yield _paid(life, life.late, phase="after_expiry")
    yield from _refund(life)


def encode(drafts: Iterable[Draft], dice: Dice) -> list[Message]:
    """The messages in publishing order; a copy is the same message byte for byte.

    Sequences count per producer, as it publishes.
    """
    sequences: Counter[str] = Counter()
    made: dict[int, Message] = {}
    queue = sorted(
        _publications(drafts), key=lambda item: (item[1].phase == "after_expiry", item[0])
    )
    messages = []
    for _, draft in queue:
        if id(draft) not in made:
            sequences[draft.producer] += 1
            made[id(draft)] = _message(draft, sequences[draft.producer], dice)
        messages.append(made[id(draft)])
    return messages


def _publications(drafts: Iterable[Draft]) -> Iterator[tuple[datetime, Draft]]:
    for draft in drafts:
        yield draft.publish_at, draft
        if draft.again:
            yield draft.again, draft


def _order(life: Life) -> Iterator[Draft]:
    hurry = life.fate is Fate.PAYMENT_BEFORE_ORDER
    held_up = life.payments[-1].at + timedelta(seconds=40) - life.opened if hurry else timedelta()
    copy = timedelta(minutes=7) if life.fate is Fate.DUPLICATE_MESSAGE else None
    reserved = life.opened + timedelta(seconds=4)
    yield Draft(
        life.opened + held_up, "order.created", life.order_id, life.opened,
        {"total_minor": life.total_minor, "currency": CURRENCY},
        again=life.opened + copy if copy else None,
    )  # fmt: skip
    intents = [
        {"payment": paid.ref, "account": paid.account, "amount_minor": paid.amount_minor}
        for paid in life.payments
    ]
    held = {"sku": f"sku-{life.order_id[:6]}", "quantity": 1}
    data = {"expires_at": _utc(life.expires_at), "reservations": [held], "payments": intents}
    yield Draft(reserved + held_up, "order.reserved", life.order_id, reserved, data)
    at = life.opened + timedelta(minutes=9)
    if life.fate is Fate.CANCELLED:
        yield Draft(at, "order.cancelled", life.order_id, at, {"reason": "customer changed mind"})
    if life.fate is Fate.DECLINED:
        data = {**_payment_data(life.payments[0]), "reason": "card_declined"}
        yield Draft(at, "payment.failed", life.order_id, at, data, life.payments[0].ref)


def _paid(life: Life, payment: Payment, phase: Phase = "day") -> Draft:
    copy = payment.at + timedelta(minutes=5) if life.fate is Fate.DUPLICATE_MESSAGE else None
    return Draft(
        payment.at, "payment.succeeded", life.order_id, payment.at,
        _payment_data(payment), payment.ref, phase, copy,
    )  # fmt: skip


def _refund(life: Life) -> Iterator[Draft]:
    if life.refund is None:
        return
    failed = life.fate is Fate.REFUND_FAILED
    data = {
        **_payment_data(life.payments[0]),
        "amount_minor": life.refund.amount_minor,
        "refund": life.refund.ref,
    }
    if failed:
        data["reason"] = "account_closed"
    kind = "refund.failed" if failed else "refund.succeeded"
    yield Draft(life.refund.at, kind, life.order_id, life.refund.at, data, life.refund.ref)


def _payment_data(payment: Payment) -> dict[str, Any]:
    return {
        "payment": payment.ref,
        "account": payment.account,
        "amount_minor": payment.amount_minor,
        "currency": CURRENCY,
    }


def _message(draft: Draft, sequence: int, dice: Dice) -> Message:
    message_id = dice.ref("evt", draft.order_id, draft.type, draft.subject)
    body = {
        "id": message_id,
        "version": 1,
        "type": draft.type,
        "tenant": TENANT,
        "producer": draft.producer,
        "sequence": sequence,
        "order": draft.order_id,
        "occurred_at": _utc(draft.occurred_at),
        "data": draft.data,
    }
    encoded = json.dumps(body, separators=(",", ":")).encode()
    return Message(encoded, draft.type, message_id, {}, draft.phase)


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
