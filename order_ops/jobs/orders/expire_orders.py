"""Reservations past their expiry: the provider is asked first, then it is decided.

Oldest-checked first, so that no order starves behind one that stays undecided.
What cannot be decided is left, with an alert by age, never expired on a guess.
What a decision then does is `order_ops.jobs.orders.expiry_acts`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from sqlalchemy import Engine

from order_ops.domain.cleanup import Verdict, decide_expiry
from order_ops.domain.failures import ClassifiedError
from order_ops.domain.orders import Order, State
from order_ops.jobs.orders.expiry_acts import NOT_CANCELLED, Expirer, Seen, act
from order_ops.store import ledger
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import transaction
from order_ops.store.ledger import Key
from order_ops.store.queries import orders as sql

RECHECK_S = 300


@dataclass(frozen=True, slots=True)
class Expiry:
    """What a run did: orders by what became of them."""

    orders: Counter[str] = field(default_factory=Counter)
    details: list[tuple[str, str, str]] = field(default_factory=list)


def has_due(pool: Engine, grace_s: int) -> bool:
    """Whether there is any reservation to look at; cheap."""
    with transaction(pool) as conn:
        return bool(sql.has_due_reservations(conn, grace_s=grace_s, recheck_s=RECHECK_S))


def due_reservations(pool: Engine, grace_s: int, limit: int) -> list[Key]:
    """Reservations past expiry and grace, oldest-checked first."""
    with transaction(pool) as conn:
        rows = sql.due_reservations(conn, grace_s=grace_s, recheck_s=RECHECK_S, orders=limit)
        return [(row.tenant_id, row.order_id) for row in rows]


def expire(
    expirer: Expirer, due: list[Key], *, dry_run: bool = False, seconds: float = 300.0
) -> Expiry:
    """Decide about each order, and act where acting is enabled, until the time is up."""
    deadline = monotonic() + seconds
    done = Expiry()
    for key in due:
        if monotonic() > deadline:
            break
        what, reason = _one(expirer, key, dry_run=dry_run)
        done.orders[what] += 1
        done.details.append((key[1], what, reason))
    return done


def _one(expirer: Expirer, key: Key, *, dry_run: bool) -> tuple[str, str]:
    with transaction(expirer.pool) as conn:
        order = ledger.load(conn, [key]).get(key)
    if order is None or order.state is not State.RESERVED:
        return "overtaken", "no longer reserved"
    try:
        seen = _ask(expirer, order)
    except ClassifiedError as error:
        return _leave(expirer, order, f"the provider cannot be asked: {error}", dry_run=dry_run)
    decision = decide_expiry(order.total_minor, order.currency, [one.payment for one in seen])
    doubt = _doubt(expirer, order, seen)
    if doubt is not None or decision.verdict is Verdict.LEAVE:
        return _leave(expirer, order, doubt or decision.reason, dry_run=dry_run)
    if dry_run:
        return f"would_{decision.verdict}", decision.reason
    became = act(expirer, order, decision, seen)
    if became == NOT_CANCELLED:
        return _leave(expirer, order, "a payment could not be cancelled", dry_run=False)
    return became, decision.reason


def _ask(expirer: Expirer, order: Order) -> list[Seen]:
    """Every payment of the order that any of its accounts knows of, once.

    Accounts may share an API key, and then both know of every payment: counted
    twice, an order paid in half would be confirmed.
    """
    refs: dict[str, list[str]] = {}
    for payment in order.payments.values():
        refs.setdefault(payment.account, []).append(payment.payment)
    seen: dict[str, Seen] = {}
    for account in expirer.mapping.accounts:
        if account.tenant == order.tenant:
            client = expirer.client_of(account.name)
            answer = client.payments_of_order(order.order_id, refs.get(account.name, []))
            for found in answer:
                if found.ref in refs.get(account.name, []) or found.ref not in seen:
                    seen[found.ref] = Seen(account.name, found)
    return list(seen.values())


def _doubt(expirer: Expirer, order: Order, seen: Sequence[Seen]) -> str | None:
    """Why the provider's answer cannot be the whole truth about the order, if it cannot."""
    if order.shop_state is not None and not any(one.payment.status == "succeeded" for one in seen):
        return f"the shop says it is {order.shop_state}, and the provider has no payment"
    asked = {a.name for a in expirer.mapping.accounts if a.tenant == order.tenant}
    there = {one.payment.ref: one.payment for one in seen}
    for ours in order.payments.values():
        if ours.account not in asked:
            return f"payment {ours.payment} is at {ours.account}, which nobody can ask"
        found = there.get(ours.payment)
        paid = found is not None and found.status == "succeeded"
        if ours.status == "succeeded" and not paid:
            return f"payment {ours.payment} is paid in our books and not at the provider"
        if found is not None and paid and found.amount_minor != ours.amount_minor:
            amounts = f"{found.amount_minor} at the provider, {ours.amount_minor} in our books"
            return f"payment {ours.payment} is {amounts} (minor units)"
    return None


def _leave(expirer: Expirer, order: Order, reason: str, *, dry_run: bool) -> tuple[str, str]:
    """Nothing on a guess; the longer it stays undecided, the louder."""
    if dry_run:
        return "would_leave", reason
    age_s = (datetime.now(UTC) - order.expires_at).total_seconds() if order.expires_at else 0.0
    with transaction(expirer.pool) as conn:
        sql.mark_checked(conn, tenant_id=order.tenant, order_id=order.order_id)
        raise_alerts(conn, [_undecided(order, reason, age_s)])
    return "left", reason


def _undecided(order: Order, reason: str, age_s: float) -> Alert:
    return Alert(
        dedupe_key=f"expiry:{order.tenant}:{order.order_id}:{'day' if age_s > 86_400 else 'new'}",
        severity="critical" if age_s > 86_400 else "warning",
        title=f"Order {order.order_id} is past its expiry and undecided: {reason}"[:300],
        tenant_id=order.tenant,
        order_id=order.order_id,
        amount_minor=order.total_minor,
        currency=order.currency,
    )
