"""Orders and what a provider says of them, for tests of repairs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from order_ops.domain.orders import Order, Payment, State
from order_ops.domain.repairs import SeenPayment, SeenRefund, Terms

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
TERMS = Terms(now=NOW, grace=timedelta(minutes=1))
TOTAL = 1_000


def order(state: State, *, paid: int | None = None, **more: Any) -> Order:
    """An order of 1,000 BRL whose reservation ended an hour ago; `paid`: what our books have."""
    at = NOW - timedelta(hours=2)
    fields = {
        "expires_at": NOW - timedelta(hours=1),
        "reservations": {"seat": 1},
        "stock_held": state in (State.RESERVED, State.CONFIRMED),
        "state_since": at,
        **more,
    }
    made = Order("shop", "o1", "BRL", TOTAL, at, state=state, version=3, **fields)
    status, moment = ("pending", None) if paid is None else ("succeeded", at)
    made.payments["pi_1"] = Payment("pi_1", "cards", paid or TOTAL, "BRL", status, moment)
    return made


def seen(status: str = "succeeded", amount: int = TOTAL, **more: Any) -> SeenPayment:
    """The order's payment as the provider has it."""
    fields = {"ref": "pi_1", "account": "cards", "currency": "BRL", "created": NOW, **more}
    return SeenPayment(status=status, amount_minor=amount, **fields)


def back(ref: str = "re_1", amount: int = TOTAL, status: str = "succeeded") -> SeenRefund:
    """A refund as the provider has it."""
    return SeenRefund(ref, status, amount)
