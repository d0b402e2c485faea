"""`order-ops demo`: one day of a small shop through the real code path, judged against its labels.

Belongs here: the order of things. The day itself is `shop`, what is shown is
`demo_view`. Everything is idempotent, so that a second demo comes to the same
figures. Acts are enabled here and nowhere else.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import structlog
import yaml
from rich.console import Console

from order_ops.devstack import demo_figures, services, supervisor
from order_ops.devstack.demo_view import View
from order_ops.devstack.provider import ProviderServer
from order_ops.devstack.shop.day import build_day
from order_ops.devstack.shop.model import Message, ShopDay
from order_ops.domain import messages as domain
from order_ops.domain.failures import MendableError
from order_ops.mapping import BUNDLED, load_mapping
from order_ops.messaging import topology
from order_ops.messaging.codec import Codec
from order_ops.messaging.publisher import Outgoing, Publisher
from order_ops.settings import Settings, get_settings

DAY = date(2026, 3, 10)
NEXT_DAY = DAY + timedelta(days=1)
"""Reconciled too: what was still inside its grace on the day is settled or broken on the next."""
_BATCH = 500


class DevstackError(MendableError):
    """The demo cannot be played here and now; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures of a demo, and whether they are what its labels say."""

    figures: dict[str, Any]
    as_labelled: bool


def run(home: Path, console: Console) -> Outcome:
    """Play the day and print what came of it.

    Raises:
        DevstackError: `order-ops up` runs on the same home.
    """
    home = home.resolve()
    if supervisor.running(home):
        raise DevstackError(f"`order-ops up` runs on {home}: stop it, then play the demo")
    _refuse_other_servers()
    view = View(console)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with view.step("starting PostgreSQL and, if it is installed, RabbitMQ"):
        stack = services.embedded(home)
        found = stack.__enter__()
    try:
        return _play(found, view)
    finally:
        with view.step("stopping the servers that the demo started"):
            stack.__exit__(None, None, None)


def _play(found: services.Services, view: View) -> Outcome:
    with _environment(found):
        from order_ops.store.migrate import upgrade  # noqa: PLC0415 - alembic

        view.broker(found.broker_version)
        with view.step("migrating the database, making up the day"):
            upgrade(found.database_url)
            day = build_day(DAY)
            _refuse_other_orders(day)
        with ProviderServer([i for i in day.intents if i.phase == "day"]) as provider:
            os.environ["ORDER_OPS_PROVIDER_API_BASE"] = provider.url
            get_settings.cache_clear()
            published = _day(day, view, found.amqp_url)
            provider.put([i for i in day.intents if i.phase != "day"])
            published += _after(day, view, found)
        figures = demo_figures.collect(day, get_settings(), found.broker_version, published)
        view.outcome(figures, found.home)
        return Outcome(figures.as_json(), figures.as_labelled())


def _refuse_other_servers() -> None:
    """The demo acts: never on servers that somebody named for something else."""
    for variable in (services.DATABASE_URL, services.AMQP_URL):
        if services.named(variable):
            raise DevstackError(
                f"{variable} is set: the demo expires orders by itself, and plays on embedded "
                "servers alone; unset it"
            )


def _refuse_other_orders(day: ShopDay) -> None:
    """Nor on a home where somebody else's orders wait for payment."""
    others = demo_figures.other_reservations(day, get_settings())
    if others:
        raise DevstackError(
            f"this home holds {others} reservations that are not the demo's, and the demo would "
            "act on them: play it on another one with --home"
        )


def _day(day: ShopDay, view: View, amqp_url: str | None) -> int:
    """The day's messages; how many of them the broker confirmed."""
    published = _send([m for m in day.messages if m.phase == "day"], view, amqp_url)
    _job(view, "apply_order_events_job", "applying events to orders", _applied, len(day.messages))
    _job(view, "expire_orders_job", "expiring unpaid orders, the provider asked first")
    return published


def _after(day: ShopDay, view: View, found: services.Services) -> int:
    """Customers who pay too late; then the provider's files, and the books."""
    published = _send([m for m in day.messages if m.phase != "day"], view, found.amqp_url)
    _job(view, "apply_order_events_job", "applying what came late", _applied, len(day.messages))
    if found.amqp_url:
        _relay(view, found.amqp_url)
    _ingest(day, view, found.home)
    for partition_day in (DAY, NEXT_DAY):
        for account in load_mapping(get_settings().mapping).accounts:
            partition = f"{account.name}|{partition_day.isoformat()}"
            _job(view, "reconcile_payments_job", f"reconciling {partition}", partition=partition)
    return published


@contextmanager
def _environment(found: services.Services) -> Iterator[None]:
    """The variables of the demo's process: embedded servers, acts enabled, a stand-in's keys."""
    mapping = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))
    for account in mapping["accounts"]:
        account["acts"] = {"expire": "automatic", "confirm": "automatic"}
    path = found.home / "demo-mapping.yaml"
    path.write_text(yaml.safe_dump(mapping, sort_keys=False), encoding="utf-8")
    keys = ", ".join(f'"{account["name"]}": "sk_test_demo"' for account in mapping["accounts"])
    before = dict(os.environ)
    os.environ.update(found.env())
    os.environ["ORDER_OPS_MAPPING"] = str(path)
    os.environ["ORDER_OPS_PROVIDER_KEYS"] = f"{{{keys}}}"
    get_settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        get_settings.cache_clear()


def _send(sent: Sequence[Message], view: View, amqp_url: str | None) -> int:
    if amqp_url is None:
        _stage_directly(sent, view)
        return 0
    return _publish_and_consume(sent, view, get_settings(), amqp_url)


def _publish_and_consume(
    sent: Sequence[Message], view: View, settings: Settings, amqp_url: str
) -> int:
    """Through the broker: published with confirms, taken in by a real consumer."""
    from order_ops.jobs.messages.consume import make_consumer  # noqa: PLC0415 - settings are set by now

    topology.ensure(amqp_url, load_mapping(settings.mapping).events)
    consumer = make_consumer(settings)
    before = demo_figures.copies_received(settings)
    thread = threading.Thread(target=consumer.run, name="consumer")
    thread.start()
    try:
        published = _publish(sent, view, amqp_url)
        view.wait(
            "staging in the inbox",
            len(sent),
            lambda: demo_figures.copies_received(settings) - before,
        )
    finally:
        consumer.stop()
        thread.join()
    return published


def _publish(sent: Sequence[Message], view: View, amqp_url: str) -> int:
    confirmed = 0
    exchange = load_mapping(get_settings().mapping).events.exchange.name
    publisher = Publisher(amqp_url)
    try:
        for batch in view.batches("publishing to the broker", sent, _BATCH):
            answer = publisher.publish(
                [
                    Outgoing(m.message_id, exchange, m.routing_key, m.body, dict(m.headers))
                    for m in batch
                ]
            )
            confirmed += len(answer.confirmed)
    finally:
        publisher.close()
    return confirmed


def _stage_directly(sent: Sequence[Message], view: View) -> None:
    """Without a broker: the same messages, through the consumer's own store."""
    from order_ops.jobs.messages.consume import store_messages  # noqa: PLC0415
    from order_ops.store.engine import engine  # noqa: PLC0415

    settings = get_settings()
    codec = Codec(load_mapping(settings.mapping).events, settings.message_limit_bytes)
    for batch in view.batches("staging without a broker", sent, _BATCH):
        found = [domain.Message(m.body, m.routing_key, m.headers, m.message_id) for m in batch]
        store_messages(engine(settings), codec, found)


def _relay(view: View, amqp_url: str) -> None:
    """The outbox, until the broker has confirmed all of it."""
    from order_ops.jobs.messages.relay import publish_batch  # noqa: PLC0415
    from order_ops.store.engine import engine  # noqa: PLC0415

    publisher = Publisher(amqp_url)
    try:
        with view.step("publishing the outbox"):
            while publish_batch(engine(get_settings()), publisher):
                pass
    finally:
        publisher.close()


def _ingest(day: ShopDay, view: View, home: Path) -> None:
    from order_ops.jobs.files.ingest import ingest  # noqa: PLC0415 - dataframes
    from order_ops.store.engine import engine  # noqa: PLC0415

    settings = get_settings()
    folder = home / "demo"
    folder.mkdir(exist_ok=True)
    with view.step("taking in the provider's files"):
        for name, content in day.provider_files.items():
            path = folder / f"{name}-{day.day.isoformat()}.csv"
            path.write_bytes(content)
            ingest(engine(settings), load_mapping(settings.mapping).account(name), path)


def _applied() -> int:
    return demo_figures.messages_in_state(get_settings(), "done")


def _job(
    view: View,
    name: str,
    what: str,
    count: Callable[[], int] | None = None,
    total: int = 0,
    *,
    partition: str | None = None,
) -> None:
    """Run a Dagster job in this process, with progress while it works."""
    from order_ops.definitions import defs  # noqa: PLC0415 - reads the settings
    from order_ops.orchestration.local import run_job  # noqa: PLC0415 - dagster

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_job, defs, name, partition)
        view.watch(what, running, count, total)
        running.result()
