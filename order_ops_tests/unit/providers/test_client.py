"""Stripe's own SDK against the stand-in server, over real HTTP on this machine."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from order_ops.devstack.provider import INTENTS, Answer, ProviderServer, read_state, write_state
from order_ops.devstack.shop.model import Intent
from order_ops.domain.failures import FailureKind
from order_ops.providers.client import (
    PaymentStatus,
    ProviderClient,
    ProviderError,
    ProviderPayment,
    StripePayments,
)

UNPAID = Intent("pi_unpaid", "shop-cards", "order-1", 1234, "requires_payment_method")
PAID = Intent("pi_paid", "shop-cards", "order-1", 500, "succeeded")
PROCESSING = Intent("pi_processing", "shop-cards", "order-2", 700, "processing")


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer([UNPAID, PAID, PROCESSING]) as running:
        yield running


@pytest.fixture
def client(server: ProviderServer) -> Iterator[StripePayments]:
    with StripePayments("sk_test_x", api_base=server.url, read_timeout_s=0.3) as made:
        yield made


def error_of(client: ProviderClient, ref: str = "pi_unpaid") -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        client.payments_of_order("order-1", [ref])
    return caught.value


def test_the_payments_of_an_order_known_and_found(client: StripePayments) -> None:
    seen = client.payments_of_order("order-1", ["pi_unpaid", "pi_nobody"])
    assert seen == [
        ProviderPayment("pi_unpaid", PaymentStatus.REQUIRES_PAYMENT, 1234, "BRL", "order-1"),
        ProviderPayment("pi_nobody", PaymentStatus.UNKNOWN),
        ProviderPayment("pi_paid", PaymentStatus.SUCCEEDED, 500, "BRL", "order-1"),
    ]


def test_an_order_nobody_heard_of_has_no_payments(client: StripePayments) -> None:
    assert client.payments_of_order("order-404", []) == []


def test_an_order_reference_cannot_widen_the_search(
    client: StripePayments, server: ProviderServer
) -> None:
    assert client.payments_of_order("x' OR metadata['order_id']:'order-1", []) == []
    odd = Intent("pi_odd", "shop-cards", "o'brien\\7", 1, "succeeded")
    server.put([odd])
    assert [seen.ref for seen in client.payments_of_order("o'brien\\7", [])] == ["pi_odd"]


def test_all_pages_of_a_search_are_read(client: StripePayments, server: ProviderServer) -> None:
    many = [Intent(f"pi_{n}", "shop-cards", "order-9", n, "succeeded") for n in range(230)]
    server.put(many)
    assert len(client.payments_of_order("order-9", [])) == 230
    assert len(server.calls) == 3


@pytest.mark.parametrize(
    ("status", "seen"),
    [
        ("requires_action", PaymentStatus.REQUIRES_PAYMENT),
        ("requires_capture", PaymentStatus.PROCESSING),
        ("something_new", PaymentStatus.UNKNOWN),
    ],
)
def test_no_status_is_guessed(
    client: StripePayments, server: ProviderServer, status: str, seen: PaymentStatus
) -> None:
    body = {"id": "pi_1", "object": "payment_intent", "amount": 5, "currency": "brl"}
    server.script(f"{INTENTS}/pi_1", Answer(body={**body, "status": status, "metadata": {}}))
    first = client.payments_of_order("order-404", ["pi_1"])[0]
    assert first == ProviderPayment("pi_1", seen, 5, "BRL")


def test_cancel_is_done_once_for_a_key(client: StripePayments, server: ProviderServer) -> None:
    canceled = ProviderPayment("pi_unpaid", PaymentStatus.CANCELED, 1234, "BRL", "order-1")
    assert client.cancel("pi_unpaid", "expire:order-1") == canceled
    server.put([UNPAID])  # were it done again, it would show
    assert client.cancel("pi_unpaid", "expire:order-1") == canceled
    assert server.intent("pi_unpaid").status == "requires_payment_method"
    assert [call.idempotency_key for call in server.calls] == ["expire:order-1"] * 2


def test_cancelling_the_cancelled_is_an_answer(client: StripePayments) -> None:
    client.cancel("pi_unpaid", "first")
    assert client.cancel("pi_unpaid", "second").status is PaymentStatus.CANCELED


@pytest.mark.parametrize("ref", ["pi_paid", "pi_processing"])
def test_what_has_moved_on_cannot_be_cancelled(client: StripePayments, ref: str) -> None:
    with pytest.raises(ProviderError, match="cannot cancel") as caught:
        client.cancel(ref, "key")
    assert caught.value.kind is FailureKind.CONFLICT
    assert (caught.value.request_id or "").startswith("req_")


def test_cancelling_the_unknown_says_so(client: StripePayments) -> None:
    assert client.cancel("pi_nobody", "key").status is PaymentStatus.UNKNOWN


def test_a_key_used_for_something_else_is_our_mistake(client: StripePayments) -> None:
    client.cancel("pi_unpaid", "key")
    with pytest.raises(ProviderError, match="same parameters") as caught:
        client.cancel("pi_paid", "key")
    assert caught.value.kind is FailureKind.PERMANENT


def stripe_error(status: int, **error: str) -> Answer:
    return Answer(status, {"error": {"type": "api_error", "message": "no", **error}})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (stripe_error(429, code="lock_timeout"), FailureKind.THROTTLED),
        (stripe_error(500), FailureKind.TRANSIENT),
        (Answer(502, b"<html>bad gateway</html>"), FailureKind.TRANSIENT),
        (stripe_error(409, type="idempotency_error"), FailureKind.TRANSIENT),
        (stripe_error(401), FailureKind.PERMANENT),
        (stripe_error(403), FailureKind.PERMANENT),
        (stripe_error(400, type="invalid_request_error"), FailureKind.PERMANENT),
        (Answer(200, b"{cut off"), FailureKind.UNKNOWN),
    ],
)
def test_errors_have_a_kind_and_are_not_retried(
    client: StripePayments, server: ProviderServer, answer: Answer, kind: FailureKind
) -> None:
    server.script(f"{INTENTS}/pi_unpaid", answer)
    assert error_of(client).kind is kind
    assert len(server.calls) == 1


def test_no_answer_in_time_is_transient(client: StripePayments, server: ProviderServer) -> None:
    server.script(f"{INTENTS}/pi_unpaid", Answer(delay_s=1.0))
    started = time.monotonic()
    assert error_of(client).kind is FailureKind.TRANSIENT
    assert time.monotonic() - started < 0.9
    assert len(client.payments_of_order("order-1", ["pi_unpaid"])) == 2, "and the next one is fine"


def test_nobody_there_is_transient() -> None:
    with ProviderServer() as server:
        url = server.url
    with StripePayments("sk_test_x", api_base=url) as client:
        assert error_of(client).kind is FailureKind.TRANSIENT


def test_the_server_as_a_process_of_its_own(tmp_path: Path) -> None:
    state = tmp_path / "intents.json"
    write_state(state, [UNPAID])
    assert read_state(state) == [UNPAID]
    assert read_state(tmp_path / "none.json") == []
    with ProviderServer() as probe:
        port = int(probe.url.rpartition(":")[2])
    command = [sys.executable, "-m", "order_ops.devstack.provider"]
    with subprocess.Popen([*command, "--port", str(port), "--state", str(state)]) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            put = json.dumps([asdict(PAID)]).encode()
            _until_up(Request(f"{url}/stand-in/intents", put, method="PUT"))
            with StripePayments("sk_test_x", api_base=url) as client:
                seen = client.payments_of_order("order-1", [])
            assert {payment.ref for payment in seen} == {"pi_unpaid", "pi_paid"}
        finally:
            process.terminate()


def _until_up(request: Request) -> None:
    for _ in range(100):
        try:
            with urlopen(request, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not come up")
