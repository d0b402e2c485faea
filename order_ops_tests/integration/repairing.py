"""Looks at orders against the stand-in provider, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from order_ops.devstack.provider import ProviderServer
from order_ops.devstack.shop.model import Intent
from order_ops.jobs.repairs import due
from order_ops.jobs.repairs.repairing import Looked, Repairer, look
from order_ops.mapping import Mapping
from order_ops.providers.client import StripePayments
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import acting

GRACE_S = 60
READ_TIMEOUT_S = 2.0


def intent(order: str, status: str, amount: int = 1_000, **more: Any) -> Intent:
    """The payment of an order as the provider has it."""
    reference = more.pop("ref", f"pi_{order}")
    return Intent(reference, "shop-cards", order, amount, status, "day", **more)  # type: ignore[arg-type]


@contextmanager
def repairer(
    shop: Shop, provider: ProviderServer, mapping: Mapping | None = None
) -> Iterator[Repairer]:
    """Who looks at the orders of a shop."""
    with StripePayments("sk_test", api_base=provider.url, read_timeout_s=READ_TIMEOUT_S) as client:
        yield Repairer(shop.pool, mapping or acting(), lambda _: client, "run-r", GRACE_S)


def expire(
    shop: Shop, provider: ProviderServer, mapping: Mapping | None = None, **more: Any
) -> Looked:
    """A look at the reservations that have run out."""
    with repairer(shop, provider, mapping) as ready:
        return look(ready, due.reservations(shop.pool, GRACE_S, 100), **more)


def verify(
    shop: Shop, provider: ProviderServer, mapping: Mapping | None = None, **more: Any
) -> Looked:
    """A look at the orders about which something else is open."""
    with repairer(shop, provider, mapping) as ready:
        return look(ready, due.open_orders(shop.pool, 100), **more)
