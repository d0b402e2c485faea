"""Orders that stand: confirmed, or completed.

What came on top of the order's own payment goes back. That the provider does not know it as paid
is a contradiction, told at once and never changed in silence (`money.contradiction`). A
confirmation that nobody acted upon is said again.
"""

from collections.abc import Sequence

from order_ops.domain.orders import Order, State
from order_ops.domain.repairs import money
from order_ops.domain.repairs.plans import ActKind, Decision, Finding, Plan, SeenPayment, Terms


def decide(order: Order, seen: Sequence[SeenPayment], terms: Terms) -> Decision:
    """See `order_ops.domain.repairs.decide`."""
    if plan := money.unsettled(order, seen):
        return Decision(plan)
    if extra := money.on_top(order, seen):
        amount = sum(one.amount_minor for one in extra)
        refs = ", ".join(one.payment for one in extra)
        reason = f"paid more than once: {refs} came on top of the order's payment"
        plan = Plan(ActKind.REFUND, reason, amount, give_back=extra)
        told = Finding("paid_more_than_once", reason, amount, critical=True)
        return money.pay_back(order, seen, plan, told)
    if _is_forgotten(order, terms):
        reason = "confirmed, and not heard of as completed: the confirmation is said again"
        return Decision(Plan(ActKind.REPEAT, reason))
    return Decision(settled=not money.under_way(seen))


def _is_forgotten(order: Order, terms: Terms) -> bool:
    """Whether the shop says when it has completed an order, and has not in time."""
    if terms.fulfilment is None or order.state is not State.CONFIRMED:
        return False
    since = order.state_since
    return since is not None and since + terms.fulfilment < terms.now
