"""What `order-ops trace` makes of ids: wrong ones, those of several things, of runs and acts."""

import pytest

from order_ops.domain.messages import Message
from order_ops.jobs.catalogue import EXPIRE_ORDERS
from order_ops.jobs.running.runtime import Running, perform
from order_ops.store.engine import transaction
from order_ops_tests.integration.alerting import id_of, raised
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.executions import asked
from order_ops_tests.integration.tracing import found, ids, refused, said
from order_ops_tests.shop import created


def test_what_the_database_forgot_the_log_may_know(shop: Shop) -> None:
    lines = '{"event": "x", "correlation_id": "gone-1", "timestamp": "2026-03-10T15:00:00Z"}\n'
    shown = said("gone-1", "--logs", "-", stdin=lines)
    assert "gone-1: the database does not know it, log lines do" in shown
    assert "2026-03-10 15:00:00.000  log" in shown


@pytest.mark.parametrize(
    "wrong",
    ["nobody", "alert:999", "letter:x", "7", "99999999999999999999999", "run:", "alert:",
     "[/red]", "7 dead_letter:none", "order:shop/none", "'; DROP TABLE ops.alert"],
)  # fmt: skip
def test_an_id_that_nothing_has_is_answered_with_those_that_are_understood(
    shop: Shop, wrong: str
) -> None:
    told = refused(wrong)
    assert (
        f"nothing has the id {wrong}: understood are alert:ID (its number or its key), letter:ID"
        in told
    )


def test_a_page_that_was_pasted_is_not_repeated(shop: Shop) -> None:
    told = refused("x" * 5_000)
    assert f"nothing has the id {'x' * 100}…: understood are" in told
    assert len(told) < 1_500


@pytest.mark.parametrize(
    ("wrong", "words"),
    [(" ", "say an id: understood are alert:ID"), ("a\0", "a text cannot hold a NUL character")],
)
def test_what_is_no_id_at_all_is_refused(shop: Shop, wrong: str, words: str) -> None:
    assert words in refused(wrong)


def test_an_id_of_several_things_is_not_guessed_about(shop: Shop) -> None:
    raised(shop, "job:x")
    shop.stage(created("1"), Message(b"{", "order.created", {}))
    (alert, letter) = (id_of(shop, "job:x"), shop.one("SELECT id FROM ops.dead_letter"))
    assert (alert, letter) == (1, 1)
    told = refused("1")
    assert "1 is the id of 4 things: say which one: " in told
    for one in ("alert:1", "letter:1", "event:1", "order:1"):
        assert one in told
    assert ids(found("alert:1"), "alerts") == [1]
    assert ids(found("dead_letter:1"), "letters") == [1]


def test_orders_of_two_tenants_are_not_shown_together(shop: Shop) -> None:
    other = created("o1").body.replace(b'"tenant": "shop"', b'"tenant": "other"')
    other = other.replace(b"order-service-o1-1", b"theirs")
    shop.stage(created("o1"), Message(other, "order.created", {}))
    assert "o1 is the id of 2 things: say which one: order:shop/o1, order:other/o1" in refused("o1")
    (one,) = found("order:other/o1")["messages"]
    assert one["message_id"] == "theirs"


def test_an_alert_about_an_order_alone_finds_the_order(shop: Shop) -> None:
    shop.stage(created("o1"))
    shop.apply()
    raised(shop, "expiry:shop:o1:new", order_id="o1", tenant_id="shop")
    told = found("expiry:shop:o1:new")
    assert [row["order_id"] for row in told["messages"]] == ["o1"]
    assert [row["kind"] for row in told["history"]] == ["created"]


def test_a_run_of_its_own_accord_is_found_by_its_alert(shop: Shop) -> None:
    """Work that failed three times in a row: its alert names the last run."""

    def work(_: Running) -> None:
        raise ValueError("broken")

    for number in range(3):
        wanted = asked(EXPIRE_ORDERS, f"run-{number}")
        with pytest.raises(Exception, match="broken"):
            perform(shop.pool, EXPIRE_ORDERS, wanted, work)
    alert = id_of(shop, "job:expire_orders_job:expire_orders")
    told = found(f"alert:{alert}")
    assert [row["run_id"] for row in told["executions"]] == ["run-2"]
    assert told["executions"][0]["error"] == "broken"


def test_an_act_is_found_by_its_run_and_its_order(shop: Shop) -> None:
    shop.stage(created("o1"))
    shop.apply()
    with transaction(shop.pool) as conn:
        conn.execute(
            "INSERT INTO ops.act (kind, tenant_id, order_id, order_version, state, reason, run_id)"
            " VALUES ('expire', 'shop', 'o1', 1, 'proposed', 'unpaid', 'run-9')"
        )
    for one in ("run-9", "order:o1"):
        (act,) = found(one)["acts"]
        assert (act["kind"], act["run_id"]) == ("expire", "run-9")
    assert "expire of order o1 of shop: planned by run run-9: unpaid; proposed" in said("run-9")
