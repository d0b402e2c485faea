"""What is old goes, the newest and whatever nobody has reviewed stay, on real servers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import OperationalError as SqlOperationalError

from order_ops.domain.messages import Message
from order_ops.domain.retention import AUDIT, BUSY, MONEY
from order_ops.jobs.letters import dead_letters, letter_sets
from order_ops.jobs.messages import message_ledger
from order_ops.jobs.upkeep import purge as purging
from order_ops.jobs.upkeep.purge import purge
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created

SEEDED = 1_500
ANA = Actor("ana", "seen")
DAY = timedelta(days=1)


def _do(shop: Shop, statement: str, **values: Any) -> None:
    with transaction(shop.pool) as conn:
        conn.execute(statement, values)


def _age(shop: Shop, by: timedelta) -> None:
    """Make everything that there is so much older."""
    for table, times in {
        "intake.inbox": ("received_at", "settled_at"),
        "ops.outbox": ("created_at", "published_at"),
        "ops.dead_letter": ("created_at", "reviewed_at"),
        "ops.alert": ("created_at", "resolved_at"),
        "ops.act": ("created_at", "ended_at"),
        "intake.hour": ("hour", "updated_at"),
    }.items():
        changes = ", ".join(f"{time} = {time} - %(by)s" for time in times)
        _do(shop, f"UPDATE {table} SET {changes}", by=by)


@pytest.fixture
def settled(shop: Shop) -> Shop:
    """1,500 applied events, their messages published."""
    shop.stage(*(created(f"o{n}") for n in range(SEEDED)))
    shop.apply()
    _do(shop, "UPDATE ops.outbox SET published_at = now()")
    return shop


def _bodies(shop: Shop) -> int:
    return int(shop.one("SELECT count(*) FROM intake.inbox WHERE body <> ''"))


def test_of_busy_things_the_newest_stay_and_their_ids(settled: Shop) -> None:
    _age(settled, 2 * DAY)
    assert purge(settled.pool, dry_run=True).counts["intake.inbox payloads"] == 500
    assert _bodies(settled) == SEEDED, "a dry run changes nothing"
    done = purge(settled.pool)
    assert (done.counts["intake.inbox payloads"], done.counts["ops.outbox"]) == (500, 500)
    assert _bodies(settled) == BUSY.keep_at_least
    assert settled.one("SELECT count(*) FROM ops.outbox") == BUSY.keep_at_least
    assert settled.one("SELECT min(id) FROM ops.outbox") == 501
    emptied = "FROM intake.inbox WHERE purged_at IS NOT NULL AND headers = '{}' AND body = ''"
    assert settled.one(f"SELECT count(*) {emptied}") == 500
    assert settled.one("SELECT count(*) FROM orders.orders") == SEEDED
    assert purge(settled.pool).total == 0


def test_a_copy_of_a_purged_message_is_still_a_copy(settled: Shop) -> None:
    _age(settled, 2 * DAY)
    purge(settled.pool)
    again = settled.stage(*(created(f"o{n}") for n in range(SEEDED)))
    assert (again.staged, again.copies, again.conflicts) == (0, SEEDED, 0)


def test_what_is_not_a_day_old_stays(settled: Shop) -> None:
    _age(settled, BUSY.keep_for - timedelta(minutes=5))
    assert purge(settled.pool).total == 0


def test_after_its_time_a_message_goes_altogether(settled: Shop) -> None:
    settled.stage(created("young"))
    settled.apply()
    _age(settled, MONEY.keep_for - DAY)
    assert purge(settled.pool).counts["intake.inbox"] == 0
    _age(settled, 2 * DAY)
    assert purge(settled.pool).counts["intake.inbox"] == SEEDED + 1


def test_the_ledger_of_messages_counts_what_is_purged(settled: Shop) -> None:
    message_ledger.refresh(settled.pool, settled.mapping.events.source, 60)
    before = message_ledger.totals(settled.pool)
    assert (before.received, before.done) == (SEEDED, SEEDED)
    _age(settled, MONEY.keep_for + DAY)
    done = purge(settled.pool)
    assert (done.counts["intake.inbox"], done.counts["ops.outbox"]) == (SEEDED, 500)
    _do(settled, "UPDATE intake.hour SET pending = 0, missing = 1")  # counted again for it
    message_ledger.refresh(settled.pool, settled.mapping.events.source, 60)
    after = message_ledger.totals(settled.pool)
    assert (after.received, after.copies, after.done) == (SEEDED, SEEDED, SEEDED)
    hours = message_ledger.hours(settled.pool, 10)
    assert (sum(h.to_publish for h in hours), sum(h.published for h in hours)) == (SEEDED, SEEDED)


def test_what_was_published_after_the_last_count_waits_for_the_next(settled: Shop) -> None:
    message_ledger.refresh(settled.pool, settled.mapping.events.source, 60)
    _age(settled, 2 * DAY)
    _do(settled, "UPDATE intake.hour SET updated_at = now() - interval '4 days'")
    assert purge(settled.pool).counts["ops.outbox"] == 0


def _unreadable(count: int) -> list[Message]:
    return [Message(b"{" + b" " * n, "order.created", {}) for n in range(count)]


def _letters(shop: Shop) -> list[int]:
    return [letter.id for letter in letter_sets.find(shop.pool, letter_sets.Selection())]


def test_an_unreviewed_failure_stays_with_its_payload(settled: Shop) -> None:
    bodies = _unreadable(SEEDED)
    settled.stage(*bodies)
    _do(settled, "UPDATE intake.inbox SET settled_at = received_at WHERE state = 'parked'")
    dead_letters.discard(settled.pool, _letters(settled)[SEEDED // 2 :], ANA)
    _age(settled, MONEY.keep_for + DAY)
    done = purge(settled.pool)
    assert done.counts["ops.dead_letter"] == SEEDED // 2
    left = settled.rows(
        "SELECT inbox.body, payload FROM ops.dead_letter JOIN intake.inbox"
        " ON inbox.id = origin_id::bigint WHERE dead_letter.state = 'open'"
    )
    assert sorted(bytes(row.body) for row in left) == [m.body for m in bodies[: SEEDED // 2]]
    assert all(bytes(row.payload) == bytes(row.body) for row in left)
    assert settled.one("SELECT count(*) FROM ops.alert WHERE resolved_at IS NULL") == 1
    assert settled.one("SELECT count(*) FROM intake.inbox") == SEEDED // 2


def test_a_reviewed_letter_stays_while_its_replay_is_open(shop: Shop) -> None:
    shop.stage(*_unreadable(3))
    dead_letters.discard(shop.pool, _letters(shop)[:2], ANA)
    _do(shop, "UPDATE ops.dead_letter SET replay_of = 2 WHERE id = 3")
    _do(shop, "UPDATE ops.dead_letter SET replay_of = 1 WHERE id = 2")
    _age(shop, MONEY.keep_for + DAY)
    assert purge(shop.pool).counts["ops.dead_letter"] == 0
    dead_letters.discard(shop.pool, [3], ANA)
    _age(shop, MONEY.keep_for + DAY)
    assert purge(shop.pool, dry_run=True).counts["ops.dead_letter"] == 3
    assert purge(shop.pool).counts["ops.dead_letter"] == 3


def test_money_is_kept_thirteen_months(shop: Shop) -> None:
    shop.stage(*_unreadable(SEEDED))
    dead_letters.discard(shop.pool, _letters(shop), ANA)
    _do(
        shop,
        "INSERT INTO ops.alert (dedupe_key, severity, title, resolved_at)"
        " SELECT n::text, 'info', 'x', now() FROM generate_series(1, 1500) n",
    )
    _do(
        shop,
        "INSERT INTO ops.act (kind, tenant_id, order_id, order_version, state, reason, ended_at)"
        " SELECT 'expire', 'shop', n::text, 1, 'done', 'x', now() FROM generate_series(1, 1500) n",
    )
    _do(
        shop,
        "INSERT INTO ops.provider_call (act_id, account, verb, payment, idempotency_key)"
        " SELECT id, 'shop-cards', 'cancel', 'pi_1', id::text FROM ops.act",
    )
    _age(shop, MONEY.keep_for - DAY)
    kept = purge(shop.pool).counts
    assert (kept["ops.dead_letter"], kept["ops.alert"], kept["ops.act"]) == (0, 0, 0)
    _age(shop, 2 * DAY)
    gone = purge(shop.pool).counts
    assert (gone["ops.dead_letter"], gone["ops.alert"], gone["ops.act"]) == (1500, 1501, 1500)
    assert shop.one("SELECT count(*) FROM ops.provider_call") == 0, "calls go with their acts"


def test_the_audit_is_kept_ten_years(shop: Shop) -> None:
    add = """INSERT INTO ops.audit (at, actor, action, subject, reason)
        VALUES (%(at)s, 'a', 'b', 'c', 'd')"""
    _do(shop, add, at=datetime.now(UTC) - AUDIT.keep_for - DAY)
    _do(shop, add, at=datetime.now(UTC) - AUDIT.keep_for + 30 * DAY)
    assert purge(shop.pool).counts["ops.audit"] == 1
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        _do(shop, "DELETE FROM ops.audit")
    assert shop.one("SELECT count(*) FROM ops.audit") == 1


def test_a_purge_that_fails_midway_leaves_whole_batches_and_the_next_does_the_rest(
    settled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session is terminated by the server in the third batch."""
    _age(settled, 2 * DAY)
    monkeypatch.setattr(purging, "BATCH", 100)
    honest, calls = purging.sql.empty_payloads, []

    def killed(conn: Any, **values: Any) -> Any:
        done = honest(conn, **values)
        calls.append(done.rows)
        if len(calls) == 3:
            conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return done

    monkeypatch.setattr(purging.sql, "empty_payloads", killed)
    with pytest.raises((psycopg.OperationalError, SqlOperationalError)):
        purge(settled.pool)
    assert _bodies(settled) == SEEDED - 200
    monkeypatch.setattr(purging.sql, "empty_payloads", honest)
    assert purge(settled.pool).counts["intake.inbox payloads"] == 300
    assert _bodies(settled) == BUSY.keep_at_least
