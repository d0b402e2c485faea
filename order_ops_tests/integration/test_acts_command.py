"""`order-ops acts` as a person types it: what is proposed waits for them, and is done once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from order_ops.cli import app
from order_ops.devstack.provider import Answer, ProviderServer
from order_ops.jobs.repairs import due
from order_ops.jobs.repairs.repairing import look
from order_ops.settings import get_settings
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.repairing import intent, repairer, verify
from order_ops_tests.shop import acting, created, message, paid, reserved

ROLES = "version: 1\nroles:\n  fay: [finance]\n  olga: [operator]\n"


def said(*arguments: str, status: int = 0) -> str:
    wide = {"COLUMNS": "300", "TERM": "dumb"}
    result = CliRunner().invoke(app, ["acts", *arguments], env=wide, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture
def provider(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ProviderServer]:
    """An order that was paid after its end, and roles."""
    (tmp_path / "roles.yaml").write_text(ROLES, encoding="utf-8")
    monkeypatch.setenv("ORDER_OPS_ROLES", str(tmp_path / "roles.yaml"))
    get_settings.cache_clear()
    shop.stage(created("o1"), reserved("o1"), message("order.cancelled", "o1", 3))
    shop.apply()
    shop.stage(paid("o1"))
    shop.apply()
    with ProviderServer([intent("o1", "succeeded")]) as server:
        yield server


def applied(shop: Shop, provider: ProviderServer) -> dict[str, int]:
    with repairer(shop, provider, acting("propose")) as ready:
        return dict(look(ready, due.of_acts_under_way(shop.pool, 10)).orders)


def test_a_proposal_is_approved_and_then_carried_out(shop: Shop, provider: ProviderServer) -> None:
    verify(shop, provider, acting("propose"))
    assert "BRL 10.00" in said("list", "--state", "proposed")
    [act] = json.loads(said("list", "--json", "-"))
    number = str(act["id"])
    assert applied(shop, provider) == {}
    told = said("approve", number, "--by", "olga", "--reason", "seen", status=2)
    assert "olga may not approve an act: that takes the role finance or approver" in told
    assert "is approved" in said("approve", number, "--by", "fay", "--reason", "customer wrote")
    assert provider.books.kept("pi_o1") == 1_000
    assert applied(shop, provider)["refunded"] == 1
    assert provider.books.kept("pi_o1") == 0
    shown = said("show", number)
    assert "fay: approved_act, customer wrote" in shown
    assert "give_back pi_o1: answered, sent 1 times" in shown
    told = said("approve", number, "--by", "fay", "--reason", "again", status=2)
    assert "is done: only what is proposed" in told


def test_what_was_overtaken_since_is_not_done(shop: Shop, provider: ProviderServer) -> None:
    verify(shop, provider, acting("propose"))
    said("approve", "1", "--by", "fay", "--reason", "yes")
    provider.books.refunds["re_shop"] = {
        "id": "re_shop", "object": "refund", "amount": 1_000, "currency": "brl",
        "payment_intent": "pi_o1", "status": "succeeded", "metadata": {},
    }  # fmt: skip
    assert applied(shop, provider)["overtaken"] == 1
    assert len(provider.books.refunds) == 1, "somebody had paid it back by hand"


def test_what_is_rejected_is_not_proposed_again(shop: Shop, provider: ProviderServer) -> None:
    verify(shop, provider, acting("propose"))
    said("reject", "1", "--by", "olga", "--reason", "goodwill")
    shop.rows("UPDATE orders.orders SET look_at = now() - interval '1 minute' RETURNING 1")
    verify(shop, provider, acting("propose"))
    assert [row.state for row in shop.rows("SELECT state FROM ops.act")] == ["rejected"]


def test_a_failed_act_is_planned_anew_by_a_key_of_its_own(
    shop: Shop, provider: ProviderServer
) -> None:
    error = {"error": {"type": "invalid_request_error", "message": "no", "code": "x"}}
    provider.script("/v1/refunds", Answer(), Answer(400, error))
    assert verify(shop, provider).orders["failed"] == 1
    assert "went wrong: stripe: no" in said("show", "1")
    said("retry", "1", "--by", "fay", "--reason", "balance topped up")
    assert verify(shop, provider).orders["refunded"] == 1
    keys = {row[0] for row in shop.rows("SELECT idempotency_key FROM ops.provider_call")}
    assert len(keys) == 2
    assert len(provider.books.refunds) == 1
    told = said("retry", "2", "--by", "fay", "--reason", "again", status=2)
    assert "act 2 is done: only one that has failed" in told


@pytest.mark.parametrize("command", ["approve", "reject", "retry", "show"])
def test_a_number_that_nobody_has_is_said_so(provider: ProviderServer, command: str) -> None:
    more = () if command == "show" else ("--by", "fay", "--reason", "why")
    assert "there is no act 99: order-ops acts list" in said(command, "99", *more, status=2)


def test_nobody_decides_without_a_reason(provider: ProviderServer) -> None:
    assert "--reason: say why" in said("approve", "1", "--by", "fay", status=2)
