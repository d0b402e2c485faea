"""Customers hear of the end of their reservation once, and again only when it has another end."""

from order_ops.jobs.repairs import due
from order_ops.jobs.repairs.reminding import remind
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, paid, reserved

BEFORE_S = 600.0


def reminded(shop: Shop, **more: bool) -> dict[str, int]:
    keys = due.expiring(shop.pool, BEFORE_S, 100)
    return dict(remind(shop.pool, "run-m", keys, **more).orders)


def events(shop: Shop) -> list[str]:
    rows = shop.rows(
        "SELECT order_id FROM ops.outbox WHERE routing_key = 'order.remind' ORDER BY id"
    )
    return [row.order_id for row in rows]


def test_each_reservation_that_runs_out_soon_is_told_once(shop: Shop) -> None:
    for order, expires_in_s in (("soon", 300), ("later", 3_600), ("over", -60)):
        shop.stage(created(order), reserved(order, expires_in_s=expires_in_s))
    shop.stage(created("paid"), reserved("paid", expires_in_s=300), paid("paid"))
    shop.apply()
    assert due.has_expiring(shop.pool, BEFORE_S)
    assert reminded(shop, dry_run=True) == {"would_remind": 1}
    assert events(shop) == []
    assert reminded(shop) == {"reminded": 1}
    assert (reminded(shop), events(shop)) == ({}, ["soon"])
    assert not due.has_expiring(shop.pool, BEFORE_S)


def test_two_at_once_tell_once(shop: Shop) -> None:
    shop.stage(created("o1"), reserved("o1", expires_in_s=300))
    shop.apply()
    keys = due.expiring(shop.pool, BEFORE_S, 100)
    outcomes = [dict(remind(shop.pool, "run-m", keys).orders) for _ in range(2)]
    assert outcomes == [{"reminded": 1}, {"overtaken": 1}]
    assert events(shop) == ["o1"]


def test_a_reservation_with_another_end_is_told_of_again(shop: Shop) -> None:
    shop.stage(created("o1"), reserved("o1", expires_in_s=300))
    shop.apply()
    reminded(shop)
    shop.rows(
        "UPDATE orders.orders SET expires_at = expires_at + interval '1 minute',"
        " look_at = look_at + interval '1 minute' RETURNING 1"
    )
    assert reminded(shop) == {"reminded": 1}
    assert events(shop) == ["o1", "o1"]
