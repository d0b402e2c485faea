"""What people have paused: asked by whoever it concerns, every few seconds."""

from typing import Any, Literal

from sqlalchemy import Engine

from order_ops.store import audit
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops.store.queries import ops

Name = Literal["consumer"]


def pause(pool: Engine, name: Name, actor: Actor) -> bool:
    """Pause; False: it is paused already, and stays as it was."""
    with transaction(pool) as conn:
        done = bool(ops.pause(conn, name=name, actor=actor.name, reason=actor.reason))
        if done:
            audit.record(conn, actor, "pause", name)
    return done


def resume(pool: Engine, name: Name, actor: Actor) -> bool:
    """Resume; False: it is not paused."""
    with transaction(pool) as conn:
        done = bool(ops.resume(conn, name=name))
        if done:
            audit.record(conn, actor, "resume", name)
    return done


def paused(pool: Engine, name: Name) -> Any:
    """Who paused it, why and since when (actor, reason, since); None: nobody."""
    with transaction(pool) as conn:
        return ops.paused(conn, name=name)
