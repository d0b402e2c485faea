-- The ledger of messages: which numbers of each producer have come, which are missing, and
-- what became of what came, per hour. `since` reaches back past the longest transaction, since
-- rows become visible when they commit and not when they were made.

-- name: take_turn$
SELECT pg_advisory_xact_lock(7205759403792795);

-- name: last_refresh$
SELECT max(updated_at) FROM intake.hour;

-- name: note_sequences!
INSERT INTO intake.sequence AS known (source, tenant_id, producer, seen, updated_at)
SELECT source, tenant_id, producer, range_agg(int8range(sequence, sequence, '[]')), now()
FROM intake.inbox
WHERE (received_at >= :since OR settled_at >= :since) AND sequence IS NOT NULL
GROUP BY source, tenant_id, producer
ON CONFLICT (source, tenant_id, producer) DO UPDATE
    SET seen = known.seen + excluded.seen, updated_at = excluded.updated_at;

-- name: open_gaps!
-- What is left of a gap was found when the gap was.
INSERT INTO intake.gap (source, tenant_id, producer, numbers, found_at)
SELECT source, tenant_id, producer, numbers, COALESCE((
        SELECT min(found_at) FROM intake.gap known
        WHERE known.source = now_missing.source AND known.tenant_id = now_missing.tenant_id
            AND known.producer = now_missing.producer AND known.numbers && now_missing.numbers
    ), now())
FROM (
    SELECT source, tenant_id, producer,
        unnest(int8multirange(range_merge(seen)) - seen) AS numbers
    FROM intake.sequence
) now_missing
ON CONFLICT DO NOTHING;

-- name: close_gaps!
DELETE FROM intake.gap USING intake.sequence
WHERE sequence.source = gap.source AND sequence.tenant_id = gap.tenant_id
    AND sequence.producer = gap.producer
    AND NOT gap.numbers = ANY (
        SELECT unnest(int8multirange(range_merge(seen)) - seen)
    );

-- name: count_hours!
-- Hours in which something came, was settled or published since, or is open still. Copies of
-- older messages are counted with the next change of their hour. An hour whose rows are purged
-- stays as it was counted while they were there: nothing of it was open.
WITH touched AS (
    SELECT source, date_trunc('hour', received_at) AS hour FROM intake.inbox
    WHERE received_at >= :since OR settled_at >= :since
    UNION SELECT source, hour FROM intake.hour WHERE missing > 0 OR pending > 0
        OR to_publish > published
    UNION SELECT source, date_trunc('hour', found_at) FROM intake.gap
    UNION SELECT :source, date_trunc('hour', created_at) FROM ops.outbox
    WHERE created_at >= :since OR published_at >= :since
)
INSERT INTO intake.hour (source, hour, received, copies, pending, done, parked, skipped,
    discarded, missing, to_publish, published, updated_at)
SELECT touched.source, touched.hour, came.received, came.copies, came.pending, came.done,
    came.parked, came.skipped, came.discarded, gone.missing, said.to_publish, said.published,
    now()
FROM touched
CROSS JOIN LATERAL (
    SELECT count(*) AS received, COALESCE(sum(copies), 0) AS copies,
        count(*) FILTER (WHERE state IN ('pending', 'retry')) AS pending,
        count(*) FILTER (WHERE state = 'done') AS done,
        count(*) FILTER (WHERE state = 'parked') AS parked,
        count(*) FILTER (WHERE state = 'skipped') AS skipped,
        count(*) FILTER (WHERE state = 'discarded') AS discarded
    FROM intake.inbox
    WHERE inbox.source = touched.source AND received_at >= touched.hour
        AND received_at < touched.hour + interval '1 hour'
) came
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(upper(numbers) - lower(numbers)), 0) AS missing FROM intake.gap
    WHERE gap.source = touched.source AND date_trunc('hour', found_at) = touched.hour
) gone
CROSS JOIN LATERAL (
    SELECT count(*) AS to_publish, count(published_at) AS published FROM ops.outbox
    WHERE touched.source = :source AND created_at >= touched.hour
        AND created_at < touched.hour + interval '1 hour'
) said
ON CONFLICT (source, hour) DO UPDATE SET (received, copies, pending, done, parked, skipped,
        discarded) = (
        SELECT received, copies, pending, done, parked, skipped, discarded FROM (VALUES
            (1, excluded.received, excluded.copies, excluded.pending, excluded.done,
                excluded.parked, excluded.skipped, excluded.discarded),
            (0, hour.received, hour.copies, hour.pending, hour.done, hour.parked, hour.skipped,
                hour.discarded)
        ) AS counted(fresh, received, copies, pending, done, parked, skipped, discarded)
        ORDER BY received DESC, fresh DESC LIMIT 1
    ), missing = excluded.missing,
    to_publish = GREATEST(hour.to_publish, excluded.to_publish),
    published = GREATEST(hour.published, excluded.published), updated_at = excluded.updated_at;

-- name: gaps
-- Numbers missing for longer than messages may overtake each other; `last` is inclusive.
SELECT source, tenant_id, producer, lower(numbers) AS first, upper(numbers) - 1 AS last, found_at
FROM intake.gap WHERE found_at <= now() - make_interval(secs => :older_s)
ORDER BY found_at, source, tenant_id, producer, numbers;

-- name: unpublished$
SELECT count(*) FROM ops.outbox
WHERE published_at IS NULL AND created_at <= now() - make_interval(secs => :older_s);

-- name: hours
SELECT * FROM intake.hour ORDER BY hour DESC, source LIMIT :hours;

-- name: accept!
UPDATE intake.sequence SET seen = seen + int8multirange(int8range(:first, :last, '[]'))
WHERE source = :source AND tenant_id = :tenant_id AND producer = :producer;

-- name: totals^
SELECT COALESCE(sum(received), 0)::bigint AS received, COALESCE(sum(copies), 0)::bigint AS copies,
    COALESCE(sum(pending), 0)::bigint AS pending, COALESCE(sum(done), 0)::bigint AS done,
    COALESCE(sum(parked), 0)::bigint AS parked, COALESCE(sum(skipped), 0)::bigint AS skipped,
    COALESCE(sum(discarded), 0)::bigint AS discarded,
    COALESCE(sum(missing), 0)::bigint AS missing,
    COALESCE(sum(to_publish - published), 0)::bigint AS unpublished
FROM intake.hour;

-- name: has_changed$
SELECT EXISTS (
    SELECT 1 FROM intake.inbox WHERE received_at > now() - make_interval(secs => :within_s)
) OR EXISTS (
    SELECT 1 FROM intake.inbox WHERE settled_at > now() - make_interval(secs => :within_s)
) OR EXISTS (SELECT 1 FROM ops.outbox WHERE published_at IS NULL);

-- name: backlog^
SELECT count(*) AS pending, extract(epoch FROM min(received_at))::float8 AS oldest,
    (SELECT count(*) FROM ops.outbox WHERE published_at IS NULL) AS unpublished,
    (SELECT count(*) FROM intake.inbox WHERE priority IN (0, 1, 2, 3)
        AND state IN ('pending', 'retry') AND next_at = 'infinity') AS held,
    (SELECT extract(epoch FROM max(updated_at))::float8 FROM intake.hour) AS refreshed
FROM intake.inbox WHERE state IN ('pending', 'retry');

-- name: let_go_of_unheld!
-- Events that wait for a dead letter which nobody has to deal with any more.
UPDATE intake.inbox SET next_at = now()
WHERE priority IN (0, 1, 2, 3) AND state IN ('pending', 'retry') AND next_at = 'infinity'
    AND NOT EXISTS (
        SELECT 1 FROM intake.hold
        WHERE hold.tenant_id = inbox.tenant_id AND hold.order_id = inbox.order_id
            AND hold.producer = inbox.producer
            AND (hold.sequence, hold.id) < (COALESCE(inbox.sequence, 0), inbox.id)
    );
