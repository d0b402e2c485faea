"""Alerts as the tests of this room tell them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from order_ops.alerting.notices import Notice, Step, Subject

AT = datetime(2026, 3, 10, 15, tzinfo=UTC)
SUBJECT = Subject(
    id=7,
    dedupe_key="order:shop:o1:2",
    severity="critical",
    title="Order o1: paid after its expiry",
    owner="payments",
    runbook="docs/runbooks/orders.md",
    seen=3,
    created_at=AT,
    last_seen_at=AT + timedelta(minutes=5),
    tenant_id="shop",
    orders=("o1",),
    order_count=1,
    money={"BRL": 128_420},
    error="ValueError: x",
    attempt=2,
    run_id="run-1",
    correlation_id="cart-1",
)


def notice(step: Step = "open", *, number: int = 1, **changes: Any) -> Notice:
    return Notice(replace(SUBJECT, **changes), step, number, "warning", AT)
