"""Each row of the repair table, on real servers: put right once, and a second look does nothing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from order_ops.devstack.provider import Answer, ProviderServer
from order_ops.domain.messages import Message
from order_ops.jobs.repairs import due
from order_ops.jobs.repairs.repairing import look
from order_ops.mapping.accounts import ApproveAbove
from order_ops.providers.client import StripePayments
from order_ops.store import pauses
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.repairing import expire, intent, repairer, verify
from order_ops_tests.shop import acting, created, message, paid, reserved

REFUNDS = "/v1/refunds"
CANCELLED = message("order.cancelled", "o1", 3)


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


def state(shop: Shop) -> str:
    return str(shop.one("SELECT state FROM orders.orders"))


def acts(shop: Shop) -> list[tuple[str, str]]:
    return [
        (row.kind, row.state) for row in shop.rows("SELECT kind, state FROM ops.act ORDER BY id")
    ]


def paid_after_close(shop: Shop, provider: ProviderServer) -> None:
    """Cancelled by the shop, and paid at the provider: our books have heard of both."""
    shop.stage(created("o1"), reserved("o1"), CANCELLED)
    shop.apply()
    shop.stage(paid("o1"))
    shop.apply()
    provider.put([intent("o1", "succeeded")])


def settled(shop: Shop, provider: ProviderServer) -> None:
    """Nothing is left to do: another look plans nothing, and tells no provider anything."""
    before = acts(shop)
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE orders.orders SET look_at = now() - interval '1 hour'")
    calls = len([call for call in provider.calls if call.method == "POST"])
    expire(shop, provider)
    verify(shop, provider)
    assert acts(shop) == before
    assert len([call for call in provider.calls if call.method == "POST"]) == calls


def test_what_was_paid_after_the_end_goes_back_once(shop: Shop, provider: ProviderServer) -> None:
    paid_after_close(shop, provider)
    assert verify(shop, provider).orders["refunded"] == 1
    assert provider.books.kept("pi_o1") == 0
    assert state(shop) == "CANCELLED"
    row = shop.rows("SELECT refund, amount_minor, status FROM orders.refunds")[0]
    assert (row.refund, row.amount_minor, row.status) == ("re_0001", 1_000, "succeeded")
    assert acts(shop) == [("refund", "done")]
    settled(shop, provider)


def lost_before(provider: ProviderServer) -> None:
    provider.script(REFUNDS, Answer(), Answer(500, {}))


def lost_after(provider: ProviderServer) -> None:
    provider.script(REFUNDS, Answer(), Answer(effect=True, drop=True))


def slow(provider: ProviderServer) -> None:
    provider.script(REFUNDS, Answer(), Answer(effect=True, delay_s=4))


def failed_after(provider: ProviderServer) -> None:
    provider.script(REFUNDS, Answer(), Answer(500, {}, effect=True))


@pytest.mark.parametrize("harm", [lost_before, lost_after, slow, failed_after])
@pytest.mark.parametrize("forgets", [False, True], ids=["key-known", "key-pruned"])
def test_a_refund_whose_answer_is_lost_is_made_once(
    shop: Shop,
    provider: ProviderServer,
    harm: Callable[[ProviderServer], None],
    *,
    forgets: bool,
) -> None:
    paid_after_close(shop, provider)
    harm(provider)
    assert verify(shop, provider).orders["to_be_tried_again"] == 1
    assert acts(shop) == [("refund", "intended")]
    if forgets:
        provider.books.forget_keys()
    with repairer(shop, provider) as ready:
        done = look(ready, due.of_acts_under_way(shop.pool, 10))
    assert done.orders["refunded"] == 1
    assert len(provider.books.refunds) == 1
    assert provider.books.kept("pi_o1") == 0
    assert acts(shop) == [("refund", "done")]
    settled(shop, provider)


def test_a_process_that_dies_between_call_and_books_refunds_once(
    shop: Shop, provider: ProviderServer
) -> None:
    paid_after_close(shop, provider)

    class Dies(StripePayments):
        def give_back(self, payment_ref: str, amount_minor: int, idempotency_key: str) -> object:  # type: ignore[override]
            super().give_back(payment_ref, amount_minor, idempotency_key)
            raise KeyboardInterrupt

    with repairer(shop, provider) as ready, Dies("sk_test", api_base=provider.url) as dying:
        with pytest.raises(KeyboardInterrupt):
            look(replace(ready, client_of=lambda _: dying), due.open_orders(shop.pool, 10))
        assert provider.books.kept("pi_o1") == 0
        assert shop.one("SELECT count(*) FROM orders.refunds") == 0
        provider.books.forget_keys()
        assert look(ready, due.of_acts_under_way(shop.pool, 10)).orders["refunded"] == 1
    assert len(provider.books.refunds) == 1
    settled(shop, provider)


def test_a_refund_that_is_refused_is_told_and_not_repeated(
    shop: Shop, provider: ProviderServer
) -> None:
    paid_after_close(shop, provider)
    error = {"error": {"type": "invalid_request_error", "message": "no", "code": "x"}}
    provider.script(REFUNDS, Answer(), Answer(400, error))
    assert verify(shop, provider).orders["failed"] == 1
    assert acts(shop) == [("refund", "failed")]
    titles = [
        row.title for row in shop.rows("SELECT title FROM ops.alert WHERE resolved_at IS NULL")
    ]
    assert any("the act failed" in title for title in titles)
    settled(shop, provider)


def test_what_is_above_the_limit_waits_for_a_person(shop: Shop, provider: ProviderServer) -> None:
    paid_after_close(shop, provider)
    limited = acting(ApproveAbove(approve_above={"BRL": 999}))
    assert verify(shop, provider, limited).orders == {"refund_proposed": 1}
    assert provider.books.kept("pi_o1") == 1_000
    assert acts(shop) == [("refund", "proposed")]


def test_what_is_paused_waits(shop: Shop, provider: ProviderServer) -> None:
    paid_after_close(shop, provider)
    pauses.pause(shop.pool, "acts:refund", Actor("ann", "audit"))
    done = verify(shop, provider)
    assert done.orders == {"paused": 1}
    assert "paused by ann" in done.details[0][2]
    assert provider.books.kept("pi_o1") == 1_000
    pauses.resume(shop.pool, "acts:refund", Actor("ann", "done"))
    with repairer(shop, provider) as ready:
        assert look(ready, due.of_acts_under_way(shop.pool, 10)).orders["refunded"] == 1


def test_a_dispute_locks_refunds_until_it_is_decided(shop: Shop, provider: ProviderServer) -> None:
    paid_after_close(shop, provider)
    provider.books.dispute("pi_o1")
    assert verify(shop, provider).orders == {"left": 1}
    assert provider.books.kept("pi_o1") == 1_000
    provider.books.dispute("pi_o1", "won")
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE orders.orders SET look_at = now() - interval '1 hour'")
    assert verify(shop, provider).orders["refunded"] == 1


def test_the_later_of_two_payments_goes_back(shop: Shop, provider: ProviderServer) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"), paid("o1", payment="pi_2", sequence=2))
    shop.apply()
    provider.put(
        [intent("o1", "succeeded", created=1), intent("o1", "succeeded", ref="pi_2", created=2)]
    )
    assert verify(shop, provider).orders["refunded"] == 1
    assert (provider.books.kept("pi_o1"), provider.books.kept("pi_2")) == (1_000, 0)
    assert state(shop) == "CONFIRMED"
    settled(shop, provider)


def test_a_second_payment_that_nobody_told_us_of_is_found_and_goes_back(
    shop: Shop, provider: ProviderServer
) -> None:
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    provider.put(
        [intent("o1", "succeeded", created=1), intent("o1", "succeeded", ref="pi_2", created=2)]
    )
    done = expire(shop, provider)
    assert (done.orders["confirmed"], done.orders["refunded"]) == (1, 1)
    assert state(shop) == "CONFIRMED"
    assert provider.books.kept("pi_2") == 0
    settled(shop, provider)


def test_paid_without_stock_is_cancelled_and_paid_back(
    shop: Shop, provider: ProviderServer
) -> None:
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE orders.orders SET stock_held = false")
    provider.put([intent("o1", "succeeded")])
    assert expire(shop, provider).orders["refunded"] == 1
    assert (state(shop), provider.books.kept("pi_o1")) == ("CANCELLED", 0)
    settled(shop, provider)


def test_what_could_still_be_paid_after_the_end_is_cancelled(
    shop: Shop, provider: ProviderServer
) -> None:
    shop.stage(created("o1"), reserved("o1"), CANCELLED)
    shop.apply()
    provider.put([intent("o1", "requires_payment_method")])
    assert verify(shop, provider).orders["cancelled"] == 1
    assert provider.intent("pi_o1").status == "canceled"
    settled(shop, provider)


def test_a_refund_under_way_is_settled_when_it_ends(shop: Shop, provider: ProviderServer) -> None:
    paid_after_close(shop, provider)
    provider.books.refunds_are = "pending"
    assert verify(shop, provider).orders["refunded"] == 1
    assert shop.one("SELECT status FROM orders.refunds") == "pending"
    provider.books.refunds["re_0001"]["status"] = "failed"
    provider.books.refunds_are = "succeeded"
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE orders.orders SET look_at = now() - interval '1 minute'")
    assert due.has_pending_refunds(shop.pool)
    with repairer(shop, provider) as ready:
        done = look(ready, due.pending_refunds(shop.pool, 10))
    assert (done.orders["settled"], done.orders["refunded"]) == (1, 1)
    statuses = [
        row.status for row in shop.rows("SELECT status FROM orders.refunds ORDER BY refund")
    ]
    assert statuses == ["failed", "succeeded"]
    assert provider.books.kept("pi_o1") == 0
    settled(shop, provider)


def test_an_order_may_come_back_but_never_by_itself(shop: Shop, provider: ProviderServer) -> None:
    paid_after_close(shop, provider)
    wanted = acting(after_close="reinstate")
    assert verify(shop, provider, wanted).orders == {"reinstate_proposed": 1}
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE ops.act SET state = 'approved'")
    with repairer(shop, provider, wanted) as ready:
        done = look(ready, due.of_acts_under_way(shop.pool, 10))
    assert done.orders["reinstated"] == 1
    assert state(shop) == "CONFIRMED"
    assert shop.one("SELECT state FROM orders.reservations") == "allocated"
    last = shop.rows("SELECT routing_key FROM ops.outbox ORDER BY id DESC LIMIT 1")[0]
    assert last.routing_key == "order.reinstate"


def test_paid_here_and_not_there_is_never_changed_in_silence(
    shop: Shop, provider: ProviderServer
) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    provider.put([intent("o1", "canceled")])
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE orders.orders SET look_at = now() - interval '1 minute'")
    assert verify(shop, provider).orders == {"left": 1}
    alert = shop.rows("SELECT severity, title FROM ops.alert WHERE resolved_at IS NULL")[0]
    assert (alert.severity, state(shop), acts(shop)) == ("critical", "CONFIRMED", [])


def test_a_confirmation_is_said_again_by_the_same_id(shop: Shop, provider: ProviderServer) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    provider.put([intent("o1", "succeeded")])
    with transaction(shop.pool) as conn:
        conn.execute(
            "UPDATE orders.orders SET look_at = now(), state_since = now() - interval '1 h'"
        )
        conn.execute("UPDATE ops.outbox SET published_at = now()")
    before = shop.rows("SELECT message_id FROM ops.outbox ORDER BY id")
    mapping = acting(completed_within_minutes=5)
    assert verify(shop, provider, mapping).orders["repeated"] == 1
    assert shop.rows("SELECT message_id FROM ops.outbox ORDER BY id") == before
    again = shop.rows("SELECT routing_key FROM ops.outbox WHERE published_at IS NULL")
    assert [row.routing_key for row in again] == ["order.confirm"]


def test_a_payment_that_moves_on_while_it_is_cancelled_is_asked_about_anew(
    shop: Shop, provider: ProviderServer
) -> None:
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    provider.put([intent("o1", "requires_payment_method")])
    moved = {"type": "invalid_request_error", "code": "payment_intent_unexpected_state"}
    provider.script("/v1/payment_intents/pi_o1/cancel", Answer(400, {"error": moved}))
    done = expire(shop, provider)
    assert (done.orders["overtaken"], done.orders["expired"]) == (1, 1)
    assert acts(shop) == [("expire", "overtaken"), ("expire", "done")]
    keys = {call.idempotency_key for call in provider.calls if call.path.endswith("/cancel")}
    assert len(keys) == 2, "what was refused under a key is refused under it for a day"


def test_what_an_event_settles_is_told_no_more(shop: Shop, provider: ProviderServer) -> None:
    shop.stage(created("o1"), reserved("o1"), created("o2"), reserved("o2"))
    shop.apply()
    provider.put([intent("o1", "processing"), intent("o2", "processing")])
    assert expire(shop, provider).orders == {"left": 2}
    shop.stage(paid("o1"))
    shop.apply()
    verify(shop, provider)
    told = shop.rows("SELECT order_id FROM ops.alert WHERE resolved_at IS NULL")
    assert [row.order_id for row in told] == ["o2"]


def test_a_provider_that_is_down_for_one_tenant_holds_up_no_other(
    shop: Shop, provider: ProviderServer
) -> None:
    for tenant in ("shop", "other"):
        shop.stage(*(_of(one, tenant) for one in (created(tenant), reserved(tenant))))
    shop.apply()
    provider.put([intent("other", "requires_payment_method")])
    provider.script("/v1/payment_intents/pi_shop", *[Answer(500, {})] * 3)
    mapping = acting()
    first = mapping.accounts[0]
    other = first.model_copy(update={"name": "other-cards", "tenant": "other"})
    both = mapping.model_copy(update={"accounts": [first, other]})
    done = expire(shop, provider, both)
    assert dict(done.orders) == {"left": 1, "expired": 1}
    assert done.stopped is not None
    assert "cannot be asked" in done.stopped
    assert shop.one("SELECT count(*) FROM ops.alert WHERE dedupe_key = 'provider:shop'") == 1


def _of(message: Message, tenant: str) -> Message:
    """The message as one of a tenant's; another one's payments are found by their order alone."""
    body = json.loads(message.body) | {"tenant": tenant}
    if tenant != "shop":
        body["data"].pop("payments", None)
    return replace(message, body=json.dumps(body).encode())
