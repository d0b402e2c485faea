"""The ledger of orders: loading orders whole, and saving what happened to them.

Saving writes history, state, payments, refunds, disputes, stock, outbox and alerts in the
caller's transaction, set-based over many orders.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from order_ops.domain.failures import ClassifiedError, FailureKind
from order_ops.domain.orders import Change, Dispute, Order, Payment, Refund, State
from order_ops.domain.repairs.looks import next_look
from order_ops.store import outbox
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import Connection
from order_ops.store.queries import columns
from order_ops.store.queries import orders as sql

Key = tuple[str, str]
"""(tenant, order id)."""


class StaleOrder(ClassifiedError):
    """Somebody else changed an order since it was read; read it again."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} orders were changed by somebody else", FailureKind.TRANSIENT)


@dataclass(slots=True)
class Touched:
    """An order in work: its version as read, and its changes since."""

    order: Order
    read_version: int
    changes: list[Change] = field(default_factory=list)


def keys(lanes: Iterable[Key]) -> dict[str, list[str]]:
    """The two key arrays of a statement over many orders, sorted."""
    ordered = sorted(lanes)
    return {"tenant_id": [k[0] for k in ordered], "order_id": [k[1] for k in ordered]}


def load(conn: Connection, lanes: Sequence[Key]) -> dict[Key, Order]:
    """Load orders whole and lock them until the transaction ends."""
    arrays = keys(lanes)
    found: dict[Key, Order] = {}
    for row in sql.load_orders(conn, **arrays):
        found[row.tenant_id, row.order_id] = Order(
            tenant=row.tenant_id,
            order_id=row.order_id,
            currency=row.currency,
            total_minor=row.total_minor,
            created_at=row.created_at,
            state=State(row.state),
            version=row.version,
            expires_at=row.expires_at,
            stock_held=row.stock_held,
            shop_state=State(row.shop_state) if row.shop_state else None,
            state_since=row.state_since,
        )
    if found:
        _load_parts(conn, keys(found), found)
    return found


def _load_parts(conn: Connection, arrays: dict[str, list[str]], found: dict[Key, Order]) -> None:
    for row in sql.load_payments(conn, **arrays):
        found[row.tenant_id, row.order_id].payments[row.payment] = Payment(
            row.payment, row.account, row.amount_minor, row.currency, row.status, row.succeeded_at
        )
    for row in sql.load_refunds(conn, **arrays):
        found[row.tenant_id, row.order_id].refunds[row.refund] = Refund(
            row.refund,
            row.payment,
            row.account,
            row.amount_minor,
            row.currency,
            row.status,
            row.settled_at,
        )
    for row in sql.load_disputes(conn, **arrays):
        found[row.tenant_id, row.order_id].disputes[row.dispute] = Dispute(
            **{name: getattr(row, name) for name in Dispute.__dataclass_fields__}
        )
    for row in sql.load_reservations(conn, **arrays):
        found[row.tenant_id, row.order_id].reservations[row.sku] = row.quantity


def look_soon(conn: Connection, orders: Sequence[Key]) -> None:
    """Have orders looked at by the next run, whatever our own books say of them."""
    sql.look_soon(conn, **keys(orders))


def save(conn: Connection, touched: Sequence[Touched]) -> None:
    """Save orders with their changes.

    Raises:
        StaleOrder: an order is no longer at the version that was read.
    """
    touched = [one for one in touched if one.changes]
    if not touched:
        return
    sql.add_history(conn, **_history(touched))
    saved = sql.save_orders(conn, **_orders(touched))
    if saved != len(touched):
        raise StaleOrder(len(touched) - saved)
    _save_parts(conn, touched)
    outbox.add(conn, [(one.order, change) for one in touched for change in one.changes])
    raise_alerts(conn, [alert for one in touched for alert in _alerts(one)])


def _history(touched: Sequence[Touched]) -> dict[str, list[Any]]:
    rows = [
        {
            "tenant_id": one.order.tenant,
            "order_id": one.order.order_id,
            "version": change.version,
            "kind": change.kind,
            "from_state": change.from_state,
            "to_state": change.to_state,
            "occurred_at": change.occurred_at,
            "cause": change.cause,
            "correlation_id": change.correlation_id,
            "detail": change.detail,
        }
        for one in touched
        for change in one.changes
    ]
    return columns(rows, *rows[0])


def _orders(touched: Sequence[Touched]) -> dict[str, list[Any]]:
    plain = ("state", "version", "currency", "total_minor", "created_at", "expires_at")
    more = ("stock_held", "shop_state", "state_since")
    arrays = columns([one.order for one in touched], "order_id", *more, *plain)
    arrays["tenant_id"] = [one.order.tenant for one in touched]
    arrays["read_version"] = [one.read_version for one in touched]
    arrays["look_at"] = [next_look(one.order) for one in touched]
    return arrays


def _save_parts(conn: Connection, touched: Sequence[Touched]) -> None:
    """Payments, refunds, disputes and stock of the touched orders."""
    payments = [_keyed(one, p) for one in touched for p in one.order.payments.values()]
    refunds = [_keyed(one, r) for one in touched for r in one.order.refunds.values()]
    disputes = [_keyed(one, d) for one in touched for d in one.order.disputes.values()]
    stock = [
        {
            "tenant_id": one.order.tenant,
            "order_id": one.order.order_id,
            "sku": sku,
            "quantity": quantity,
            "state": _stock_state(one.order),
        }
        for one in touched
        for sku, quantity in one.order.reservations.items()
    ]
    if payments:
        sql.save_payments(conn, **columns(payments, *payments[0]))
    if refunds:
        sql.save_refunds(conn, **columns(refunds, *refunds[0]))
    if disputes:
        sql.save_disputes(conn, **columns(disputes, *disputes[0]))
    if stock:
        sql.save_reservations(conn, **columns(stock, *stock[0]))


def _keyed(one: Touched, part: Payment | Refund | Dispute) -> dict[str, Any]:
    values = {name: getattr(part, name) for name in part.__dataclass_fields__}
    return {"tenant_id": one.order.tenant, "order_id": one.order.order_id, **values}


def _stock_state(order: Order) -> str:
    if not order.stock_held:
        return "released"
    return "held" if order.state is State.RESERVED else "allocated"


def _alerts(one: Touched) -> list[Alert]:
    """Money that arrived where it should not have is never just a log line."""
    return [
        Alert(
            dedupe_key=f"order:{one.order.tenant}:{one.order.order_id}:{change.version}",
            severity="critical",
            title=f"Order {one.order.order_id}: {change.kind.replace('_', ' ')}",
            detail={**change.detail, "correlation_id": change.correlation_id},
            tenant_id=one.order.tenant,
            order_id=one.order.order_id,
            amount_minor=change.detail.get("amount"),
            currency=one.order.currency,
        )
        for change in one.changes
        if change.alert
    ]
