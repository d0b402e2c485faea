"""The chain of events about breaks: what the database refuses, and what tampering is found."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from threading import Thread
from typing import Any

import psycopg
import pytest

from order_ops.domain.break_acts import Act
from order_ops.store import break_events
from order_ops.store.break_events import Event, Facts, Head
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import breaks
from order_ops_tests.integration.conftest import Shop

FACTS = Facts("amount_short", "BRL", -10, 10, 2, "abc")
CHANGES: dict[str, Any] = {
    "tenant_id": "other",
    "account": "other",
    "break_id": "other",
    "act": "note",
    "actor": "mallory",
    "role": "approver",
    "at": "2020-01-01T00:00:00Z",
    "decided_on": date(2020, 1, 1),
    "reason": "another one",
    "assignee": "mallory",
    "due_on": date(2020, 1, 1),
    "class": "amount_over",
    "currency": "USD",
    "difference_minor": 1,
    "at_stake_minor": 1,
    "entries": 9,
    "members_hash": "x",
    "members": '{"internal": ["x"]}',
    "previous_hash": "x",
    "hash": "x",
}


def _event(act: Act = "accept", **other: Any) -> Event:
    given: dict[str, Any] = {"break_id": "b1"} | other
    return Event("shop", "acct", act, "alice", "finance", date(2026, 3, 12), "why", FACTS, **given)


@pytest.fixture
def chained(shop: Shop) -> Shop:
    """Three events."""
    with transaction(shop.pool) as conn:
        for act in ("acknowledge", "accept", "reopen"):
            break_events.append(conn, _event(act))  # type: ignore[arg-type]
    return shop


@contextmanager
def _tampering(shop: Shop) -> Iterator[Connection]:
    """A superuser who has switched the triggers off."""
    with transaction(shop.pool) as conn:
        conn.execute("SET LOCAL session_replication_role = replica")
        yield conn


def _wrong(shop: Shop, known: Head | None = None) -> str | None:
    with transaction(shop.pool) as conn:
        return break_events.verify(conn, known).wrong


def _head(shop: Shop) -> Head:
    with transaction(shop.pool) as conn:
        return break_events.head(conn)


def test_a_chain_that_nobody_touched_is_whole(chained: Shop) -> None:
    assert _wrong(chained) is None
    head = _head(chained)
    assert (head.count, len(head.hash)) == (3, 64)
    assert _wrong(chained, head) is None
    assert [row.id for row in chained.rows("SELECT id FROM recon.break_events ORDER BY id")] == [
        1,
        2,
        3,
    ]


def test_every_column_is_under_the_hash(shop: Shop) -> None:
    found = shop.rows(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'recon' AND table_name = 'break_events'"
    )
    assert {row.column_name for row in found} == {*CHANGES, "id", "proposal_id"}


@pytest.mark.parametrize("column", CHANGES)
@pytest.mark.parametrize("row", [2, 3])
def test_a_changed_column_is_found_and_its_row_is_named(
    chained: Shop, column: str, row: int
) -> None:
    with _tampering(chained) as conn:
        statement = f"UPDATE recon.break_events SET {column} = %s WHERE id = %s"
        conn.execute(statement, (CHANGES[column], row))
    told = _wrong(chained)
    assert told is not None
    assert told.startswith(f"event {row} "), told


def test_a_changed_row_whose_hash_was_made_again_is_found(chained: Shop) -> None:
    with _tampering(chained) as conn:
        row = next(iter(breaks.chain(conn, after=1, events=1)))._asdict()
        forged = break_events.hash_of(row | {"actor": "mallory"})
        conn.execute(
            "UPDATE recon.break_events SET actor = 'mallory', hash = %s WHERE id = 2", (forged,)
        )
    assert "event 3 does not follow" in str(_wrong(chained))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([1], "event 1 is missing"),
        ([2], "event 2 is missing"),
        ([1, 2], "events 1 to 2 are missing"),
        ([3], "event 3 is missing: recon.audit_head counts 3"),
        ([1, 2, 3], "event 1 is missing: recon.audit_head counts 3"),
    ],
)
def test_a_removed_row_is_found(chained: Shop, rows: list[int], told: str) -> None:
    with _tampering(chained) as conn:
        conn.execute("DELETE FROM recon.break_events WHERE id = ANY (%s)", (rows,))
    assert _wrong(chained) == told


def test_a_row_put_in_between_is_found(chained: Shop) -> None:
    with _tampering(chained) as conn:
        conn.execute("UPDATE recon.break_events SET id = 4 WHERE id = 3")
        conn.execute(
            "INSERT INTO recon.break_events SELECT 3, tenant_id, account, break_id, proposal_id,"
            " act, 'mallory', role, at, decided_on, reason, assignee, due_on, class, currency,"
            " difference_minor, at_stake_minor, entries, members_hash, members, 'x', 'y'"
            " FROM recon.break_events WHERE id = 2"
        )
    assert _wrong(chained) == (
        "event 3 does not follow on the one before it: one of them was changed"
    )


def test_a_tail_removed_with_the_head_is_found_by_a_head_that_was_written_down(
    chained: Shop,
) -> None:
    """What the database alone cannot tell; `order-ops audit head` is for this."""
    known = _head(chained)
    with _tampering(chained) as conn:
        conn.execute("DELETE FROM recon.break_events WHERE id = 3")
        conn.execute(
            "UPDATE recon.audit_head SET count = 2,"
            " hash = (SELECT hash FROM recon.break_events WHERE id = 2)"
        )
    assert _wrong(chained) is None
    assert _wrong(chained, known) == "event 3 is missing: 3 were written down"
    with transaction(chained.pool) as conn:
        break_events.append(conn, _event("note"))
    assert "event 3 is not the one that was written down" in str(_wrong(chained, known))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE recon.break_events SET actor = 'mallory'",
        "DELETE FROM recon.break_events",
        "TRUNCATE recon.break_events",
        "UPDATE recon.audit_head SET count = 2",
        "DELETE FROM recon.audit_head",
        "TRUNCATE recon.audit_head",
    ],
)
def test_the_database_refuses_to_change_what_was_done(chained: Shop, statement: str) -> None:
    with (
        pytest.raises(psycopg.errors.IntegrityConstraintViolation),
        transaction(chained.pool) as conn,
    ):
        conn.execute(statement)
    assert _wrong(chained) is None


def test_the_database_refuses_a_row_that_does_not_follow(chained: Shop) -> None:
    insert = (
        "INSERT INTO recon.break_events SELECT %s, tenant_id, account, break_id, proposal_id, act,"
        " actor, role, at, decided_on, reason, assignee, due_on, class, currency, difference_minor,"
        " at_stake_minor, entries, members_hash, members, %s, 'z'"
        " FROM recon.break_events WHERE id = 1"
    )
    for values in ((4, "x"), (5, _head(chained).hash)):
        refused = pytest.raises(
            psycopg.errors.IntegrityConstraintViolation, match="does not follow"
        )
        with refused, transaction(chained.pool) as conn:
            conn.execute(insert, values)
    assert _wrong(chained) is None


def test_many_at_once_make_one_chain(shop: Shop) -> None:
    def work() -> None:
        for _ in range(10):
            with transaction(shop.pool) as conn:
                break_events.append(conn, _event("note"))

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (_head(shop).count, _wrong(shop)) == (40, None)


def test_what_is_rolled_back_leaves_no_gap(chained: Shop) -> None:
    def fail(conn: Connection) -> None:
        break_events.append(conn, _event("note"))
        raise RuntimeError

    with pytest.raises(RuntimeError), transaction(chained.pool) as conn:
        fail(conn)
    with transaction(chained.pool) as conn:
        assert break_events.append(conn, _event("note")) == 4
    assert _wrong(chained) is None
