"""Acting on an expiry's decision: plan, then the provider, then the order.

Where the act is not enabled for an account of the order, the plan is a proposal
in ops.act and nothing moves. The plan is committed before the first call, no
call is made inside a transaction, and the order is changed only if it still is
what was decided about. A plan is unique per order version: the same facts never
lead to a second act.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import structlog
from sqlalchemy import Engine

from order_ops.domain.cleanup import Decision, Verdict
from order_ops.domain.failures import ClassifiedError
from order_ops.domain.orders import Order, Payment, State, move
from order_ops.jobs.days import reconciliation_days
from order_ops.mapping import ActKind, ActMode, Mapping
from order_ops.providers.client import ProviderClient, ProviderPayment
from order_ops.store import ledger
from order_ops.store.engine import Connection, transaction
from order_ops.store.ledger import Touched
from order_ops.store.queries import ops
from order_ops.store.queries import orders as sql

log = structlog.get_logger(__name__)

_CAUTIOUS: tuple[ActMode, ...] = ("off", "propose", "automatic")
NOT_CANCELLED = "not_cancelled"
_DONE = {Verdict.EXPIRE: "expired", Verdict.CONFIRM: "confirmed"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A payment as the provider reports it, and the account it was asked of."""

    account: str
    payment: ProviderPayment


@dataclass(frozen=True, slots=True)
class Expirer:
    """With what orders are expired; `client_of` gives an account's provider client."""

    pool: Engine
    mapping: Mapping
    client_of: Callable[[str], ProviderClient]
    run_id: str
    grace_s: int


def act(expirer: Expirer, order: Order, decision: Decision, seen: Sequence[Seen]) -> str:
    """Carry out a decision as far as it is allowed; what became of it, in a word."""
    mode = _mode(expirer.mapping, order, decision)
    plan = _plan(expirer, order, decision, seen, mode)
    if mode != "automatic":
        return "off" if mode == "off" else f"{decision.verdict}_proposed"
    if plan.state == "done":
        return "overtaken"
    still_payable = _cancel(expirer, decision, seen)
    if still_payable is not None:
        about = {"order": order.order_id, "correlation_id": expirer.run_id}
        log.warning("expire.not_cancelled", **about, payment=still_payable)
        return NOT_CANCELLED
    with transaction(expirer.pool) as conn:
        changed = _change(conn, expirer, order, decision, seen)
        ops.end_act(conn, id=plan.id, state="done" if changed else "overtaken")
    return _DONE[decision.verdict] if changed else "overtaken"


def _mode(mapping: Mapping, order: Order, decision: Decision) -> ActMode:
    """The most cautious mode of the order's accounts; of the tenant's, when it has none."""
    named = {payment.account for payment in order.payments.values()}
    accounts = [a for a in mapping.accounts if a.tenant == order.tenant]
    concerned = [a for a in accounts if a.name in named] if named else accounts
    kind: ActKind = "expire" if decision.verdict is Verdict.EXPIRE else "confirm"
    modes = [account.act_mode(kind) for account in concerned]
    return min(modes, key=_CAUTIOUS.index, default="propose")


def _plan(
    expirer: Expirer, order: Order, decision: Decision, seen: Sequence[Seen], mode: ActMode
) -> Any:
    """The row that says what is going to be done and on which facts, committed first."""
    facts = {
        "total_minor": order.total_minor,
        "currency": order.currency,
        "expires_at": order.expires_at.isoformat() if order.expires_at else None,
        "provider": [{"account": one.account, **asdict(one.payment)} for one in seen],
    }
    with transaction(expirer.pool) as conn:
        sql.mark_checked(conn, tenant_id=order.tenant, order_id=order.order_id)
        if mode == "off":
            return None
        return ops.plan_act(
            conn,
            kind=decision.verdict.value,
            tenant_id=order.tenant,
            order_id=order.order_id,
            account=",".join(sorted({one.account for one in seen})) or None,
            order_version=order.version,
            state="proposed" if mode == "propose" else "intended",
            reason=decision.reason,
            facts=json.dumps(facts, default=str),
            run_id=expirer.run_id,
        )


def _cancel(expirer: Expirer, decision: Decision, seen: Sequence[Seen]) -> str | None:
    """Cancel each payable payment; the first that is not seen cancelled, if any."""
    accounts = {one.payment.ref: one.account for one in seen}
    for ref in decision.cancel:
        key = str(uuid5(NAMESPACE_OID, f"order_ops:cancel:{accounts[ref]}:{ref}"))
        try:
            after = expirer.client_of(accounts[ref]).cancel(ref, key)
        except ClassifiedError as error:
            log.warning(
                "expire.cancel_failed",
                payment=ref,
                error=str(error),
                correlation_id=expirer.run_id,
            )
            return ref
        if after.status != "canceled":
            return ref
    return None


def _change(
    conn: Connection,
    expirer: Expirer,
    decided: Order,
    decision: Decision,
    seen: Sequence[Seen],
) -> bool:
    """Change the order, if it still is the one that was decided about."""
    key = (decided.tenant, decided.order_id)
    order = ledger.load(conn, [key])[key]
    if order.version != decided.version:
        return False
    touched = Touched(order, order.version)
    now = datetime.now(UTC)
    expires = decision.verdict is Verdict.EXPIRE
    if not expires:
        _record_payments(order, seen, now)
    change = move(
        order,
        State.EXPIRED if expires else State.CONFIRMED,
        kind=_DONE[decision.verdict],
        at=now,
        cause=f"run:{expirer.run_id}",
        detail={"reason": decision.reason},
    )
    touched.changes.append(replace(change, correlation_id=expirer.run_id))
    ledger.save(conn, [touched])
    reconciliation_days.mark_changed(conn, expirer.mapping, [order])
    return True


def _record_payments(order: Order, seen: Sequence[Seen], now: datetime) -> None:
    """What the provider has, and we had not heard of."""
    for one in seen:
        paid = one.payment
        known = order.payments.get(paid.ref)
        if paid.status == "succeeded" and (known is None or known.status != "succeeded"):
            order.payments[paid.ref] = Payment(
                paid.ref, one.account, paid.amount_minor, paid.currency, "succeeded", now
            )
