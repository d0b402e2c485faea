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

-- name: outlast_work$
-- Between reading a day and writing it the session is idle, at millions of entries for minutes: it
-- must not be ended then. A process that is gone ends it all the same.
SELECT set_config('idle_in_transaction_session_timeout', '30min', true);

-- name: note_snapshot!
-- What the internal snapshot has taken in; news after it leaves the day due.
INSERT INTO recon.day AS known (account, day, snapshot_generation) VALUES (:account, :day, 1)
ON CONFLICT (account, day) DO UPDATE SET snapshot_generation = known.generation;

-- name: mark_done!
UPDATE recon.day SET done_generation = snapshot_generation WHERE account = :account AND day = :day;

-- name: make_line_table#
CREATE TEMP TABLE IF NOT EXISTS incoming_line (LIKE recon.provider_transactions)
    ON COMMIT DELETE ROWS;

-- name: conflicting_lines
-- The same line id with other amounts is a contradiction, not news. What was settled has to be the
-- same; what the customer paid, where it was exchanged, is not told by every report.
SELECT i.entry_id, i.line_no, known.line_no AS known_line, f.name AS known_file,
    f.id AS known_file_id
FROM incoming_line i
JOIN recon.provider_transactions known USING (account, entry_id)
JOIN recon.source_file f ON f.id = known.file_id
WHERE (i.category, COALESCE(i.settled_minor, i.amount_minor),
        COALESCE(i.settlement_currency, i.currency))
    IS DISTINCT FROM (known.category, COALESCE(known.settled_minor, known.amount_minor),
        COALESCE(known.settlement_currency, known.currency))
    OR i.currency <> i.settlement_currency AND known.currency <> known.settlement_currency
        AND (i.amount_minor, i.currency) <> (known.amount_minor, known.currency)
    OR i.payout_id <> known.payout_id
    OR 'pending' NOT IN (i.status, COALESCE(known.status, 'succeeded')) AND (
        (i.status, i.fee_minor, i.net_minor, i.occurred_at)
        IS DISTINCT FROM (COALESCE(known.status, 'succeeded'), known.fee_minor, known.net_minor,
            known.occurred_at))
ORDER BY i.line_no LIMIT 5;

-- name: end_pending
-- What was pending has come to an end, maybe on another day, and with its fee; both days have news.
WITH ended AS (
    UPDATE recon.provider_transactions known SET status = i.status, day = i.day,
        occurred_at = i.occurred_at, settled_minor = i.settled_minor, fee_minor = i.fee_minor,
        net_minor = i.net_minor, settlement_currency = i.settlement_currency
    FROM incoming_line i, recon.provider_transactions old
    WHERE known.account = i.account AND known.entry_id = i.entry_id
        AND old.account = i.account AND old.entry_id = i.entry_id
        AND old.status = 'pending' AND i.status <> 'pending'
    RETURNING old.day AS was, known.day AS is_now
)
SELECT DISTINCT day FROM ended, unnest(ARRAY[was, is_now]) AS day ORDER BY day;

-- name: add_lines
-- A later file may name what an earlier one left blank, tell what the customer paid, and be read by
-- a release that knows the provider's type better; it changes nothing else.
WITH filled AS (
    UPDATE recon.provider_transactions known SET
        kind = i.kind,
        amount_minor = CASE WHEN i.currency <> i.settlement_currency
            THEN i.amount_minor ELSE known.amount_minor END,
        currency = CASE WHEN i.currency <> i.settlement_currency
            THEN i.currency ELSE known.currency END,
        provider_ref = COALESCE(known.provider_ref, i.provider_ref),
        order_ref = COALESCE(known.order_ref, i.order_ref),
        payout_id = COALESCE(known.payout_id, i.payout_id),
        available_on = COALESCE(known.available_on, i.available_on),
        method = COALESCE(known.method, i.method)
    FROM incoming_line i
    WHERE known.account = i.account AND known.entry_id = i.entry_id AND (
        known.provider_ref IS NULL AND i.provider_ref IS NOT NULL
        OR known.order_ref IS NULL AND i.order_ref IS NOT NULL
        OR known.payout_id IS NULL AND i.payout_id IS NOT NULL
        OR known.available_on IS NULL AND i.available_on IS NOT NULL
        OR known.method IS NULL AND i.method IS NOT NULL
        OR i.currency <> i.settlement_currency AND i.currency <> known.currency
        OR known.kind <> i.kind)
    RETURNING known.day
), added AS (
    -- apart from what is filled: an insert that may find its row takes twice as long
    INSERT INTO recon.provider_transactions
    SELECT i.* FROM incoming_line i WHERE NOT EXISTS (
        SELECT FROM recon.provider_transactions known
        WHERE known.account = i.account AND known.entry_id = i.entry_id)
    RETURNING day
)
SELECT day, count(*) AS lines FROM (TABLE filled UNION ALL TABLE added) news
GROUP BY day ORDER BY day;

-- name: tell_lines!
-- What the file says of each line, so that it can be taken back.
INSERT INTO recon.told_lines SELECT * FROM incoming_line;

-- name: days_of_same_reference
-- Days after a line that has come now, whose lines may tell it again.
SELECT DISTINCT known.day FROM incoming_line i
JOIN recon.provider_transactions known USING (account, provider_ref)
WHERE known.day > i.day ORDER BY known.day;

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

-- name: repeated_provider
-- Which of these lines tell again what another line told, that an earlier day has matched, or take
-- all of it back.
SELECT p.entry_id FROM recon.provider_transactions p
WHERE p.account = :account AND p.entry_id = ANY (:entry_ids::text[]) AND EXISTS (
    SELECT 1 FROM recon.provider_transactions x
    JOIN recon.match_members m ON m.account = x.account AND m.side = 'provider'
        AND m.entry_id = x.entry_id AND m.day < :day
    WHERE x.account = p.account AND x.provider_ref = p.provider_ref AND x.entry_id <> p.entry_id
        AND x.currency = p.currency
        AND ((x.kind, x.amount_minor) = (p.kind, p.amount_minor)
            OR x.amount_minor = -p.amount_minor AND (
                (x.kind, p.kind) = ('charge', 'reversal')
                OR (x.kind, p.kind) = ('refund', 'refund') AND p.amount_minor > 0)));

-- name: repeated_internal
SELECT p.entry_id FROM recon.internal_transactions p
WHERE p.account = :account AND p.entry_id = ANY (:entry_ids::text[]) AND EXISTS (
    SELECT 1 FROM recon.internal_transactions x
    JOIN recon.match_members m ON m.account = x.account AND m.side = 'internal'
        AND m.entry_id = x.entry_id AND m.day < :day
    WHERE x.account = p.account AND x.provider_ref = p.provider_ref AND x.entry_id <> p.entry_id
        AND (x.kind, x.currency, x.amount_minor) = (p.kind, p.currency, p.amount_minor));

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
WHERE c.account = :account AND c.day = :previous AND c.side = :side AND p.day < :day
ORDER BY p.entry_id;

-- name: days_since
-- Days with a run: what is expected of them is judged anew.
SELECT day FROM recon.run WHERE account = :account AND day >= :since;

-- name: day_bank
SELECT * FROM recon.banked WHERE account = :account AND day = :day ORDER BY entry_id;

-- name: carried_bank
SELECT b.* FROM recon.carry c JOIN recon.banked b USING (account, entry_id)
WHERE c.account = :account AND c.day = :previous AND c.side = 'bank' AND b.day < :day
ORDER BY b.entry_id;

-- name: stale_days!
-- Later days took in what this one carries out: when that changed, they are due again.
UPDATE recon.day d SET generation = generation + 1, requests = 0, requested_at = NULL
FROM recon.run r
WHERE r.account = :account AND r.day = (
        SELECT min(day) FROM recon.run WHERE account = :account AND day > :day)
    AND d.account = r.account AND d.day = r.day AND r.carry_in_hash <> :carry_out_hash;

-- name: withdraw_other_claims
-- Another day may hold an entry that belongs to this one: a later day took it in before this
-- one was run (stale_days asks for it again), or the entry moved here (forget_moved did).
-- A match goes as a whole, found by the key of its members: no other match of the account is read.
WITH claimed AS MATERIALIZED (
    SELECT DISTINCT other.day, other.match_id
    FROM unnest(:side::text[], :entry_id::text[]) AS now(side, entry_id)
    JOIN recon.match_members other ON other.account = :account
        AND other.side = now.side AND other.entry_id = now.entry_id
    WHERE other.day <> :day
), members AS (
    DELETE FROM recon.match_members m USING claimed c
    WHERE m.account = :account AND m.day = c.day AND m.match_id = c.match_id
)
DELETE FROM recon.payment_matches m USING claimed c
WHERE m.account = :account AND m.match_id = c.match_id
RETURNING m.account, m.day, m.match_id, m.rule, m.currency, m.provider_minor;

-- name: save_run!
INSERT INTO recon.run (account, day, run_id, verdict, summary, rules_hash, input_hash,
    carry_in_hash, carry_out_hash, decisions_hash, decided_through)
VALUES (:account, :day, :run_id, :verdict, :summary::jsonb, :rules_hash, :input_hash,
    :carry_in_hash, :carry_out_hash, :decisions_hash, :decided_through)
ON CONFLICT (account, day) DO UPDATE SET run_id = excluded.run_id, verdict = excluded.verdict,
    summary = excluded.summary, rules_hash = excluded.rules_hash,
    input_hash = excluded.input_hash, carry_in_hash = excluded.carry_in_hash,
    carry_out_hash = excluded.carry_out_hash, decisions_hash = excluded.decisions_hash,
    decided_through = excluded.decided_through, report = NULL, parquet = NULL,
    finished_at = now();

-- name: standing_run^
-- What an earlier run of the same day has brought.
SELECT run_id, verdict, finished_at FROM recon.run WHERE account = :account AND day = :day;

-- name: add_changes!
-- What a run changed of a day that had results; the verdict has a row of its own when it changed.
INSERT INTO recon.changes (account, day, run_id, previous_run_id, verdict_from, verdict_to,
    table_name, change, row_id, currency, what_from, what_to, amount_from_minor, amount_to_minor,
    columns)
SELECT :account, :day, :run_id, :previous_run_id, :verdict_from, :verdict_to, told.*
FROM unnest(:table_name::text[], :change::text[], :row_id::text[], :currency::text[],
    :what_from::text[], :what_to::text[], :amount_from_minor::bigint[], :amount_to_minor::bigint[],
    :columns::text[]) AS told
UNION ALL
SELECT :account, :day, :run_id, :previous_run_id, :verdict_from, :verdict_to,
    'run', 'changed', 'verdict', NULL, :verdict_from, :verdict_to, NULL, NULL, 'verdict'
WHERE :verdict_from <> :verdict_to;

-- name: add_withdrawn!
-- Matches that a run of another day took from theirs; that day is due, and stands without them.
INSERT INTO recon.changes (account, day, run_id, previous_run_id, verdict_from, verdict_to,
    table_name, change, row_id, currency, what_from, amount_from_minor)
SELECT r.account, r.day, :run_id, r.run_id, r.verdict, r.verdict,
    'payment_matches', 'gone', gone.match_id, gone.currency, gone.rule, gone.provider_minor
FROM unnest(:account::text[], :day::date[], :match_id::text[], :rule::text[], :currency::text[],
    :provider_minor::bigint[]) AS gone(account, day, match_id, rule, currency, provider_minor)
JOIN recon.run r USING (account, day) ORDER BY r.account, r.day, gone.match_id;

-- name: drift_of_days
-- What the breaks of each reconciled day come to: with their sign, and without.
SELECT r.day, b.currency, sum(abs(b.difference_minor)) AS gross_minor,
    sum(b.difference_minor) AS net_minor
FROM recon.run r LEFT JOIN recon.reconciliation_breaks b
    ON b.account = r.account AND b.day = r.day AND b.status = 'break'
WHERE r.account = :account AND r.day BETWEEN :first_day AND :last_day
GROUP BY r.day, b.currency ORDER BY r.day, b.currency;

-- name: forget_parquet!
-- These days lost a match to another one: their files no longer say what the tables say.
UPDATE recon.run r SET parquet = NULL
FROM unnest(:account::text[], :day::date[]) AS lost(account, day)
WHERE r.account = lost.account AND r.day = lost.day;

-- name: lock_parquet$
SELECT pg_advisory_xact_lock(hashtextextended('parquet:' || :account, 0));

-- name: set_parquet!
-- Not when a newer run stands: its own files are still to come.
UPDATE recon.run SET parquet = :parquet
WHERE account = :account AND day = :day AND finished_at = :finished_at;

-- name: days_of_parquet
-- Days that have been run, and whether their files are noted to stand there.
SELECT day, parquet IS NOT DISTINCT FROM :parquet AS noted FROM recon.run
WHERE account = :account ORDER BY day;

-- name: set_report!
UPDATE recon.run SET report = :report WHERE account = :account AND day = :day;

-- name: runs
SELECT account, day, verdict, summary, report, finished_at FROM recon.run
WHERE account = ANY (:account::text[]) AND day BETWEEN :first_day AND :last_day
ORDER BY account, day;

-- name: uneven_matches$
-- Matches of a day that have no entry on a side, or several on both: what a key cannot forbid.
SELECT count(*) FROM (
    SELECT p.match_id FROM recon.payment_matches p
    LEFT JOIN recon.match_members m USING (account, match_id)
    WHERE p.account = :account AND p.day = :day GROUP BY p.match_id
    HAVING LEAST(count(*) FILTER (WHERE m.side = 'internal'),
        count(*) FILTER (WHERE m.side = 'provider')) <> 1
) uneven;

-- name: standing_breaks
-- Breaks that stand on a day: those of the latest run up to it, which carries on all before it.
SELECT b.account, b.day, b.break_id, b.class AS break_class, b.currency, b.at_stake_minor
FROM unnest(:account::text[]) AS wanted(account)
CROSS JOIN LATERAL (
    SELECT r.account, r.day FROM recon.run r
    WHERE r.account = wanted.account AND r.day <= :day ORDER BY r.day DESC LIMIT 1
) latest
JOIN recon.reconciliation_breaks b ON b.account = latest.account AND b.day = latest.day
WHERE b.status = 'break'
ORDER BY b.account, b.at_stake_minor DESC, b.break_id;

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
-- One bridge over many days: totals are summed, what stands open is what the last day left, and
-- what the first one opened with is what was open before.
WITH ends AS (
    SELECT account, min(day) AS first_day, max(day) AS last_day FROM recon.run
    WHERE account = ANY (:account::text[]) AND day BETWEEN :first_day AND :last_day
    GROUP BY account
)
SELECT b.currency, b.line, sum(b.amount_minor) AS amount_minor
FROM recon.reconciliation_bridge b JOIN ends USING (account)
WHERE b.line NOT IN ('provider_net', 'opening_balance', 'paid_out', 'closing_balance',
        'closed_balance', 'payout_residual', 'transit_before', 'sent_to_bank', 'seen_in_bank',
        'transit_after', 'closed_transit', 'beside_payouts', 'bank_residual')
    AND b.day BETWEEN ends.first_day AND ends.last_day AND CASE
    WHEN b.line IN ('internal_total', 'provider_total', 'residual', 'tolerated', 'exchanged',
        'closed') THEN true
    WHEN b.line = 'opening_carry_forward' THEN b.day = ends.first_day
    ELSE b.day = ends.last_day END
GROUP BY b.currency, b.line
HAVING sum(b.amount_minor) <> 0 OR b.line IN ('internal_total', 'provider_total', 'residual')
ORDER BY b.currency, min(b.position);
