"""Leases by name: who is the one active process of a kind, by the database's clock.

Not held is not an error: whoever does not get a lease leaves the work to its
holder. A lease that is not renewed passes by itself, so that a process which
was killed or put to sleep holds nothing for longer than it lasts.
"""

import structlog
from sqlalchemy import Engine

from order_ops.store.engine import transaction
from order_ops.store.queries import ops

log = structlog.get_logger(__name__)


def take(pool: Engine, name: str, owner: str, seconds: float) -> bool:
    """Take or renew a lease; False: somebody else has it."""
    with transaction(pool) as conn:
        return ops.take_lease(conn, name=name, owner=owner, seconds=seconds) is not None


def release(pool: Engine, name: str, owner: str) -> None:
    """Give a lease back; one that is somebody else's by now is left alone. Never raises."""
    try:
        with transaction(pool) as conn:
            ops.release_lease(conn, name=name, owner=owner)
    except Exception as error:  # noqa: BLE001 - it passes by itself
        log.warning("lease.left", name=name, error=repr(error))


def is_held(pool: Engine, name: str) -> bool:
    """Whether anybody holds the lease now."""
    with transaction(pool) as conn:
        return bool(ops.lease_is_held(conn, name=name))
