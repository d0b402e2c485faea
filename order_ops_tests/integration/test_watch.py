"""The watcher is well while each of its duties is done: the dead man's switch asks nothing else."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from order_ops.devstack.processes import free_port
from order_ops.devstack.waiting import wait_until
from order_ops.jobs.upkeep import watch
from order_ops.jobs.upkeep.watch import Watcher
from order_ops_tests.failing import raising
from order_ops_tests.integration.conftest import Shop


@pytest.fixture
def watcher(shop: Shop) -> Watcher:
    settings = shop.settings.model_copy(
        update={
            "metrics_port": free_port(),
            "apprise_urls": [SecretStr("json://127.0.0.1:1/")],
        }
    )
    return Watcher(shop.pool, settings, shop.mapping.events)


@contextmanager
def running(watcher: Watcher) -> Iterator[None]:
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        yield
    finally:
        watcher.stop()
        thread.join(30)


def test_it_is_well_while_every_duty_was_done_not_long_ago(watcher: Watcher) -> None:
    assert not watcher.is_well(), "nothing is done yet"
    with running(watcher):
        wait_until(watcher.is_well, 30, "every duty to be done")
    assert watcher.is_well()
    for duty in watcher.duties():
        done_at = watcher._done_at[duty.name]
        watcher._done_at[duty.name] = done_at - watch._STALE_S
        assert not watcher.is_well(), duty.name
        watcher._done_at[duty.name] = done_at
    assert watcher.is_well()
    assert watcher._deliverer is not None
    watcher._deliverer._passed_at -= watch._STALE_S
    assert not watcher.is_well(), "nobody is told of alerts"


@pytest.mark.parametrize(
    ("duty", "function"),
    [
        ("beat", "beats.beat"),
        ("sweep", "sweep.sweep"),
        ("overdue", "overdue.check"),
        ("ledger", "message_ledger.refresh"),
    ],
)
def test_it_is_not_well_while_a_duty_fails_whatever_the_others_do(
    shop: Shop, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, duty: str, function: str
) -> None:
    broken = raising(ValueError("broken"))

    monkeypatch.setattr(f"order_ops.jobs.upkeep.watch.{function}", broken)
    others = {one.name for one in watcher.duties()} - {duty}
    told = "SELECT dedupe_key FROM ops.alert WHERE resolved_at IS NULL"
    with running(watcher):
        wait_until(lambda: set(watcher._done_at) == others, 30, "the others to be done")
        wait_until(lambda: shop.rows(told) == [(f"watch:{duty}",)], 30, "the alert")
        assert not watcher.is_well()


def test_it_does_not_say_that_it_is_alive_while_a_duty_hangs(
    shop: Shop, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else would say so, where there is no dead man's switch."""
    beat = "SELECT 1 FROM ops.beat WHERE name = 'process:watch'"
    hangs = threading.Event()
    monkeypatch.setattr(watch, "_STALE_S", 1.0)
    monkeypatch.setattr(watch, "BEAT_S", 0.2)
    monkeypatch.setattr("order_ops.jobs.upkeep.watch.sweep.sweep", lambda _: hangs.wait(60))
    title = "SELECT title FROM ops.alert WHERE dedupe_key = 'watch:beat' AND resolved_at IS NULL"
    with running(watcher):
        wait_until(lambda: shop.rows(title), 30, "the alert")
        assert "no answer for 1 s: " in shop.one(title)
        assert "sweep" in shop.one(title)
        shop.rows("DELETE FROM ops.beat RETURNING 1")
        monkeypatch.setattr(watch, "_STALE_S", 60.0)
        hangs.set()
        wait_until(lambda: shop.rows(beat), 30, "it to be alive")
        wait_until(lambda: not shop.rows(title), 30, "the end of the alert")


def test_it_does_not_say_that_it_is_alive_while_a_duty_is_not_done(
    shop: Shop, watcher: Watcher
) -> None:
    """One that fails has its own alert: that it is not alive is all there is to add."""
    beats = "SELECT count(*) FROM ops.beat WHERE name = 'process:watch'"
    (beat,) = [duty.do for duty in watcher.duties() if duty.name == "beat"]
    now = time.monotonic()
    watcher._began = now - watch._STALE_S
    assert watcher._deliverer is not None
    watcher._deliverer._passed_at = now
    watcher._tried_at = {duty.name: now for duty in watcher.duties()}
    watcher._done_at = watcher._tried_at | {"sweep": watcher._began}
    beat()
    assert shop.one(beats) == 0
    watcher._done_at["sweep"] = now
    beat()
    assert shop.one(beats) == 1


def test_where_there_is_a_broker_a_consumer_that_never_came_back_is_told_of(shop: Shop) -> None:
    """The last one was stopped in order: its beat went with it."""
    settings = shop.settings.model_copy(update={"amqp_url": "amqp://127.0.0.1:1"})
    watcher = Watcher(shop.pool, settings, shop.mapping.events)
    (look,) = [duty.do for duty in watcher.duties() if duty.name == "overdue"]
    look()
    assert shop.rows("SELECT 1 FROM ops.alert") == [], "they have their time from now on"
    shop.rows(
        "UPDATE ops.beat SET at = now() - interval '91 s' WHERE name LIKE 'process:%%' RETURNING 1"
    )
    look()
    title = shop.one("SELECT title FROM ops.alert WHERE dedupe_key = 'overdue:process'")
    assert "consumer (every 15 s" in title
    assert "relay (every 15 s" in title
