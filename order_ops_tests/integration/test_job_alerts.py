"""What was told of lost work ends with it, whichever way that ends."""

from dataclasses import replace

import pytest

from order_ops.jobs.catalogue import EXPIRE_ORDERS as JOB
from order_ops.jobs.running import again
from order_ops.jobs.running.runtime import WorkFailed, perform
from order_ops.jobs.running.sweep import sweep
from order_ops_tests.failing import raising
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.executions import asked, begin, let_lease_pass

WANTED = asked(JOB, "A", request="tick 1")
HEIR = replace(WANTED, run_id="B")
STALLS = "SELECT title FROM ops.alert WHERE starts_with(dedupe_key, 'stall:')"


def _lost(shop: Shop, *, dry_run: bool = False) -> None:
    begin(shop, replace(WANTED, dry_run=dry_run))
    let_lease_pass(shop)
    sweep(shop.pool)
    shop.rows("UPDATE ops.job_execution SET again_at = now() RETURNING 1")
    assert len(_open(shop)) == 1


def _open(shop: Shop) -> list[str]:
    return [row.title for row in shop.rows(f"{STALLS} AND resolved_at IS NULL")]


@pytest.mark.parametrize("dry_run", [False, True])
def test_when_it_is_done(shop: Shop, *, dry_run: bool) -> None:
    _lost(shop, dry_run=dry_run)
    perform(shop.pool, JOB, replace(HEIR, dry_run=dry_run), lambda _: None)
    assert _open(shop) == []


def test_when_it_fails(shop: Shop) -> None:
    _lost(shop)
    with pytest.raises(WorkFailed):
        perform(shop.pool, JOB, HEIR, raising(ValueError("broken")))
    assert _open(shop) == [], "its letter's alert speaks of it"


def test_not_while_it_is_tried_again(shop: Shop) -> None:
    _lost(shop)
    with pytest.raises(WorkFailed):
        perform(shop.pool, JOB, HEIR, raising(ConnectionError("reset")))
    assert len(_open(shop)) == 1


def test_when_nobody_will_do_it(shop: Shop) -> None:
    _lost(shop)
    ((one,),) = again.due(shop.pool)
    again.give_up(shop.pool, one, "no run began it")
    assert _open(shop) == []
    again.give_up(shop.pool, one, "no run began it")
    assert shop.one("SELECT count(*) FROM ops.dead_letter") == 1


def test_when_it_is_cancelled(shop: Shop) -> None:
    _lost(shop)
    ((one,),) = again.due(shop.pool)
    again.cancel(shop.pool, one)
    assert _open(shop) == []
    assert shop.rows("SELECT 1 FROM ops.dead_letter") == []
