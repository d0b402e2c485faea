"""What is done about an order that may not be as it should, given what its provider says.

Pure decisions: an order, the provider's answers and the terms go in; one plan, or none, and what
somebody has to look at come out. The rule: the provider is believed about money, the books about
everything else, and where the two cannot both be right nothing is done. Orders are judged by where
they stand: `waiting` (placed or reserved), `standing` (confirmed or completed) and `closed`
(expired, cancelled or refunded); `money` has what is the same in all of them.
"""

from collections.abc import Sequence

from order_ops.domain.orders import Order, State
from order_ops.domain.repairs import closed, money, standing, waiting
from order_ops.domain.repairs.plans import (
    ActKind,
    ActState,
    Decision,
    Finding,
    GiveBack,
    Plan,
    SeenPayment,
    SeenRefund,
    Terms,
)

__all__ = [
    "ActKind",
    "ActState",
    "Decision",
    "Finding",
    "GiveBack",
    "Plan",
    "SeenPayment",
    "SeenRefund",
    "Terms",
    "decide",
]

_JUDGES = {
    State.PENDING: waiting.decide,
    State.RESERVED: waiting.decide,
    State.CONFIRMED: standing.decide,
    State.COMPLETED: standing.decide,
    State.EXPIRED: closed.decide,
    State.CANCELLED: closed.decide,
    State.REFUNDED: closed.decide,
}


def decide(order: Order, seen: Sequence[SeenPayment], terms: Terms) -> Decision:
    """Decide about one order.

    Args:
        seen: every payment of the order that any account that can be asked knows of, and those
            that we know of and it does not (`unknown`).
    """
    return money.contradiction(order, seen) or _JUDGES[order.state](order, seen, terms)
