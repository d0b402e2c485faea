"""`order-ops order show`: "I paid, but my order expired"."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from order_ops.cli import app
from order_ops.devstack.provider import Answer, ProviderServer
from order_ops.settings import get_settings
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.repairing import intent, verify
from order_ops_tests.shop import acting, created, message, paid, reserved


@pytest.fixture
def provider(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    """An order that the shop let expire, and that was paid after that."""
    with ProviderServer([intent("o1", "succeeded")]) as server:
        monkeypatch.setenv("ORDER_OPS_PROVIDER_API_BASE", server.url)
        keys = {"shop-cards": "sk_test_x", "shop-boleto": "sk_test_x"}
        monkeypatch.setenv("ORDER_OPS_PROVIDER_KEYS", json.dumps(keys))
        get_settings.cache_clear()
        shop.stage(created("o1"), reserved("o1"), message("order.expired", "o1", 3))
        shop.apply()
        shop.stage(paid("o1"))
        shop.apply()
        yield server


def said(*arguments: str, status: int = 0) -> str:
    wide = {"COLUMNS": "300", "TERM": "dumb"}
    result = CliRunner().invoke(app, ["order", *arguments], env=wide, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.parametrize("wanted", ["o1", "pi_o1"])
def test_an_order_is_told_by_any_of_its_names(
    shop: Shop, provider: ProviderServer, wanted: str
) -> None:
    told = said("show", wanted)
    assert "Order o1 of shop: EXPIRED, BRL 10.00" in told
    history = [
        line.split("history")[1].split()[0] for line in told.splitlines() if "history" in line
    ]
    assert history == ["created,", "reserved,", "expired_by_shop,", "paid_after_close"]
    assert "payment.succeeded payment-service-o1-1: done" in told
    assert "The provider: pi_o1 at shop-cards: succeeded, BRL 10.00" in told
    assert "Next: To refund, because the order is EXPIRED" in told
    assert "a person approves it" in told


def test_what_was_done_is_told_with_who_and_how(shop: Shop, provider: ProviderServer) -> None:
    assert verify(shop, provider, acting()).orders["refunded"] == 1
    told = said("show", "re_0001")
    assert "act 1: refund BRL 10.00, because the order is EXPIRED" in told
    assert "shop-cards was told to give back pi_o1: answered (request req_" in told
    assert "act 1: done" in told
    assert "re_0001: BRL 10.00, succeeded" in told
    assert "Next: Nothing: it is as it should be." in told


def test_a_provider_that_cannot_be_asked_is_said_so(shop: Shop, provider: ProviderServer) -> None:
    provider.script("/v1/payment_intents/pi_o1", Answer(500, {}))
    told = said("show", "o1")
    assert "The provider: cannot be asked" in told
    assert "Next: Nothing, until its provider can be asked" in told
    asked = len(provider.calls)
    assert "its provider was not asked" in said("show", "o1", "--offline")
    assert len(provider.calls) == asked


def test_json_has_the_same(shop: Shop, provider: ProviderServer) -> None:
    found = json.loads(said("show", "o1", "--json", "-"))
    assert found["order"]["state"] == "EXPIRED"
    assert {one["what"] for one in found["told"]} == {"history", "message"}
    assert found["next_step"].startswith("To refund")


def test_a_name_that_nothing_has_is_said_so(shop: Shop, provider: ProviderServer) -> None:
    told = said("show", "nobody", status=2)
    assert "nobody: no order, payment, refund, dispute or line of a provider is called so" in told
