"""Orders that are closed: expired, cancelled or refunded.

Nothing of theirs may stay: money goes back (or the order comes back, where the shop wants that and
a person agrees), what could still be paid is cancelled, stock that is held is released.
"""

from collections.abc import Sequence

from order_ops.domain.orders import Order, State
from order_ops.domain.repairs import money
from order_ops.domain.repairs.plans import ActKind, Decision, Finding, Plan, SeenPayment, Terms


def decide(order: Order, seen: Sequence[SeenPayment], terms: Terms) -> Decision:
    """See `order_ops.domain.repairs.decide`."""
    if plan := money.unsettled(order, seen):
        return Decision(plan)
    if any(one.kept_minor > 0 for one in seen):
        return _paid(order, seen, terms)
    if payable := tuple(one.ref for one in seen if one.status == "requires_payment"):
        reason = f"the order is {order.state}, and {', '.join(payable)} could still be paid"
        return Decision(Plan(ActKind.CANCEL, reason, cancel=payable))
    if order.stock_held:
        return Decision(Plan(ActKind.RELEASE, f"the order is {order.state}, and holds stock"))
    if processing := [one.ref for one in seen if one.status == "processing"]:
        reason = f"the order is {order.state}, and {', '.join(processing)} may still succeed"
        return Decision(findings=(Finding("undecided", reason, order.total_minor),))
    return Decision(settled=not money.under_way(seen))


def _paid(order: Order, seen: Sequence[SeenPayment], terms: Terms) -> Decision:
    backs = money.all_kept(seen)
    amount = sum(one.amount_minor for one in backs)
    reason = f"the order is {order.state}, and the provider has {amount} of it (minor units)"
    told = Finding("paid_after_close", reason, amount, critical=True)
    whole = amount == order.total_minor and order.state in (State.EXPIRED, State.CANCELLED)
    if terms.after_close == "reinstate" and whole:
        asked = f"{reason}: it comes back, if there is stock"
        return Decision(Plan(ActKind.REINSTATE, asked, amount, to=State.CONFIRMED), (told,))
    plan = Plan(ActKind.REFUND, reason, amount, give_back=backs)
    return money.pay_back(order, seen, plan, told)
