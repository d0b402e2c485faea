"""Staging and applying on a real database: nothing lost, nothing twice, nothing in part."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import errors

from order_ops.domain.messages import Message
from order_ops.domain.orders import LEGAL_MOVES, REINSTATEMENTS, State
from order_ops.jobs.orders import apply_events
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, message, paid, reserved

TABLES = ("orders.orders", "orders.order_events", "orders.payments", "ops.outbox")


def _state(shop: Shop, order: str) -> str:
    return str(shop.one("SELECT state FROM orders.orders WHERE order_id = %(o)s", o=order))


def test_events_of_an_order_lead_to_a_confirmed_order(shop: Shop) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    assert dict(shop.apply().events) == {"applied": 3}
    assert _state(shop, "o1") == "CONFIRMED"
    history = shop.rows("SELECT kind FROM orders.order_events ORDER BY version")
    assert [row.kind for row in history] == ["created", "reserved", "paid", "confirmed"]
    assert shop.one("SELECT count(*) FROM ops.outbox") == 4
    assert shop.one("SELECT state FROM orders.reservations") == "allocated"


def test_a_copy_is_counted_and_has_no_effect(shop: Shop) -> None:
    first = shop.stage(created("o1"), created("o1"))
    again = shop.stage(created("o1"), created("o2"))
    assert (first.staged, first.copies, again.staged, again.copies) == (1, 1, 1, 1)
    shop.apply()
    assert shop.rows("SELECT order_id, copies FROM intake.inbox ORDER BY 1") == [
        ("o1", 3),
        ("o2", 1),
    ]
    assert shop.one("SELECT count(*) FROM orders.order_events") == 2


def test_same_id_with_another_body_is_parked_and_alerted(shop: Shop) -> None:
    shop.stage(created("o1", total=1_000))
    other = created("o1", total=999)
    result = shop.stage(other)
    assert (result.staged, result.conflicts) == (0, 1)
    shop.apply()
    assert shop.one("SELECT total_minor FROM orders.orders") == 1_000
    ((letter,),) = [shop.rows("SELECT category, payload FROM ops.dead_letter")]
    assert (letter.category, bytes(letter.payload)) == ("conflict", other.body)
    assert shop.one("SELECT count(*) FROM ops.alert WHERE resolved_at IS NULL") == 1
    assert shop.stage(other).parked == 0, "the same conflict again is not a second letter"


POISON = {
    "broken JSON": b'{"id": "x", ',
    "not UTF-8": b'{"id": "\xff\xfe"}',
    "NUL": message("order.cancelled", "o9", 3, reason="a\x00b").body,
    "unknown version": created("o9").body.replace(b'"version": 1', b'"version": 7'),
    "no id": created("o9").body.replace(b'"id"', b'"no_id"'),
    "101 KB": created("o9").body.replace(b"{", b'{"filler": "' + b"x" * 101_000 + b'", ', 1),
    "unknown type": created("o9").body.replace(b"order.created", b"order.teleported"),
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON.keys())
def test_poison_is_parked_byte_for_byte_and_its_batch_is_unharmed(shop: Shop, body: bytes) -> None:
    poison = Message(body, "order.created", {"x": "y"})
    result = shop.stage(created("o1"), poison, created("o2"))
    assert (result.staged, result.parked) == (2, 1)
    assert dict(shop.apply().events) == {"applied": 2}
    parked = shop.rows("SELECT body, note, headers FROM intake.inbox WHERE state = 'parked'")
    assert [bytes(row.body) for row in parked] == [body]
    assert parked[0].note
    assert parked[0].headers == {"x": "y"}
    assert bytes(shop.one("SELECT payload FROM ops.dead_letter")) == body


def test_the_database_refuses_an_outgoing_message_that_is_too_large(shop: Shop) -> None:
    body = b"x" * 100_001
    row = "INSERT INTO ops.outbox (message_id, tenant_id, order_id, routing_key, body) VALUES"
    with pytest.raises(errors.CheckViolation, match="ck_outbox_body"):
        shop.rows(f"{row} ('m', 't', 'o', 'k', %(body)s) RETURNING 1", body=body)
    assert shop.rows(f"{row} ('m', 't', 'o', 'k', %(body)s) RETURNING 1", body=body[:-1])


def test_what_the_database_refuses_is_parked_and_its_batch_is_stored(shop: Shop) -> None:
    """A key longer than an index entry can be: the codec lets it through, the index does not."""
    refused = Message(b"{", "k" * 3, {})
    with transaction(shop.pool) as conn:
        conn.execute("ALTER TABLE intake.inbox ADD CONSTRAINT made_up CHECK (order_id <> 'cursed')")
    cursed = created("cursed")
    result = shop.stage(created("o1"), cursed, refused, created("o2"))
    assert (result.staged, result.parked) == (2, 2)
    bodies = shop.rows("SELECT body FROM intake.inbox WHERE state = 'parked'")
    assert {bytes(row.body) for row in bodies} == {cursed.body, refused.body}


def test_a_payment_before_its_order_waits_and_is_applied(shop: Shop) -> None:
    shop.stage(paid("o1"))
    assert dict(shop.apply().events) == {"waiting": 1}
    assert shop.one("SELECT attempts FROM intake.inbox") == 0, "waiting is not failing"
    shop.stage(created("o1"), reserved("o1"))
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.inbox SET next_at = now()")
    assert dict(shop.apply().events) == {"applied": 3}
    assert _state(shop, "o1") == "CONFIRMED"


def test_an_orphan_becomes_a_dead_letter_with_its_money(shop: Shop) -> None:
    shop.stage(paid("nobody", 777))
    with transaction(shop.pool) as conn:
        conn.execute("UPDATE intake.inbox SET received_at = now() - interval '2 days'")
    assert dict(shop.apply().events) == {"dead": 1}
    letter = shop.rows("SELECT error, attempts, stack FROM ops.dead_letter")[0]
    assert "orphan" in letter.error
    alert = shop.rows("SELECT severity, amount_minor FROM ops.alert")[0]
    assert (alert.severity, alert.amount_minor) == ("critical", 777)


def test_a_lane_that_the_database_refuses_stands_alone(shop: Shop) -> None:
    """Two orders that claim one payment: the second is refused, eighteen others are not."""
    shop.stage(created("first"), reserved("first"), paid("first"))
    shop.apply()
    for n in range(18):
        shop.stage(created(f"o{n}"), reserved(f"o{n}"), paid(f"o{n}"))
    shop.stage(created("thief"), paid("thief", payment="pi_first"))
    done = shop.apply().events
    assert (done["applied"], done["dead"]) == (18 * 3 + 1, 1)
    assert shop.one("SELECT count(*) FROM orders.orders WHERE state = 'CONFIRMED'") == 19
    letter = shop.rows("SELECT origin, category, error, stack, attempts FROM ops.dead_letter")[0]
    assert (letter.origin, letter.category, letter.attempts) == ("event", "permanent", 1)
    assert "UniqueViolation" in letter.error
    assert "Traceback" in letter.stack


def test_a_failure_after_any_statement_leaves_nothing_in_part(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checklist 13: effects, history, outbox and the event's outcome are one transaction."""
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    claim = shop.claim()
    execute = psycopg.Cursor.execute
    survived = False
    for fatal in range(1, 60):
        monkeypatch.setattr(psycopg.Cursor, "execute", _dying(execute, fatal))
        try:
            with transaction(shop.pool) as conn:
                apply_events._apply_chunk(shop.worker(), conn, claim, claim.lanes)
            survived = True
        except ConnectionError:
            monkeypatch.setattr(psycopg.Cursor, "execute", execute)
            for table in TABLES:
                assert shop.one(f"SELECT count(*) FROM {table}") == 0, (fatal, table)
            assert shop.one("SELECT count(*) FROM intake.inbox WHERE state = 'pending'") == 3
        if survived:
            break
    monkeypatch.setattr(psycopg.Cursor, "execute", execute)
    assert survived
    assert fatal > 8, "every statement was made to fail once"
    assert _state(shop, "o1") == "CONFIRMED"


def _dying(execute: Callable[..., Any], fatal: int) -> Callable[..., Any]:
    calls = 0

    def dying(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        done = execute(self, *args, **more)
        if calls == fatal:
            raise ConnectionError("cut after a statement")
        return done

    return dying


@pytest.mark.parametrize("before", list(State))
def test_the_database_refuses_every_illegal_move(shop: Shop, before: State) -> None:
    for after in State:
        legal = (before, after) in LEGAL_MOVES or before is after
        insert = (
            "INSERT INTO orders.order_events (tenant_id, order_id, version, kind, from_state,"
            " to_state, occurred_at, cause) VALUES ('t', 'o', 2, %(kind)s, %(a)s, %(b)s, now(),"
            " 'c')"
        )
        for kind in ("moved", "reinstated"):
            allowed = legal or (kind == "reinstated" and (before, after) in REINSTATEMENTS)
            with shop.pool.connect() as connection:
                driver: Any = connection.connection.driver_connection
                values = {"kind": kind, "a": before, "b": after}
                if allowed:
                    assert driver.execute(insert, values).rowcount == 1
                else:
                    with pytest.raises(errors.CheckViolation):
                        driver.execute(insert, values)
                driver.rollback()


def test_the_database_refuses_a_state_without_history(shop: Shop) -> None:
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    for change in ("state = 'EXPIRED'", "state = 'EXPIRED', version = version + 1"):
        with (
            pytest.raises(errors.IntegrityConstraintViolation, match="no history leads"),
            transaction(shop.pool) as conn,
        ):
            conn.execute(f"UPDATE orders.orders SET {change}")
    assert _state(shop, "o1") == "RESERVED"


def test_only_the_event_that_fails_alone_is_blamed(shop: Shop) -> None:
    """A payment of somebody else's order, third in a batch with its own order's first events."""
    shop.stage(created("first"), reserved("first"), paid("first"))
    shop.apply()
    shop.stage(created("thief"), reserved("thief"), paid("thief", payment="pi_first"))
    total = shop.apply().events
    assert (total["applied"], total["dead"]) == (2, 1)
    assert _state(shop, "thief") == "RESERVED"
    assert shop.one("SELECT name FROM ops.dead_letter") == "payment.succeeded"


def test_money_at_an_unknown_account_is_a_dead_letter(shop: Shop) -> None:
    elsewhere = message(
        "payment.succeeded", "o1", 7, payment="pp_1", account="paypal", amount_minor=500,
        currency="BRL",
    )  # fmt: skip
    shop.stage(created("o1"), elsewhere)
    assert shop.apply().events == {"applied": 1, "dead": 1}
    letter = shop.rows("SELECT category, amount_minor, error FROM ops.dead_letter")[0]
    assert (letter.category, letter.amount_minor) == ("conflict", 500)
    assert "'paypal'" in letter.error


def test_a_currency_that_is_none_is_parked(shop: Shop) -> None:
    odd = message("order.created", "o1", 1, total_minor=1, currency="ZZZ")
    assert shop.stage(odd).parked == 1


def test_each_late_payment_is_alerted_with_its_amount(shop: Shop) -> None:
    shop.stage(created("o1"), message("order.cancelled", "o1", 3))
    shop.stage(paid("o1", 1_000), paid("o1", 70, payment="pi_2", sequence=2))
    shop.apply()
    alerts = shop.rows("SELECT amount_minor, severity FROM ops.alert ORDER BY id")
    assert [(a.amount_minor, a.severity) for a in alerts] == [(1_000, "critical"), (70, "critical")]
