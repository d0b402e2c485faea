"""What a look tells people: orders that nobody may repair on a guess, and providers that are down.

An alert per order and reason, which ends when a later look finds it no more; one for a provider
that cannot be asked about any of a chunk, however many orders wait for it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from order_ops.domain.failures import ClassifiedError
from order_ops.domain.orders import Order
from order_ops.domain.repairs import Decision, Finding
from order_ops.domain.repairs.looks import again
from order_ops.store import alerts, ledger
from order_ops.store.alerts import Alert
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import orders as sql

if TYPE_CHECKING:
    from order_ops.jobs.repairs.repairing import Case

_URGENT = timedelta(days=1)
"""What waits for so long is critical, whatever it is."""
_DOWN_URGENT = timedelta(hours=1)
_PREFIX = "repair:"


def unasked(order: Order, error: ClassifiedError) -> Decision:
    """What is decided about an order whose provider cannot be asked: nothing."""
    reason = f"the provider cannot be asked: {error}"
    return Decision(findings=(Finding("cannot_be_asked", reason, order.total_minor),))


def why(decision: Decision) -> str:
    """What was found, in a sentence."""
    return "; ".join(one.reason for one in decision.findings) or "nothing is due"


def providers_down(pool: Engine, cases: Sequence["Case"]) -> dict[str, str]:
    """Tenants none of whose orders could be asked about, and why; told until one can be."""
    by_tenant: dict[str, list[Case]] = {}
    for case in cases:
        by_tenant.setdefault(case.order.tenant, []).append(case)
    down = {tenant: told for tenant, told in by_tenant.items() if all(one.error for one in told)}
    with transaction(pool) as conn:
        alerts.resolve(conn, *(f"provider:{tenant}" for tenant in by_tenant.keys() - down.keys()))
        alerts.raise_alerts(conn, [_down(tenant, told) for tenant, told in down.items()])
    return {tenant: why(told[0].decision) for tenant, told in down.items()}


def end_settled(pool: Engine) -> None:
    """End the alerts of orders that an event has settled since they were looked at."""
    with transaction(pool) as conn:
        alerts.resolve_of_settled(conn, _PREFIX)


def _down(tenant: str, errors: Sequence["Case"]) -> Alert:
    oldest = min(_due(case.order) for case in errors)
    waits = datetime.now(UTC) - oldest
    return Alert(
        dedupe_key=f"provider:{tenant}",
        severity="critical" if waits > _DOWN_URGENT else "warning",
        title=f"The provider of {tenant} cannot be asked about {len(errors)} orders or more, the "
        f"oldest due since {oldest:%Y-%m-%d %H:%M} UTC: nothing expires or is repaired meanwhile",
        detail={"error": str(errors[0].error)},
        tenant_id=tenant,
    )


def record(conn: Connection, cases: Sequence["Case"]) -> None:
    """Say what was found, end what is found no more, and when each order is looked at again."""
    now = datetime.now(UTC)
    told = [_alert(case, finding, now) for case in cases for finding in _found(case)]
    alerts.raise_alerts(conn, told)
    keys = ledger.keys(case.key for case in cases)
    alerts.resolve_of_orders(conn, _PREFIX, keys, [alert.dedupe_key for alert in told])
    open_ones = [case for case in cases if case.what not in _CHANGED]
    sql.looked_at(
        conn,
        tenant_id=[case.order.tenant for case in open_ones],
        order_id=[case.order.order_id for case in open_ones],
        version=[case.order.version for case in open_ones],
        look_at=[
            None if case.decision.settled else again(_due(case.order), now) for case in open_ones
        ],
    )


_CHANGED = frozenset(
    {"expired", "confirmed", "cancelled", "refunded", "reinstated", "released", "settled"}
)
"""What changed an order: the change says when it is looked at next."""


def _found(case: "Case") -> list[Finding]:
    found = list(case.decision.findings)
    if case.what == "failed":
        about = case.decision.plan.amount_minor if case.decision.plan else 0
        found.append(Finding("act_failed", f"the act failed: {case.why}", about, critical=True))
    elif case.what == "done":
        found.append(Finding("done_and_still_so", f"{case.why}; that was done already"))
    elif case.what == "to_be_tried_again":
        found.append(Finding("act_waits", f"the provider did not do its part: {case.why}"))
    return found


def _due(order: Order) -> datetime:
    return order.expires_at or order.state_since or order.created_at


def _alert(case: "Case", finding: Finding, now: datetime) -> Alert:
    order = case.order
    urgent = finding.critical or now - _due(order) > _URGENT
    return Alert(
        dedupe_key=f"{_PREFIX}{order.tenant}:{order.order_id}:{finding.code}",
        severity="critical" if urgent else "warning",
        title=f"Order {order.order_id} is {order.state}: {finding.reason}"[:300],
        tenant_id=order.tenant,
        order_id=order.order_id,
        amount_minor=finding.amount_minor,
        currency=order.currency,
    )
