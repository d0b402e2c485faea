"""Dead letters about money: the provider is asked before they are replayed."""

import json
from collections.abc import Iterator

import pytest

from order_ops.devstack.provider import Answer, ProviderServer
from order_ops.devstack.shop.model import Intent
from order_ops.jobs.letters.letter_sets import Selection, find
from order_ops.jobs.letters.replays import replay
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.letters import asking, orphaned
from order_ops_tests.shop import created, message, paid, reserved


@pytest.fixture
def provider(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        monkeypatch.setenv("ORDER_OPS_PROVIDER_API_BASE", server.url)
        monkeypatch.setenv("ORDER_OPS_PROVIDER_KEYS", json.dumps({"shop-cards": "sk_test_x"}))
        yield server


@pytest.mark.parametrize(
    ("intent", "became", "why"),
    [
        (("succeeded", 1_000), "replayed", "the provider says succeeded"),
        (("processing", 1_000), "refused", "the event is payment.succeeded, the provider says"),
        (("succeeded", 999), "refused", "the event says 1000 BRL, the provider 999 BRL"),
        (None, "refused", "the provider says unknown"),
    ],
    ids=["agrees", "not paid", "another amount", "never heard of"],
)
def test_a_payment_is_replayed_if_the_provider_says_the_same(
    shop: Shop,
    provider: ProviderServer,
    intent: tuple[str, int] | None,
    became: str,
    why: str,
) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    if intent is not None:
        provider.put([Intent("pi_o1", "shop-cards", "o1", intent[1], intent[0])])
    (acted,) = replay(asking(shop), [letter])
    assert (acted.became, why in acted.why) == (became, True), acted
    state = shop.one("SELECT state FROM orders.orders")
    assert state == ("CONFIRMED" if became == "replayed" else "RESERVED")


def test_a_refund_and_a_dispute_are_asked_about_by_their_own_id(
    shop: Shop, provider: ProviderServer
) -> None:
    of_payment = {
        "payment": "pi_o1",
        "account": "shop-cards",
        "amount_minor": 300,
        "currency": "BRL",
    }
    refund = message("refund.succeeded", "o1", 2, refund="re_1", **of_payment)
    dispute = message("dispute.created", "o1", 3, dispute="dp_1", **of_payment)
    for event in (refund, dispute):
        shop.stage(event)
        with transaction(shop.pool) as conn:
            conn.execute("UPDATE intake.inbox SET received_at = now() - interval '2 days'")
            conn.execute("UPDATE ops.dead_letter SET holds = false")
        shop.apply()
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    body = {"id": "re_1", "amount": 300, "currency": "brl", "status": "pending"}
    provider.script(
        "/v1/refunds/re_1", Answer(body=body), Answer(body={**body, "status": "succeeded"})
    )
    provider.script(
        "/v1/disputes/dp_1",
        Answer(body={"id": "dp_1", "amount": 300, "currency": "brl", "status": "needs_response"}),
    )
    ids = [letter.id for letter in find(shop.pool, Selection())]
    first, second = replay(asking(shop), ids)
    assert (first.became, "the provider says pending" in first.why) == ("refused", True)
    assert (second.became, "the provider says open" in second.why) == ("replayed", True)
    (third,) = replay(asking(shop), [first.id])
    assert (third.became, "the provider says succeeded" in third.why) == ("replayed", True)


def test_a_provider_that_cannot_be_asked_is_a_refusal(shop: Shop, provider: ProviderServer) -> None:
    (letter,) = orphaned(shop, paid("o1"))
    provider.script("/v1/payment_intents/pi_o1", *[Answer(401, {"error": {"message": "no"}})] * 3)
    (acted,) = replay(asking(shop), [letter])
    assert acted.became == "refused"
    assert "the provider cannot be asked" in acted.why
    assert "--without-provider" in acted.why


# -- choosing
