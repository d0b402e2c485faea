"""What holds wherever an order stands: where books and provider contradict, and who paid what."""

from collections.abc import Mapping, Sequence

from order_ops.domain.orders import Order
from order_ops.domain.repairs.plans import ActKind, Decision, Finding, GiveBack, Plan, SeenPayment

REFUNDS = 3
"""So often a refund is made anew that failed at the provider; then somebody has to look."""
UNDECIDED = frozenset({"processing", "unknown"})
_ENDS = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}


def contradiction(order: Order, seen: Sequence[SeenPayment]) -> Decision | None:
    """What nobody can act upon before somebody has looked: books and provider disagree on money."""
    there = {one.ref: one for one in seen}
    for ours in order.payments.values():
        found = there.get(ours.payment)
        if found is None:
            continue
        if ours.is_paid and not found.is_paid:
            reason = (
                f"payment {ours.payment} is paid in our books, at the provider it is {found.status}"
            )
            return _only("not_paid_there", reason, ours.amount_minor)
        if found.is_paid and found.amount_minor != ours.amount_minor:
            reason = (
                f"payment {ours.payment} is {found.amount_minor} at the provider, "
                f"{ours.amount_minor} in our books (minor units)"
            )
            return _only("other_amount", reason, abs(found.amount_minor - ours.amount_minor))
    foreign = sorted({one.currency for one in seen if one.is_paid} - {order.currency})
    if foreign:
        reason = f"paid in {', '.join(foreign)}, ordered in {order.currency}"
        return _only("other_currency", reason, order.total_minor)
    return _of_refunds(order, there)


def _of_refunds(order: Order, there: Mapping[str, SeenPayment]) -> Decision | None:
    """A refund of ours that its provider does not know would be paid back a second time."""
    known = {back.ref: back for one in there.values() for back in one.refunds}
    for ours in order.refunds.values():
        if ours.payment not in there or ours.status == "failed":
            continue
        found = known.get(ours.refund)
        if found is None:
            reason = f"refund {ours.refund} is {ours.status} in our books, unknown to the provider"
            return _only("refund_not_there", reason, ours.amount_minor)
        if found.amount_minor != ours.amount_minor:
            reason = (
                f"refund {ours.refund} is {found.amount_minor} at the provider, "
                f"{ours.amount_minor} in our books (minor units)"
            )
            return _only("other_amount", reason, abs(found.amount_minor - ours.amount_minor))
    return None


def _only(code: str, reason: str, amount_minor: int) -> Decision:
    return Decision(findings=(Finding(code, reason, amount_minor, critical=True),))


def unsettled(order: Order, seen: Sequence[SeenPayment]) -> Plan | None:
    """What the provider did with money, and our books have not heard of."""
    news = [*_payments_unheard_of(order, seen), *_refunds_unheard_of(order, seen)]
    if not news:
        return None
    return Plan(ActKind.SETTLE, f"the provider says: {'; '.join(news)}", _moved(order, seen))


def _moved(order: Order, seen: Sequence[SeenPayment]) -> int:
    ours = order.paid_minor() - order.refunded_minor()
    return abs(sum(one.kept_minor for one in seen) - ours)


def _payments_unheard_of(order: Order, seen: Sequence[SeenPayment]) -> list[str]:
    known = {one.payment for one in order.payments.values() if one.is_paid}
    return [
        f"payment {one.ref} of {one.amount_minor} succeeded (minor units)"
        for one in seen
        if one.is_paid and one.ref not in known
    ]


def _refunds_unheard_of(order: Order, seen: Sequence[SeenPayment]) -> list[str]:
    told = []
    for refund in (back for one in seen for back in one.refunds):
        known = order.refunds.get(refund.ref)
        end = _ENDS.get(refund.status)
        if (known is None and refund.counts) or (known and end and known.status != end):
            told.append(f"refund {refund.ref} of {refund.amount_minor} {refund.status}")
    return told


def locked(order: Order, seen: Sequence[SeenPayment]) -> str | None:
    """Why nothing may be paid back: a dispute is not decided, and the bank may take it as well."""
    open_ones = [one.dispute for one in order.disputes.values() if one.status == "open"]
    disputed = [one.ref for one in seen if one.disputed]
    if not open_ones and not disputed:
        return None
    return f"dispute open on {', '.join(open_ones or disputed)}: refunds wait until it is decided"


def under_way(seen: Sequence[SeenPayment]) -> list[str]:
    """Refunds that the provider has not ended."""
    return [back.ref for one in seen for back in one.refunds if back.status == "pending"]


def all_kept(seen: Sequence[SeenPayment]) -> tuple[GiveBack, ...]:
    """Whatever is still there, to be given back."""
    return tuple(
        GiveBack(one.ref, one.account, one.kept_minor) for one in seen if one.kept_minor > 0
    )


def pay_back(order: Order, seen: Sequence[SeenPayment], plan: Plan, *told: Finding) -> Decision:
    """A plan that pays back, unless an open dispute locks it, or it failed too often."""
    if why := locked(order, seen):
        return Decision(findings=(*told, Finding("refund_locked", why, plan.amount_minor)))
    wanted = {one.payment for one in plan.give_back}
    failed = [r for r in order.refunds.values() if r.status == "failed" and r.payment in wanted]
    if len(failed) >= REFUNDS:
        reason = f"{len(failed)} refunds of {', '.join(sorted(wanted))} have failed"
        finding = Finding("refund_fails", reason, plan.amount_minor, critical=True)
        return Decision(findings=(*told, finding))
    return Decision(plan, told)


def on_top(order: Order, seen: Sequence[SeenPayment]) -> tuple[GiveBack, ...]:
    """Payments beyond the first that pays the whole order by itself; the later ones are extra."""
    paid = sorted(
        (one for one in seen if one.kept_minor > 0),
        key=lambda one: (one.created is None, one.created, one.ref),
    )
    whole = next((one for one in paid if one.kept_minor == order.total_minor), None)
    if whole is None:
        return ()
    return tuple(GiveBack(p.ref, p.account, p.kept_minor) for p in paid if p is not whole)
