"""Which orders are looked at: those due longest, as many of each tenant.

Reservations that have run out, and orders about which something else is open, are looked at by jobs
of their own, so that neither waits for the other. `look_at` of an order says when it is due; what a
look leaves undecided is due again later, behind what was not looked at yet. Whether there is
anything to do leaves out tenants whose provider could not be asked in the last five minutes.
"""

from sqlalchemy import Engine

from order_ops.store.engine import transaction
from order_ops.store.ledger import Key
from order_ops.store.queries import acts
from order_ops.store.queries import orders as sql


def has_reservations(pool: Engine, grace_s: float) -> bool:
    """Whether a reservation has run out, and its grace; cheap."""
    with transaction(pool) as conn:
        return bool(sql.has_due_reservations(conn, grace_s=grace_s))


def reservations(pool: Engine, grace_s: float, limit: int) -> list[Key]:
    """Reservations that have run out, at most so many of each tenant."""
    with transaction(pool) as conn:
        rows = sql.due_reservations(conn, grace_s=grace_s, orders=limit)
        return [(row.tenant_id, row.order_id) for row in rows]


def has_open(pool: Engine) -> bool:
    """Whether an order is due about which something else is open; cheap."""
    with transaction(pool) as conn:
        return bool(sql.has_open_orders(conn))


def open_orders(pool: Engine, limit: int) -> list[Key]:
    """Orders about which something else is open, at most so many of each tenant."""
    with transaction(pool) as conn:
        return [(row.tenant_id, row.order_id) for row in sql.open_orders(conn, orders=limit)]


def has_expiring(pool: Engine, before_s: float) -> bool:
    """Whether a customer is to hear that a reservation is about to run out; cheap."""
    with transaction(pool) as conn:
        return bool(sql.has_expiring(conn, before_s=before_s))


def expiring(pool: Engine, before_s: float, limit: int) -> list[Key]:
    """Reservations that run out within so long, and whose customer has not heard of that."""
    with transaction(pool) as conn:
        rows = sql.expiring(conn, before_s=before_s, orders=limit)
        return [(row.tenant_id, row.order_id) for row in rows]


def has_pending_refunds(pool: Engine) -> bool:
    """Whether an order is due with a refund that has not ended; cheap."""
    with transaction(pool) as conn:
        return bool(sql.has_pending_refunds(conn))


def pending_refunds(pool: Engine, limit: int) -> list[Key]:
    """Orders with a refund that has not ended."""
    with transaction(pool) as conn:
        rows = sql.orders_with_pending_refunds(conn, orders=limit)
        return [(row.tenant_id, row.order_id) for row in rows]


def has_acts_under_way(pool: Engine) -> bool:
    """Whether an act waits to be carried out; cheap."""
    return bool(of_acts_under_way(pool, 1))


def of_acts_under_way(pool: Engine, limit: int) -> list[Key]:
    """Orders of acts that were approved, or begun and not ended; those first that wait longest."""
    with transaction(pool) as conn:
        return [(row.tenant_id, row.order_id) for row in acts.approved_orders(conn, orders=limit)]
