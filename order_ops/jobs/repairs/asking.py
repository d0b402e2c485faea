"""Asking the providers about orders, side by side: what they say, in the words of the domain.

No transaction is open meanwhile. An order whose provider cannot be asked just now is answered with
the error, and nothing is decided about it.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from order_ops.domain.failures import ClassifiedError
from order_ops.domain.orders import Order
from order_ops.domain.repairs import SeenPayment, SeenRefund
from order_ops.mapping import Account
from order_ops.mapping import Mapping as Shop
from order_ops.providers.client import ProviderClient, ProviderPayment
from order_ops.store.ledger import Key

Answer = tuple[SeenPayment, ...] | ClassifiedError
ASKABLE = frozenset({"stripe"})
"""Providers that there is an API client for."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks.

    Attributes:
        client_of: an account's client.
        at_once: so many orders are asked about side by side.
    """

    shop: Shop
    client_of: Callable[[str], ProviderClient]
    at_once: int = 8

    def ask(self, orders: Iterable[Order]) -> dict[Key, Answer]:
        """What the providers say of each order."""
        asked = list(orders)
        with ThreadPoolExecutor(self.at_once, thread_name_prefix="ask") as pool:
            answers = pool.map(self._one, asked)
            return {
                (order.tenant, order.order_id): answer
                for order, answer in zip(asked, answers, strict=True)
            }

    def can_ask(self, order: Order) -> bool:
        """Whether any account of the order's tenant has an API."""
        return bool(self._accounts(order))

    def _accounts(self, order: Order) -> list[Account]:
        accounts = self.shop.of_tenant(order.tenant)
        return [account for account in accounts if account.provider in ASKABLE]

    def _one(self, order: Order) -> Answer:
        try:
            return self._seen(order)
        except ClassifiedError as error:
            return error

    def _seen(self, order: Order) -> tuple[SeenPayment, ...]:
        """Every payment of the order that any of its accounts knows of, once.

        Accounts may share an API key, and then both know of every payment: counted
        twice, an order paid in half would be confirmed.
        """
        ours = {one.payment: one.account for one in order.payments.values()}
        found: dict[str, SeenPayment] = {}
        for account in self._accounts(order):
            refs = [ref for ref, name in ours.items() if name == account.name]
            client = self.client_of(account.name)
            for payment in client.payments_of_order(order.order_id, refs):
                if payment.ref in refs or payment.ref not in found:
                    found[payment.ref] = _seen(client, account.name, payment)
        return tuple(found.values())


def _seen(client: ProviderClient, account: str, payment: ProviderPayment) -> SeenPayment:
    backs = client.refunds_of(payment.ref) if payment.status == "succeeded" else ()
    return SeenPayment(
        ref=payment.ref,
        account=account,
        status=payment.status,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        created=payment.created,
        disputed=payment.disputed,
        refunds=tuple(SeenRefund(b.ref, b.status, b.amount_minor, b.key) for b in backs),
    )
