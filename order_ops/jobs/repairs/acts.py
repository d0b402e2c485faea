"""Acts: what is planned about orders is written down before anything is done about it.

A plan that is not enabled for each account that it concerns is a proposal, and moves nothing until
a person approves it. An act of a kind is unique per version of its order, so that the same facts
never lead to a second one; and of an order's acts one at a time is under way, which is what keeps
two of them, or a run and a person, from acting upon one order at once.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import orjson

from order_ops.domain.orders import Order, State
from order_ops.domain.repairs import ActKind, ActState, GiveBack, Plan, SeenPayment
from order_ops.mapping import MODES, Mapping, Mode
from order_ops.store import ledger
from order_ops.store.engine import Connection
from order_ops.store.ledger import Key
from order_ops.store.queries import acts as sql
from order_ops.store.queries import columns

_NEVER_ALONE = frozenset({ActKind.REINSTATE})
"""Kinds that a person always has to agree to."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be done about an order, as it and its provider were seen to be.

    Attributes:
        mode: what the shop allows.
    """

    order: Order
    plan: Plan
    seen: tuple[SeenPayment, ...]
    mode: Mode

    @property
    def key(self) -> Key:
        """The order's."""
        return self.order.tenant, self.order.order_id


@dataclass(frozen=True, slots=True)
class Act:
    """An act under way."""

    id: int
    key: Key
    plan: Plan


def mode_of(mapping: Mapping, order: Order, plan: Plan, seen: Sequence[SeenPayment]) -> Mode:
    """The most cautious mode of the accounts concerned; of the tenant's, when none is named."""
    named = {one.account for one in order.payments.values()} | {one.account for one in seen}
    accounts = mapping.of_tenant(order.tenant)
    concerned = [one for one in accounts if one.name in named] or accounts
    modes = [one.act_mode(plan.kind, plan.amount_minor, order.currency) for one in concerned]
    if plan.kind in _NEVER_ALONE:
        modes.append("propose")
    return min(modes, key=MODES.index, default="propose")


def write(conn: Connection, planned: Sequence[Planned], run_id: str) -> dict[Key, tuple[int, str]]:
    """Write plans down; what became of each: the act's id, and its state.

    Orders that have changed since they were seen, and those that have an act under way, are not
    among them.
    """
    arrays = ledger.keys([one.key for one in planned])
    orders = ledger.load(conn, [one.key for one in planned])
    busy = {(row.tenant_id, row.order_id) for row in sql.acts_under_way(conn, **arrays)}
    rows = [
        _row(one)
        for one in planned
        if one.mode != "off"
        and one.key not in busy
        and one.key in orders
        and orders[one.key].version == one.order.version
    ]
    if not rows:
        return {}
    keyed = ("tenant_id", "order_id", "kind", "order_version")
    sql.supersede_proposals(conn, **columns(rows, *keyed))
    found = sql.plan_acts(conn, run_id=run_id, **columns(rows, *rows[0]))
    return {(row.tenant_id, row.order_id): (row.id, row.state) for row in found}


def _row(one: Planned) -> dict[str, Any]:
    state = ActState.INTENDED if one.mode == "automatic" else ActState.PROPOSED
    facts = {
        "total_minor": one.order.total_minor,
        "currency": one.order.currency,
        "state": one.order.state,
        "expires_at": one.order.expires_at,
        "provider": [asdict(payment) for payment in one.seen],
    }
    return {
        "kind": one.plan.kind.value,
        "tenant_id": one.order.tenant,
        "order_id": one.order.order_id,
        "account": ",".join(sorted({payment.account for payment in one.seen})) or None,
        "order_version": one.order.version,
        "state": state.value,
        "reason": one.plan.reason,
        "amount_minor": one.plan.amount_minor,
        "currency": one.order.currency,
        "plan": orjson.dumps(asdict(one.plan)).decode(),
        "facts": orjson.dumps(facts).decode(),
    }


def under_way(conn: Connection, keys: Sequence[Key]) -> dict[Key, Act]:
    """The acts of orders that were approved, or begun by a run that did not come to its end."""
    rows = sql.acts_under_way(conn, **ledger.keys(keys))
    return {
        (row.tenant_id, row.order_id): Act(
            row.id, (row.tenant_id, row.order_id), plan_of(row.kind, row.plan)
        )
        for row in rows
    }


def plan_of(kind: str, document: dict[str, Any]) -> Plan:
    """A plan as it was written down."""
    to = document.get("to")
    return Plan(
        kind=ActKind(kind),
        reason=document["reason"],
        amount_minor=document["amount_minor"],
        cancel=tuple(document["cancel"]),
        give_back=tuple(GiveBack(**one) for one in document["give_back"]),
        to=State(to) if to else None,
    )


def call_key(act: Act, verb: str, payment: str, account: str) -> str:
    """The idempotency key of a call: the same act tells its provider the same, by the same key."""
    return str(uuid5(NAMESPACE_OID, f"order_ops:{verb}:{act.id}:{account}:{payment}"))


def end(conn: Connection, ended: Sequence[tuple[int, ActState, str | None]]) -> None:
    """Acts that came to their end: id, how, and what went wrong."""
    if ended:
        ids, states, errors = zip(*ended, strict=True)
        sql.end_acts(conn, id=list(ids), state=[str(one) for one in states], error=list(errors))
