-- Reconciliation: inputs by accounting day, what is due, and results by day.

-- name: mark_days!
-- Something about these days is new: they are due once they are closed.
INSERT INTO recon.day AS known (account, day)
SELECT * FROM unnest(:account::text[], :day::date[]) ORDER BY 1, 2
ON CONFLICT (account, day) DO UPDATE SET generation = known.generation + 1, requests = 0,
    requested_at = NULL;

-- name: due_days
-- Closed days with news that no run has taken in, and that nobody asked for lately.
SELECT d.account, d.day, d.generation, d.requests FROM recon.day d
JOIN unnest(:account::text[], :first_day::date[], :last_closed::date[])
    AS a(account, first_day, last_closed)
    ON d.account = a.account AND d.day BETWEEN a.first_day AND a.last_closed
WHERE d.generation > d.done_generation
    AND (d.requested_at IS NULL OR d.requested_at < now() - make_interval(secs => :again_s))
    AND d.requests < :requests
ORDER BY d.day, d.account LIMIT :days FOR UPDATE OF d SKIP LOCKED;

-- name: mark_requested!
UPDATE recon.day d SET requested_at = now(), requests = requests + 1
FROM unnest(:account::text[], :day::date[]) AS asked(account, day)
WHERE d.account = asked.account AND d.day = asked.day;

-- name: open_days!
-- Closed days that nothing happened on are reconciled too: nothing is also a result.
INSERT INTO recon.day (account, day)
SELECT account, day::date
FROM unnest(:account::text[], :first_day::date[], :last_closed::date[])
    AS a(account, first_day, last_closed),
    generate_series(first_day, last_closed, interval '1 day') AS day
ON CONFLICT DO NOTHING;

-- name: lock_account$
-- Days of one account are reconciled one after another.
SELECT pg_advisory_xact_lock(hashtextextended('recon:' || :account, 0));

-- name: note_snapshot!
-- What the internal snapshot has taken in; news after it leaves the day due.
INSERT INTO recon.day AS known (account, day, snapshot_generation) VALUES (:account, :day, 1)
ON CONFLICT (account, day) DO UPDATE SET snapshot_generation = known.generation;

-- name: mark_done!
UPDATE recon.day SET done_generation = snapshot_generation WHERE account = :account AND day = :day;

-- name: known_file^
SELECT id, name, received_at FROM recon.source_file WHERE account = :account AND sha256 = :sha256;

-- name: add_file$
INSERT INTO recon.source_file (account, provider, name, sha256, lines, totals)
VALUES (:account, :provider, :name, :sha256, :lines, :totals::jsonb) RETURNING id;

-- name: make_line_table#
CREATE TEMP TABLE IF NOT EXISTS incoming_line (LIKE recon.provider_transactions)
    ON COMMIT DELETE ROWS;

-- name: conflicting_lines
-- The same line id with other amounts is a contradiction, not news.
SELECT i.entry_id, i.line_no, known.line_no AS known_line, f.name AS known_file
FROM incoming_line i
JOIN recon.provider_transactions known USING (account, entry_id)
JOIN recon.source_file f ON f.id = known.file_id
WHERE (i.kind, i.amount_minor, i.fee_minor, i.net_minor, i.currency, i.occurred_at)
    IS DISTINCT FROM (known.kind, known.amount_minor, known.fee_minor, known.net_minor,
        known.currency, known.occurred_at)
ORDER BY i.line_no LIMIT 5;

-- name: add_lines
WITH added AS (
    INSERT INTO recon.provider_transactions AS known SELECT * FROM incoming_line
    -- A later file may name what an earlier one left blank; it changes nothing else.
    ON CONFLICT (account, entry_id) DO UPDATE SET
        provider_ref = COALESCE(known.provider_ref, excluded.provider_ref),
        order_ref = COALESCE(known.order_ref, excluded.order_ref)
    WHERE known.provider_ref IS NULL AND excluded.provider_ref IS NOT NULL
        OR known.order_ref IS NULL AND excluded.order_ref IS NOT NULL
    RETURNING day
)
SELECT day, count(*) AS lines FROM added GROUP BY day ORDER BY day;

-- name: forget_moved
-- Entries that were on another day when that day was read last; those days have news.
WITH moved AS (
    DELETE FROM recon.internal_transactions
    WHERE account = :account AND day <> :day AND entry_id = ANY (:entry_ids::text[])
    RETURNING day
)
SELECT DISTINCT day FROM moved;

-- name: day_internal
SELECT * FROM recon.internal_transactions WHERE account = :account AND day = :day
ORDER BY entry_id;

-- name: day_provider
SELECT * FROM recon.provider_transactions WHERE account = :account AND day = :day
ORDER BY entry_id;

-- name: previous_run^
-- The run whose carry-out this day takes in.
SELECT day, carry_out_hash FROM recon.run WHERE account = :account AND day < :day
ORDER BY day DESC LIMIT 1;

-- name: carried_internal
SELECT i.* FROM recon.carry c JOIN recon.internal_transactions i USING (account, entry_id)
WHERE c.account = :account AND c.day = :previous AND c.side = 'internal' AND i.day < :day
ORDER BY i.entry_id;

-- name: carried_provider
SELECT p.* FROM recon.carry c JOIN recon.provider_transactions p USING (account, entry_id)
WHERE c.account = :account AND c.day = :previous AND c.side = 'provider' AND p.day < :day
ORDER BY p.entry_id;

-- name: stale_days!
-- Later days took in what this one carries out: when that changed, they are due again.
UPDATE recon.day d SET generation = generation + 1, requests = 0, requested_at = NULL
FROM recon.run r
WHERE r.account = :account AND r.day = (
        SELECT min(day) FROM recon.run WHERE account = :account AND day > :day)
    AND d.account = r.account AND d.day = r.day AND r.carry_in_hash <> :carry_out_hash;

-- name: withdraw_other_claims!
-- Another day may hold an entry that belongs to this one: a later day took it in before this
-- one was run (stale_days asks for it again), or the entry moved here (forget_moved did).
DELETE FROM recon.match_members m
WHERE m.account = :account AND m.day <> :day AND m.match_id IN (
    SELECT other.match_id FROM recon.match_members other
    JOIN unnest(:side::text[], :entry_id::text[]) AS now(side, entry_id)
        ON other.side = now.side AND other.entry_id = now.entry_id
    WHERE other.account = :account AND other.day <> :day);

-- name: forget_orphaned_matches!
DELETE FROM recon.payment_matches m
WHERE m.account = :account AND m.day <> :day AND NOT EXISTS (
    SELECT 1 FROM recon.match_members x WHERE x.account = m.account AND x.match_id = m.match_id);

-- name: save_run!
INSERT INTO recon.run (account, day, run_id, verdict, summary, rules_hash, input_hash,
    carry_in_hash, carry_out_hash)
VALUES (:account, :day, :run_id, :verdict, :summary::jsonb, :rules_hash, :input_hash,
    :carry_in_hash, :carry_out_hash)
ON CONFLICT (account, day) DO UPDATE SET run_id = excluded.run_id, verdict = excluded.verdict,
    summary = excluded.summary, rules_hash = excluded.rules_hash,
    input_hash = excluded.input_hash, carry_in_hash = excluded.carry_in_hash,
    carry_out_hash = excluded.carry_out_hash, report = NULL, finished_at = now();

-- name: set_report!
UPDATE recon.run SET report = :report WHERE account = :account AND day = :day;

-- name: runs
SELECT account, day, verdict, summary, report, finished_at FROM recon.run
WHERE account = ANY (:account::text[]) AND day BETWEEN :first_day AND :last_day
ORDER BY account, day;

-- name: uneven_matches$
-- Matches that have not exactly one entry on each side: what a key cannot forbid.
SELECT count(*) FROM (
    SELECT p.match_id FROM recon.payment_matches p
    LEFT JOIN recon.match_members m USING (account, match_id)
    WHERE p.account = :account GROUP BY p.match_id
    HAVING count(*) FILTER (WHERE m.side = 'internal') <> 1
        OR count(*) FILTER (WHERE m.side = 'provider') <> 1
) uneven;

-- name: standing_breaks
-- Breaks that nothing has resolved up to a day: the latest word on each, unless one of its
-- entries was matched on a later day.
SELECT account, day, break_id, class AS break_class, currency, at_stake_minor FROM (
    SELECT DISTINCT ON (account, break_id) * FROM recon.reconciliation_breaks
    WHERE account = ANY (:account::text[]) AND day <= :day
    ORDER BY account, break_id, day DESC
) latest
WHERE latest.status = 'break' AND NOT EXISTS (
    SELECT 1 FROM recon.break_members b
    JOIN recon.match_members m USING (account, side, entry_id)
    WHERE b.account = latest.account AND b.day = latest.day AND b.break_id = latest.break_id
        AND m.day > latest.day AND m.day <= :day)
ORDER BY account, at_stake_minor DESC, break_id;

-- name: break_members_of
SELECT b.day, b.break_id, b.side, b.entry_id FROM recon.break_members b
WHERE b.account = :account ORDER BY b.break_id, b.side, b.entry_id;

-- name: matched_pairs
SELECT i.entry_id AS internal_id, p.entry_id AS provider_id, i.day
FROM recon.match_members i
JOIN recon.match_members p ON p.account = i.account AND p.match_id = i.match_id
    AND p.side = 'provider'
WHERE i.account = ANY (:account::text[]) AND i.side = 'internal'
    AND i.day BETWEEN :first_day AND :last_day;

-- name: bridge_over
-- One bridge over many days: what one day left pending, the next one opened with.
SELECT currency, line, sum(amount_minor) AS amount_minor FROM recon.reconciliation_bridge
WHERE account = ANY (:account::text[]) AND day BETWEEN :first_day AND :last_day
GROUP BY currency, line
HAVING sum(amount_minor) <> 0 AND NOT starts_with(line, 'pending') AND line <> 'opening_carry_forward'
    OR line IN ('internal_total', 'provider_total', 'residual')
ORDER BY currency, min(position);
