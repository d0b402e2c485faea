"""Which orders are looked at is found by index, however many there are, and no tenant waits."""

import json
from typing import Any

import pytest

from order_ops.jobs.repairs import due
from order_ops.store.engine import transaction
from order_ops.store.queries import orders
from order_ops_tests.integration.conftest import Shop

ORDERS = 30_000
_SEED = """
    INSERT INTO orders.orders (tenant_id, order_id, state, version, currency, total_minor,
        created_at, expires_at, look_at)
    SELECT 't' || mod(n, 3), 'o' || n,
        CASE mod(n, 10) WHEN 0 THEN 'RESERVED' ELSE 'CONFIRMED' END, 1, 'BRL', 1, now(), now(),
        CASE WHEN mod(n, 10) = 0 OR mod(n, 100) = 1 THEN now() + CASE WHEN mod(n, 1000) < 10
            THEN -interval '1 hour' ELSE interval '1 minute' END END
    FROM generate_series(1, %(orders)s) n
"""


@pytest.fixture
def many(shop: Shop) -> Shop:
    """Orders of three tenants, few of them due; their history is of no matter here."""
    with transaction(shop.pool) as conn:
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute(_SEED, {"orders": ORDERS})
    with shop.pool.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
            "ANALYZE orders.orders"
        )
    return shop


def scans(plan: dict[str, Any]) -> set[tuple[str, str]]:
    """How each table is read: (node, index or table)."""
    found = {(plan["Node Type"], plan.get("Index Name") or plan.get("Relation Name", ""))}
    return found.union(*(scans(part) for part in plan.get("Plans", [])))


@pytest.mark.parametrize(
    ("query", "index", "values"),
    [
        ("due_reservations", "ix_orders_reserved", {"grace_s": 0, "orders": 100}),
        ("has_due_reservations", "ix_orders_reserved", {"grace_s": 0}),
        ("open_orders", "ix_orders_open", {"orders": 100}),
        ("has_open_orders", "ix_orders_open", {}),
        ("expiring", "ix_orders_reserved", {"before_s": 600, "orders": 100}),
        ("has_expiring", "ix_orders_reserved", {"before_s": 600}),
    ],
)
def test_pages_are_found_by_index(
    many: Shop, query: str, index: str, values: dict[str, Any]
) -> None:
    text = getattr(orders, query).sql
    with transaction(many.pool) as conn:
        row = conn.execute(f"EXPLAIN (FORMAT JSON) {text}", values).fetchone()
    assert row is not None
    told = row[0] if isinstance(row[0], list) else json.loads(row[0])
    read = scans(told[0]["Plan"])
    assert ("Seq Scan", "orders") not in read
    assert any(name == index for _, name in read), read


def test_as_many_of_each_tenant_are_taken(many: Shop) -> None:
    taken = due.reservations(many.pool, 0.0, 5)
    assert {tenant: sum(key[0] == tenant for key in taken) for tenant, _ in taken} == {
        "t0": 5,
        "t1": 5,
        "t2": 5,
    }
