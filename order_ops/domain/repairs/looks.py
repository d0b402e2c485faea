"""When an order is looked at, until nothing about it is open.

By what our books say alone: whoever looks asks the provider. A look that settles an order ends it;
one that does not is repeated, the later the longer it has been.
"""

from datetime import datetime, timedelta

from order_ops.domain.orders import CLOSED, Order, State

PLACED = timedelta(days=1)
"""How long an order may be placed and not reserved."""
LATE = timedelta(hours=1)
"""How long after its end an order is looked at once more: what was under way has ended by then."""
SOON = timedelta(minutes=5)
SELDOM = timedelta(hours=6)


def next_look(order: Order) -> datetime | None:
    """When an order is due, as a change leaves it; none: nothing about it is open."""
    since = order.state_since or order.created_at
    if order.state is State.PENDING:
        return order.created_at + PLACED
    if order.state is State.RESERVED:
        return order.expires_at
    open_minor = order.paid_minor() - order.refunded_minor()
    is_odd = order.shop_state is not None or any(
        one.status == "pending" for one in order.refunds.values()
    )
    if order.state in CLOSED | {State.REFUNDED}:
        return since if open_minor > 0 or order.stock_held or is_odd else since + LATE
    paid = [one for one in order.payments.values() if one.is_paid]
    return since if is_odd or (len(paid) > 1 and open_minor > order.total_minor) else None


def again(first: datetime, now: datetime) -> datetime:
    """When an order is looked at again that was first due at a moment, and is not settled."""
    return now + min(max(SOON, (now - first) / 10), SELDOM)
