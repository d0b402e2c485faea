"""Dead letters that tests have made, and what became of them."""

from collections.abc import Callable
from typing import Any

from order_ops.domain.messages import Message
from order_ops.jobs.letters import letter_sets
from order_ops.jobs.letters.dead_letters import Acted
from order_ops.jobs.letters.letter_sets import Selection, find
from order_ops.jobs.letters.replays import Replayer
from order_ops.jobs.orders.provider_clients import ProviderClients
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, reserved

ANA = Actor("ana", "asked the shop")


Replay = Callable[..., Acted]


def orphaned(shop: Shop, *messages: Message) -> list[int]:
    """Dead letters of events whose order never came in time; the order comes afterwards."""
    shop.stage(*messages)
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.inbox SET received_at = now() - interval '2 days'")
    shop.apply()
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    return [letter.id for letter in find(shop.pool, Selection())]


def held(shop: Shop) -> list[str]:
    rows = shop.rows("SELECT event_type FROM intake.inbox WHERE next_at = 'infinity' ORDER BY id")
    return [row.event_type for row in rows]


def letter_of(shop: Shop, letter: int) -> Any:
    return letter_sets.story(shop.pool, letter).letter


def asking(shop: Shop) -> Replayer:
    settings = type(shop.settings)()
    return Replayer(shop.worker(), ANA, ProviderClients(settings, shop.mapping))
