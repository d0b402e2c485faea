"""Orders that wait for their payment: placed, or with stock reserved.

Paid in full: confirmed, where stock is held for it; else the money goes back. Past its time and
seen to be unpayable: expired. Everything else waits, and is told the louder the older it is.
"""

from collections.abc import Sequence
from datetime import timedelta

from order_ops.domain.orders import Order, State
from order_ops.domain.repairs import money
from order_ops.domain.repairs.plans import ActKind, Decision, Finding, Plan, SeenPayment, Terms


def decide(order: Order, seen: Sequence[SeenPayment], terms: Terms) -> Decision:
    """See `order_ops.domain.repairs.decide`."""
    undecided = [one.ref for one in seen if one.status in money.UNDECIDED]
    if undecided:
        return _wait("undecided", f"the provider has not decided on {', '.join(undecided)}")
    kept = sum(one.kept_minor for one in seen)
    extra = sum(one.amount_minor for one in money.on_top(order, seen))
    paid = any(one.is_paid for one in seen)
    if kept - extra == order.total_minor and (paid or order.total_minor == 0):
        return _paid(order, seen, terms)
    if paid:
        return _paid_otherwise(order, seen, kept)
    if doubt := _doubt(order, terms):
        return doubt
    if not is_due(order, terms):
        return Decision()
    return _unpaid(order, seen)


def is_due(order: Order, terms: Terms) -> bool:
    """Whether its time is over: a reservation's, with its grace; a placed order's without one."""
    if order.state is State.RESERVED and order.expires_at is not None:
        return order.expires_at + terms.grace < terms.now
    return order.created_at + terms.stale < terms.now


def _paid(order: Order, seen: Sequence[SeenPayment], terms: Terms) -> Decision:
    amount = order.total_minor
    if order.state is State.RESERVED and (order.stock_held or not order.reservations):
        reason = "the provider has the whole amount"
        return Decision(Plan(ActKind.CONFIRM, reason, amount, to=State.CONFIRMED))
    if not is_due(order, terms):
        return Decision()
    backs = money.all_kept(seen)
    reason = "paid, and no stock is held for it: the money goes back"
    plan = Plan(ActKind.REFUND, reason, amount, give_back=backs, to=State.CANCELLED)
    return money.pay_back(order, seen, plan)


def _paid_otherwise(order: Order, seen: Sequence[SeenPayment], kept: int) -> Decision:
    if kept == 0 and (plan := money.unsettled(order, seen)):
        return Decision(plan)
    reason = f"the provider has {kept} of {order.total_minor} (minor units)"
    return _wait("paid_otherwise", reason, abs(order.total_minor - kept))


def _doubt(order: Order, terms: Terms) -> Decision | None:
    """Why what was asked may not be the whole truth."""
    if order.shop_state is not None:
        return _wait(
            "shop_says_otherwise",
            f"the shop says it is {order.shop_state}, and the provider has no payment",
            order.total_minor,
        )
    unseen = [one for one in order.payments.values() if one.account in terms.blind]
    if signs := [one.payment for one in unseen if one.status in {"processing", "succeeded"}]:
        reason = f"{', '.join(signs)} may be paid, and its provider cannot be asked"
        return _wait("cannot_be_asked", reason)
    if terms.blind and not _held_long_enough(order, terms):
        named = ", ".join(sorted(terms.blind))
        return _wait("cannot_be_asked", f"the provider of {named} cannot be asked: it is held")
    return None


def _held_long_enough(order: Order, terms: Terms) -> bool:
    """Whether the stated policy lets it expire without an answer."""
    waits: list[timedelta] = [one for one in terms.blind.values() if one is not None]
    if len(waits) < len(terms.blind):
        return False
    return (order.expires_at or order.created_at) + max(waits) < terms.now


def _unpaid(order: Order, seen: Sequence[SeenPayment]) -> Decision:
    payable = tuple(one.ref for one in seen if one.status == "requires_payment")
    reason = "not paid at the provider" if order.state is State.RESERVED else "never reserved"
    plan = Plan(ActKind.EXPIRE, reason, order.total_minor, cancel=payable, to=State.EXPIRED)
    return Decision(plan)


def _wait(code: str, reason: str, amount_minor: int = 0) -> Decision:
    return Decision(findings=(Finding(code, reason, amount_minor),))
