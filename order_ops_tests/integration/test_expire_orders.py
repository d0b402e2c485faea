"""Expiry asks the provider first, and moves nothing on a guess."""

from collections.abc import Iterator

import pytest

from order_ops.devstack.provider import Answer, ProviderServer
from order_ops.jobs.repairs import due
from order_ops.jobs.repairs.repairing import Looked, Repairer, look
from order_ops.providers.client import StripePayments
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.repairing import GRACE_S, expire, intent, repairer
from order_ops_tests.shop import acting, created, paid, reserved


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


def _expire(shop: Shop, provider: ProviderServer, mode: str = "automatic", **more: bool) -> Looked:
    return expire(shop, provider, acting(mode), **more)


def _order(shop: Shop, provider: ProviderServer, status: str | None, amount: int = 1_000) -> None:
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    if status is not None:
        provider.put([intent("o1", status, amount)])


def _state(shop: Shop) -> str:
    return str(shop.one("SELECT state FROM orders.orders"))


def test_unpaid_is_cancelled_at_the_provider_then_expired(
    shop: Shop, provider: ProviderServer
) -> None:
    _order(shop, provider, "requires_payment_method")
    assert _expire(shop, provider).orders == {"expired": 1}
    assert _state(shop) == "EXPIRED"
    assert shop.one("SELECT state FROM orders.reservations") == "released"
    assert shop.one("SELECT state FROM ops.act") == "done"
    cancels = [call for call in provider.calls if call.path.endswith("/cancel")]
    assert len(cancels) == 1
    assert cancels[0].idempotency_key
    last = shop.rows("SELECT routing_key FROM ops.outbox ORDER BY id DESC LIMIT 1")[0]
    assert last.routing_key == "order.expire"
    assert _expire(shop, provider).orders == {}, "a second run has nothing to do"


def test_paid_at_the_provider_is_confirmed(shop: Shop, provider: ProviderServer) -> None:
    _order(shop, provider, "succeeded")
    assert _expire(shop, provider).orders == {"confirmed": 1}
    assert _state(shop) == "CONFIRMED"
    assert shop.one("SELECT status FROM orders.payments") == "succeeded"


@pytest.mark.parametrize(
    ("status", "amount", "reason"),
    [
        ("processing", 1_000, "has not decided"),
        ("requires_capture", 1_000, "has not decided"),
        (None, 1_000, "has not decided"),
        ("succeeded", 400, "400 at the provider, 1000 in our books"),
        ("succeeded", 1_001, "1001 at the provider, 1000 in our books"),
    ],
)
def test_undecided_is_left_and_alerted(
    shop: Shop, provider: ProviderServer, status: str | None, amount: int, reason: str
) -> None:
    _order(shop, provider, status, amount)
    assert _expire(shop, provider).orders == {"left": 1}
    assert _state(shop) == "RESERVED"
    assert reason in shop.one("SELECT title FROM ops.alert")
    assert due.reservations(shop.pool, GRACE_S, 100) == [], "not at once again"


@pytest.mark.parametrize("answer", [Answer(500, {}), Answer(429, {}), Answer(200, {}, delay_s=4)])
def test_a_provider_that_is_down_expires_nothing(
    shop: Shop, provider: ProviderServer, answer: Answer
) -> None:
    _order(shop, provider, "requires_payment_method")
    provider.script("/v1/payment_intents/pi_o1", answer)
    assert _expire(shop, provider).orders == {"left": 1}
    assert _state(shop) == "RESERVED"
    assert "cannot be asked" in shop.one("SELECT title FROM ops.alert")
    assert len(due.reservations(shop.pool, GRACE_S, 100)) == 1, "it stays due, in its place"
    assert not due.has_reservations(shop.pool, GRACE_S), "but no run is asked for at once"
    shop.rows("UPDATE ops.alert SET last_seen_at = now() - interval '6 minutes' RETURNING 1")
    assert due.has_reservations(shop.pool, GRACE_S)
    assert _expire(shop, provider).orders == {"expired": 1}
    assert shop.one("SELECT count(*) FROM ops.alert WHERE resolved_at IS NULL") == 0


def test_without_being_enabled_it_is_a_proposal(shop: Shop, provider: ProviderServer) -> None:
    _order(shop, provider, "requires_payment_method")
    assert _expire(shop, provider, "propose").orders == {"expire_proposed": 1}
    assert _state(shop) == "RESERVED"
    assert not [call for call in provider.calls if call.method == "POST"]
    act = shop.rows("SELECT kind, state, reason, facts FROM ops.act")[0]
    assert (act.kind, act.state, act.reason) == ("expire", "proposed", "not paid at the provider")
    assert act.facts["provider"][0]["ref"] == "pi_o1"
    assert _expire(shop, provider, "off").orders == {}, "not looked at again so soon"


def test_what_cannot_be_cancelled_does_not_expire(shop: Shop, provider: ProviderServer) -> None:
    _order(shop, provider, "requires_payment_method")
    provider.script("/v1/payment_intents/pi_o1/cancel", Answer(500, {}))
    assert _expire(shop, provider).orders == {"to_be_tried_again": 1}
    assert _state(shop) == "RESERVED"
    assert "did not do its part" in shop.one("SELECT title FROM ops.alert")
    assert shop.one("SELECT state FROM ops.act") == "intended"
    with repairer(shop, provider) as ready:
        done = look(ready, due.of_acts_under_way(shop.pool, 10))
    assert done.orders == {"expired": 1}
    keys = {call.idempotency_key for call in provider.calls if call.path.endswith("/cancel")}
    assert len(keys) == 1, "the same key again"
    call = shop.rows("SELECT state, sent, request_id FROM ops.provider_call")[0]
    assert (call.state, call.sent) == ("answered", 2)
    assert call.request_id
    assert shop.one("SELECT count(*) FROM ops.alert WHERE resolved_at IS NULL") == 0


def test_off_means_off(shop: Shop, provider: ProviderServer) -> None:
    _order(shop, provider, "requires_payment_method")
    assert _expire(shop, provider, "off").orders == {"off": 1}
    assert (_state(shop), shop.one("SELECT count(*) FROM ops.act")) == ("RESERVED", 0)


def test_a_dry_run_writes_nothing(shop: Shop, provider: ProviderServer) -> None:
    _order(shop, provider, "requires_payment_method")
    assert _expire(shop, provider, dry_run=True).orders == {"would_expire": 1}
    assert shop.one("SELECT count(*) FROM ops.act") == 0
    assert len(due.reservations(shop.pool, GRACE_S, 100)) == 1


def test_a_payment_that_comes_while_we_ask_wins(shop: Shop, provider: ProviderServer) -> None:
    _order(shop, provider, "requires_payment_method")

    class Overtaken(StripePayments):
        def cancel(self, payment_ref: str, idempotency_key: str) -> object:  # type: ignore[override]
            shop.stage(paid("o1"))
            shop.apply()
            return super().cancel(payment_ref, idempotency_key)

    with Overtaken("sk_test", api_base=provider.url) as client:
        ready = Repairer(shop.pool, acting(), lambda _: client, "run-e", GRACE_S)
        done = look(ready, due.reservations(shop.pool, GRACE_S, 100))
    assert done.orders["overtaken"] == 1
    assert _state(shop) == "CONFIRMED"
    assert shop.one("SELECT state FROM ops.act") == "overtaken"


def test_orders_that_stay_undecided_do_not_starve_others(
    shop: Shop, provider: ProviderServer
) -> None:
    for order in ("o1", "o2", "o3"):
        shop.stage(created(order), reserved(order))
        provider.put([intent(order, "processing")])
    shop.apply()
    seen = []
    with repairer(shop, provider) as ready:
        for _ in range(3):
            chosen = due.reservations(shop.pool, GRACE_S, 1)
            seen += [order for _, order in chosen]
            look(ready, chosen)
    assert sorted(seen) == ["o1", "o2", "o3"]


def test_a_payment_that_nobody_can_ask_about_is_left(shop: Shop, provider: ProviderServer) -> None:
    _order(shop, provider, "requires_payment_method")
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE orders.payments SET account = 'paypal'")
    assert _expire(shop, provider).orders == {"left": 1}
    assert "cannot be asked" in shop.one("SELECT title FROM ops.alert")
    assert _state(shop) == "RESERVED"


def test_paid_in_our_books_and_not_at_the_provider_is_left(
    shop: Shop, provider: ProviderServer
) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1", 1_000))
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.inbox SET next_at = now()")
    shop.stage(created("o2", 2_000), reserved("o2", 1_000), paid("o2", 1_000))
    shop.apply()
    provider.put([intent("o2", "requires_payment_method")])
    assert _expire(shop, provider).orders == {"left": 1}
    assert "paid in our books" in shop.one("SELECT title FROM ops.alert")
    assert shop.one("SELECT state FROM orders.orders WHERE order_id = 'o2'") == "RESERVED"
