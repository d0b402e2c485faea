"""What people have paused: asked by whoever it concerns, every few seconds."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine

from order_ops.store import audit
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops.store.queries import ops

CONSUMER = "consumer"
ACTS = "acts"
"""Every act; `acts:refund` those of a kind, `acts:shop-cards` those of an account."""


def pause(pool: Engine, name: str, actor: Actor) -> bool:
    """Pause; False: it is paused already, and stays as it was."""
    with transaction(pool) as conn:
        done = bool(ops.pause(conn, name=name, actor=actor.name, reason=actor.reason))
        if done:
            audit.record(conn, actor, "pause", name)
    return done


def resume(pool: Engine, name: str, actor: Actor) -> bool:
    """Resume; False: it is not paused."""
    with transaction(pool) as conn:
        done = bool(ops.resume(conn, name=name))
        if done:
            audit.record(conn, actor, "resume", name)
    return done


def acts_paused(pool: Engine, kind: str, account: str | None = None) -> str | None:
    """Why no act of a kind, or of an account, may be carried out just now; none: it may."""
    names = [ACTS, f"{ACTS}:{kind}", *([f"{ACTS}:{account}"] if account else [])]
    found = _any_paused(pool, names)
    if found is None:
        return None
    since = f"{found.since:%Y-%m-%d %H:%M}"
    return f"{found.name} is paused by {found.actor} since {since}: {found.reason}"


def _any_paused(pool: Engine, names: Sequence[str]) -> Any:
    with transaction(pool) as conn:
        return ops.any_paused(conn, names=list(names))


def paused(pool: Engine, name: str) -> Any:
    """Who paused it, why and since when (actor, reason, since); None: nobody."""
    with transaction(pool) as conn:
        return ops.paused(conn, name=name)
