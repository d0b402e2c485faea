"""What must be true after every fault, once the system is quiet.

Each invariant is a function of what is found, and gives its violations in words;
an empty list is the proof. They look at everything there is, not at samples.
How to become quiet first is `system`; that each can fail is `test_invariants`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from order_ops.jobs.messages import message_ledger
from order_ops.settings import Settings
from order_ops.store.engine import engine
from order_ops_tests.faults.workload import Workload

SHOWN = 5
HELD_FOR_AT_MOST_S = 60.0
"""The longest lease there is without a renewal, and the longest idle transaction."""


@dataclass(slots=True)
class Found:
    """The database after a fault, and what the shop knows that it should hold."""

    database_url: str
    workload: Workload
    failed_runs: Sequence[str] = ()
    """Ids of Dagster's failed runs."""
    held_runs: Sequence[str] = field(default_factory=list)
    """Dagster's runs and slots that are held past their bound, in words."""

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Rows of a query."""
        url = self.database_url.replace("+psycopg", "")
        with psycopg.connect(url, row_factory=namedtuple_row, connect_timeout=10) as conn:
            return conn.execute(query.encode(), values).fetchall()


def i1_confirmed_is_in_the_inbox_once(found: Found) -> list[str]:
    """Each confirmed message has exactly one row, and no row is of a message never sent."""
    hashes = found.rows("SELECT sha256(body) AS hash FROM intake.inbox")
    rows = Counter(bytes(row.hash) for row in hashes)
    confirmed = {sha256(sent.body).digest(): sent.body[:120] for sent in found.workload.confirmed}
    never = rows.keys() - found.workload.attempted
    return [
        *(f"confirmed, not in the inbox: {body!r}" for h, body in confirmed.items() if not rows[h]),
        *(f"{rows[h]} inbox rows: {body!r}" for h, body in confirmed.items() if rows[h] > 1),
        *(f"in the inbox, never sent: {one.hex()}" for one in never),
    ]


def i2_effects_once(found: Found) -> list[str]:
    """Each effect at most once, and once if its event is done; the orders add up."""
    twice = found.rows("""
        SELECT tenant_id, order_id, cause, kind, count(*) FROM orders.order_events
        GROUP BY 1, 2, 3, 4 HAVING count(*) > 1""")
    without = found.rows("""
        SELECT id, message_id FROM intake.inbox WHERE state = 'done' AND note IS NULL
            AND NOT EXISTS (SELECT 1 FROM orders.order_events WHERE cause = message_id)""")
    uncaused = found.rows("""
        SELECT order_id, version, cause FROM orders.order_events WHERE NOT EXISTS (
            SELECT 1 FROM intake.inbox WHERE message_id = cause AND state = 'done')""")
    untold = found.rows("""
        SELECT order_id, version FROM orders.order_events history FULL JOIN (
            SELECT order_id, (convert_from(body, 'UTF8')::jsonb ->> 'sequence')::bigint AS version,
                count(*) AS messages FROM ops.outbox GROUP BY 1, 2) told USING (order_id, version)
        WHERE history.kind IS NULL OR messages IS DISTINCT FROM 1""")
    return [
        *(f"effect {r.count} times: {r.kind} of order {r.order_id} by {r.cause}" for r in twice),
        *(f"done without an effect: inbox {r.id}, {r.message_id}" for r in without),
        *(f"effect of no done event: {r.cause}, order {r.order_id} v{r.version}" for r in uncaused),
        *(f"order {r.order_id} v{r.version} is not told of once" for r in untold),
        *_sums(found),
    ]


def _sums(found: Found) -> list[str]:
    """An order whose events are all done is confirmed and paid to the cent."""
    rows = found.rows("""
        SELECT order_id, o.state, total_minor, paid FROM orders.orders o
        JOIN (SELECT order_id, sum(amount_minor) AS paid FROM orders.payments
              WHERE status = 'succeeded' GROUP BY order_id) p USING (order_id)
        WHERE NOT EXISTS (SELECT 1 FROM intake.inbox i WHERE i.order_id = o.order_id
                          AND i.state <> 'done')""")
    wrong = []
    for row in rows:
        total = found.workload.orders.get(row.order_id)
        expected = ("CONFIRMED", total, total)
        if total is not None and (row.state, row.total_minor, row.paid) != expected:
            wrong.append(f"order {row.order_id} is {row.state}, paid {row.paid} of {total}")
    return wrong


def i3_effects_in_sequence(found: Found) -> list[str]:
    """Versions of an order have no gap, and follow each producer's sequence."""
    gaps = found.rows("""
        SELECT order_id, version FROM (
            SELECT *, row_number() OVER lane AS place, lag(to_state) OVER lane AS before
            FROM orders.order_events
            WINDOW lane AS (PARTITION BY tenant_id, order_id ORDER BY version)) steps
        WHERE place <> version OR from_state IS DISTINCT FROM before""")
    behind = found.rows("""
        SELECT order_id, version, producer, sequence, before FROM (
            SELECT e.order_id, e.version, i.producer, i.sequence, lag(i.sequence) OVER (
                PARTITION BY e.tenant_id, e.order_id, i.producer ORDER BY e.version) AS before
            FROM orders.order_events e JOIN intake.inbox i ON i.message_id = e.cause) steps
        WHERE before > sequence""")
    return [
        *(f"order {r.order_id}: version {r.version} does not follow" for r in gaps),
        *(f"order {r.order_id}: {r.producer} {r.sequence} after {r.before}" for r in behind),
    ]


def i4_failed_is_one_dead_letter(found: Found) -> list[str]:
    """A failed event or run has exactly one dead letter, with its cause, stack and body.

    A message that was refused unread was never tried (attempts 0): no code failed on
    it, so that there is a cause and no stack. Nor has a run whose process was killed.
    """
    letters = found.rows("""
        SELECT i.id, i.state, i.note, count(l.id) AS letters, bool_and(l.error <> '') AS cause,
            bool_and(l.attempts = 0 OR l.stack <> '') AS stack, bool_and(l.payload = i.body) AS body
        FROM intake.inbox i
        LEFT JOIN ops.dead_letter l ON l.origin = 'event' AND l.origin_id = i.id::text
        GROUP BY i.id HAVING i.state = 'parked' OR count(l.id) > 0""")
    runs = found.rows("SELECT origin_id, error FROM ops.dead_letter WHERE origin = 'run'")
    known = Counter(row.origin_id for row in runs if row.error)
    odd = known.keys() - set(found.failed_runs)
    silent = found.rows("""
        SELECT id, fingerprint FROM ops.dead_letter l WHERE NOT EXISTS (
            SELECT 1 FROM ops.alert WHERE dedupe_key = 'dead_letter:' || l.fingerprint)""")
    wrong = [r for r in letters if (r.state, r.letters, r.cause, r.stack, r.body) != _WHOLE]
    return [
        *(f"inbox {r.id} is {r.state} ({r.note}): {r.letters} letters, {r[4:]}" for r in wrong),
        *(f"failed run {r}: {known[r]} letters" for r in found.failed_runs if known[r] != 1),
        *(f"a letter of a run that did not fail: {run}" for run in odd),
        *(f"dead letter {row.id} woke nobody" for row in silent),
    ]


_WHOLE = ("parked", 1, True, True, True)


def i5_nothing_is_held(found: Found) -> list[str]:
    """No claim, suspect, lease, session, run or slot is held past its bound."""
    claims = found.rows("SELECT id, owner, lease_until < now() AS past FROM intake.claim")
    suspects = found.rows("SELECT order_id FROM intake.suspect")
    leases = found.rows(
        """SELECT name, owner FROM ops.lease
        WHERE lease_until > now() + make_interval(secs => %(s)s)
        UNION ALL SELECT job, worker FROM ops.job_execution
        WHERE state = 'running' AND lease_until > now() + make_interval(secs => %(s)s)""",
        s=HELD_FOR_AT_MOST_S,
    )
    sessions = found.rows(
        """SELECT pid, state, query FROM pg_stat_activity
        WHERE datname = current_database() AND xact_start < now() - make_interval(secs => %(s)s)""",
        s=HELD_FOR_AT_MOST_S,
    )
    return [
        *(f"claim {r.id} of {r.owner} is left, past its lease: {r.past}" for r in claims),
        *(f"order {r.order_id} is still a suspect" for r in suspects),
        *(f"lease {r.name} of {r.owner} is held for too long" for r in leases),
        *(f"session {r.pid} is {r.state} for too long: {r.query[:80]}" for r in sessions),
        *found.held_runs,
    ]


def i7_message_ledger_gap_is_0(found: Found) -> list[str]:
    """No number of a producer is missing, and each message became exactly one thing."""
    pool = engine(Settings(database_url=found.database_url))
    try:
        balance = message_ledger.refresh(pool, "shop", 0)
        sums = message_ledger.totals(pool)
    finally:
        pool.dispose()
    became = sums.pending + sums.done + sums.parked + sums.skipped + sums.discarded
    return [
        *(f"missing: {gap}" for gap in balance.gaps),
        *([f"{sums.received} came, {became} became something"] * (sums.received != became)),
    ]


def fates(found: Found) -> list[str]:
    """What can be applied was applied, what cannot is parked, and nothing is left to do."""
    states = {
        bytes(row.hash): row
        for row in found.rows("SELECT sha256(body) AS hash, state, note FROM intake.inbox")
    }
    wrong = []
    for sent in found.workload.confirmed:
        row = states.get(sha256(sent.body).digest())
        expected = "parked" if sent.parked else "done"
        if row is not None and row.state != expected:
            wrong.append(f"is {row.state} ({row.note}), not {expected}: {sent.body[:120]!r}")
    return wrong


INVARIANTS: tuple[Callable[[Found], list[str]], ...] = (
    i1_confirmed_is_in_the_inbox_once,
    i2_effects_once,
    i3_effects_in_sequence,
    i4_failed_is_one_dead_letter,
    i5_nothing_is_held,
    i7_message_ledger_gap_is_0,
    fates,
)


def violations(found: Found) -> list[str]:
    """Every violation of every invariant, the first few of each."""
    told = []
    for invariant in INVARIANTS:
        wrong = invariant(found)
        told += [f"{invariant.__name__}: {one}" for one in wrong[:SHOWN]]
        if len(wrong) > SHOWN:
            told.append(f"{invariant.__name__}: and {len(wrong) - SHOWN} more")
    return told
