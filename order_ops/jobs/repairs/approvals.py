"""What people decide about acts: proposals are approved or rejected, failed acts planned anew.

Each decision is in the audit, with its reason. Nothing is carried out here: an approved act is what
`apply_repairs_job` begins with, and it is done only if the same would still be planned then.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import Engine

from order_ops.domain.break_acts import Role
from order_ops.domain.failures import MendableError
from order_ops.domain.repairs import ActState
from order_ops.domain.repairs.changes import Writing
from order_ops.mapping.roles import RoleError, Roles
from order_ops.store import audit, ledger
from order_ops.store.audit import Actor
from order_ops.store.engine import Connection, transaction
from order_ops.store.ledger import Touched
from order_ops.store.queries import acts as sql

_DECIDES: tuple[Role, ...] = ("finance", "approver")
_REJECTS: tuple[Role, ...] = ("operator", *_DECIDES)


class ActError(MendableError):
    """That cannot be decided about an act; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which acts are listed; none: whatever."""

    state: str | None = None
    kind: str | None = None
    order_id: str | None = None


def find(pool: Engine, chosen: Chosen, limit: int = 50) -> list[Any]:
    """Acts, the latest first: rows of `ops.act`."""
    with transaction(pool) as conn:
        about = {"state": chosen.state, "kind": chosen.kind, "order_id": chosen.order_id}
        return list(sql.acts(conn, acts=limit, **about))


def story(pool: Engine, act_id: int) -> tuple[Any, list[Any], list[Any]]:
    """An act, what its providers were told, and what people decided about it.

    Raises:
        ActError: there is none of that number.
    """
    with transaction(pool) as conn:
        act = _act(conn, act_id)
        return act, list(sql.calls_of(conn, act_ids=[act_id])), audit.of(conn, f"act:{act_id}")


def approve(pool: Engine, roles: Roles, act_id: int, actor: Actor) -> None:
    """Let a proposal be carried out.

    Raises:
        RoleError: the actor may not.
        ActError: it is no proposal, or another act of its order is under way.
    """
    _may(roles, actor, _DECIDES, "approve an act")
    with transaction(pool) as conn:
        _proposal(conn, act_id)
        try:
            _decide(conn, act_id, ActState.APPROVED, actor)
        except psycopg.errors.UniqueViolation:
            raise ActError(
                f"another act of the order of act {act_id} is under way: wait until it has ended"
            ) from None


def reject(pool: Engine, roles: Roles, act_id: int, actor: Actor) -> None:
    """Let a proposal be: it is proposed again only when something happens to its order.

    Raises:
        RoleError: the actor may not.
        ActError: it is no proposal.
    """
    _may(roles, actor, _REJECTS, "reject an act")
    with transaction(pool) as conn:
        _proposal(conn, act_id)
        _decide(conn, act_id, ActState.REJECTED, actor)


def retry(pool: Engine, roles: Roles, act_id: int, actor: Actor) -> None:
    """Have a failed act planned anew, by what its provider says then, under a key of its own.

    Raises:
        RoleError: the actor may not.
        ActError: it has not failed.
    """
    _may(roles, actor, _DECIDES, "have an act tried again")
    with transaction(pool) as conn:
        act = _act(conn, act_id)
        if act.state != ActState.FAILED:
            raise ActError(f"act {act_id} is {act.state}: only one that has failed is tried again")
        key = (act.tenant_id, act.order_id)
        order = ledger.load(conn, [key])[key]
        touched = Touched(order, order.version)
        writing = Writing(f"act:{act_id}", datetime.now(UTC))
        touched.changes.append(writing.note(order, "repair_retried", by=actor.name))
        ledger.save(conn, [touched])
        ledger.look_soon(conn, [key])
        audit.record(conn, actor, "retry_act", f"act:{act_id}")


def _may(roles: Roles, actor: Actor, held: tuple[Role, ...], what: str) -> None:
    if not any(roles.has(actor.name, role) for role in held):
        raise RoleError(f"{actor.name} may not {what}: that takes the role {' or '.join(held)}")


def _act(conn: Connection, act_id: int) -> Any:
    act = sql.act_by_id(conn, id=act_id)
    if act is None:
        raise ActError(f"there is no act {act_id}: order-ops acts list shows them")
    return act


def _proposal(conn: Connection, act_id: int) -> None:
    state = _act(conn, act_id).state
    if state != ActState.PROPOSED:
        raise ActError(f"act {act_id} is {state}: only what is proposed is decided about")


def _decide(conn: Connection, act_id: int, state: ActState, actor: Actor) -> None:
    by = {"actor": actor.name, "reason": actor.reason}
    sql.decide_act(conn, id=act_id, state=state.value, **by)
    audit.record(conn, actor, f"{state.value}_act", f"act:{act_id}")
