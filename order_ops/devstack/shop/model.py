"""The values a demo day is made of.

Belongs here: plain frozen records which more than one module of the shop
passes on. How they are made, and what they mean to a judge, is elsewhere.
Amounts are minor units of BRL, times UTC.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

CARDS = "shop-cards"
BOLETO = "shop-boleto"
ACCOUNTS = (CARDS, BOLETO)
TENANT = "shop"
CURRENCY = "BRL"

Phase = Literal["day", "after_expiry"]
"""When to play it: before, or after the orders that nobody paid have expired."""

Status = Literal[
    "requires_payment_method", "processing", "requires_capture", "succeeded", "canceled"
]
"""Stripe's statuses of a payment intent, as far as they occur here."""
Category = Literal["charge", "refund", "fee", "payout"]
"""Stripe's reporting categories, as far as they occur here."""


@dataclass(frozen=True, slots=True)
class Message:
    """A broker message as published; no `message_id`: the property is not set."""

    body: bytes
    routing_key: str
    message_id: str | None
    headers: Mapping[str, str]
    phase: Phase


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment intent as the provider knows it from this phase on; `created`: epoch seconds."""

    ref: str
    account: str
    order_id: str
    amount_minor: int
    status: Status
    phase: Phase = "day"
    created: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A balance transaction of the provider; empty references are lost ones."""

    line_id: str
    order_id: str
    source_id: str
    payment_intent_id: str
    charge_id: str
    created: datetime
    gross_minor: int
    fee_minor: int
    category: Category
    method: str = ""

    @property
    def net_minor(self) -> int:
        """What the balance changes by."""
        return self.gross_minor - self.fee_minor


@dataclass(frozen=True, slots=True)
class Label:
    """One injected fault, and what a system must make of it.

    Attributes:
        payment_ref: the provider's id of the payment intent.
        entry_id: our ledger's entry (`payment:pi_...`), None where we have none.
        lines: the provider's line ids of that payment.
        amount_minor: the money at stake, 0 when none is.
        expected_class: the class of the one break it must become, or None.
        expected_match: the entry must be matched with one of its lines.
        body: of a poison message, to be parked byte for byte.
    """

    fault: str
    order_id: str = ""
    account: str = ""
    payment_ref: str = ""
    entry_id: str | None = None
    lines: frozenset[str] = frozenset()
    amount_minor: int = 0
    expected_class: str | None = None
    expected_match: bool = False
    body: bytes | None = None

    @property
    def keys(self) -> frozenset[str]:
        """All that a break about this fault may name it by."""
        return (self.lines | {self.order_id, self.payment_ref, self.entry_id or ""}) - {""}


@dataclass(frozen=True, slots=True)
class Stake:
    """How many breaks of a class, and the money in them (minor units, never negative)."""

    count: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Expected:
    """The figures that must come out of a day, from what was put into it.

    Attributes:
        published: all messages, of which `duplicates` are second copies.
        parked: the poison; the rest, `applied`, changes an order each.
        orders: orders by final state, once the due ones have expired.
        matched: pairs that match and leave nothing to ask; a pair with a break
            (other amount, captured after cancel, not recorded) is not one of them.
    """

    published: int
    duplicates: int
    parked: int
    applied: int
    orders: Mapping[str, int]
    breaks: Mapping[str, Stake]
    matched: int


@dataclass(frozen=True, slots=True)
class ShopDay:
    """One accounting day of the shop.

    Attributes:
        messages: in publishing order, the phase "day" first.
        provider_files: account -> CSV bytes, of `lines` (account -> rows).
        intents: what the provider's API answers.
        links: each true pair (our entry id, provider line id).
        labels: the faults; no two about one order.
    """

    day: date
    messages: tuple[Message, ...]
    lines: Mapping[str, tuple[Line, ...]]
    provider_files: Mapping[str, bytes]
    intents: tuple[Intent, ...]
    links: frozenset[tuple[str, str]]
    labels: tuple[Label, ...]
    expected: Expected

    def faults(self) -> dict[str, int]:
        """How often each fault was injected."""
        return dict(sorted(Counter(label.fault for label in self.labels).items()))
