-- Messages on their way in: staged by the consumer, claimed lane by lane, applied.
-- States: pending (never tried) and retry (tried or waiting) are due from next_at on;
-- done, parked, skipped and discarded are settled.

-- name: make_batch_table#
-- One per session; COPY fills it, the commit empties it.
CREATE TEMP TABLE IF NOT EXISTS staged_batch (
    position int, source text, message_id text, sha256 bytea, tenant_id text, order_id text,
    producer text, sequence bigint, event_type text, priority smallint, routing_key text,
    body bytea, headers jsonb, occurred_at timestamptz, state text, correlation_id text, note text
) ON COMMIT DELETE ROWS;

-- name: insert_batch
-- The first copy of each id; further copies in the batch are only counted.
INSERT INTO intake.inbox (source, message_id, sha256, tenant_id, order_id, producer, sequence,
    event_type, priority, routing_key, body, headers, occurred_at, state, correlation_id, note,
    copies)
SELECT source, message_id, sha256, tenant_id, order_id, producer, sequence, event_type, priority,
    routing_key, body, headers, occurred_at, state, correlation_id, note, copies
FROM (
    SELECT DISTINCT ON (source, message_id) *,
        count(*) OVER (PARTITION BY source, message_id, sha256) AS copies
    FROM staged_batch ORDER BY source, message_id, position
) first_copies
ORDER BY position
ON CONFLICT (source, message_id) DO NOTHING
RETURNING id, message_id, state, note;

-- name: count_copies!
UPDATE intake.inbox known SET copies = known.copies + again.copies
FROM (
    SELECT source, message_id, sha256, count(*) AS copies FROM staged_batch
    GROUP BY source, message_id, sha256
) again
WHERE known.source = again.source AND known.message_id = again.message_id
    AND known.sha256 = again.sha256 AND known.id <> ALL (:new_ids::bigint[]);

-- name: conflicting_copies
-- Same id, other body: never dropped in silence.
SELECT DISTINCT ON (batch.source, batch.message_id, batch.sha256) batch.*, known.id AS known_id
FROM staged_batch batch
JOIN intake.inbox known USING (source, message_id)
WHERE known.sha256 <> batch.sha256
ORDER BY batch.source, batch.message_id, batch.sha256, batch.position;

-- name: park_conflict$
INSERT INTO intake.inbox (source, message_id, sha256, tenant_id, order_id, producer, sequence,
    event_type, priority, routing_key, body, headers, occurred_at, state, correlation_id, note,
    settled_at)
VALUES (:source, :message_id::text || '#' || encode(:sha256::bytea, 'hex'), :sha256, :tenant_id,
    :order_id, :producer, :sequence, :event_type, :priority, :routing_key, :body,
    :headers::jsonb, :occurred_at, 'parked', :correlation_id, :note, now())
ON CONFLICT (source, message_id) DO NOTHING
RETURNING id;

-- name: has_due$
SELECT EXISTS (
    SELECT 1 FROM intake.inbox WHERE state IN ('pending', 'retry') AND next_at <= now()
);

-- name: next_claim$
SELECT nextval('intake.claim_seq');

-- name: due_lanes
-- Lanes with due events, money first, then oldest. An event whose last claim left no
-- outcome may be what killed its worker: its lane is not among these.
SELECT DISTINCT tenant_id, order_id FROM (
    SELECT tenant_id, order_id FROM intake.inbox due
    WHERE state IN ('pending', 'retry') AND next_at <= now() AND NOT EXISTS (
        SELECT 1 FROM intake.inbox suspect
        WHERE suspect.tenant_id = due.tenant_id AND suspect.order_id = due.order_id
            AND suspect.state IN ('pending', 'retry') AND suspect.claim IS NOT NULL)
    ORDER BY priority, next_at, id LIMIT :events
) first_events
LIMIT :lanes;

-- name: suspect_lane
-- One lane whose last claim left no outcome.
SELECT tenant_id, order_id FROM intake.inbox
WHERE state IN ('pending', 'retry') AND claim IS NOT NULL AND next_at <= now()
ORDER BY attempts, id LIMIT 1;

-- name: make_lanes!
INSERT INTO intake.lane (tenant_id, order_id)
SELECT * FROM unnest(:tenant_id::text[], :order_id::text[])
ORDER BY 1, 2
ON CONFLICT DO NOTHING;

-- name: take_lanes
-- A lane whose row is locked is being applied by somebody else: skipped.
WITH free AS (
    SELECT tenant_id, order_id FROM intake.lane
    WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
    ORDER BY tenant_id, order_id FOR UPDATE SKIP LOCKED
)
UPDATE intake.lane SET fence = :claim, owner = :owner, claimed_at = now()
FROM free WHERE lane.tenant_id = free.tenant_id AND lane.order_id = free.order_id
RETURNING lane.tenant_id, lane.order_id;

-- name: claim_events!
-- Attempts are counted here: a killed process runs no error handler.
UPDATE intake.inbox SET claim = :claim, attempts = attempts + 1, last_run_id = :run_id
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
    AND state IN ('pending', 'retry') AND next_at <= now();

-- name: hold_lanes
-- The fence: a lane that somebody else has claimed since is not ours to write.
SELECT tenant_id, order_id FROM intake.lane
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
    AND fence = :claim
ORDER BY tenant_id, order_id FOR UPDATE;

-- name: lane_events
SELECT id, message_id, tenant_id, order_id, producer, sequence, event_type, routing_key, body,
    headers, received_at, attempts, correlation_id, claim = :claim AS claimed
FROM intake.inbox
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
    AND state IN ('pending', 'retry')
ORDER BY id;

-- name: settle!
-- Only under hold_lanes: the lanes' rows are locked and carry our fence.
UPDATE intake.inbox SET state = outcome.state, note = outcome.note, claim = NULL,
    attempts = attempts - outcome.uncounted,
    next_at = now() + make_interval(secs => outcome.delay_s),
    settled_at = CASE WHEN outcome.state = 'retry' THEN NULL ELSE now() END
FROM unnest(:id::bigint[], :state::text[], :note::text[], :uncounted::int[], :delay_s::float8[])
    AS outcome(id, state, note, uncounted, delay_s)
WHERE inbox.id = outcome.id;

-- name: count_by_state
SELECT state, count(*) AS messages, sum(copies) AS copies FROM intake.inbox
GROUP BY state ORDER BY state;

-- name: count_by_state_of
SELECT state, count(*) AS messages FROM intake.inbox
WHERE tenant_id = :tenant_id AND order_id = ANY (:order_ids::text[])
GROUP BY state ORDER BY state;

-- name: parked_bodies
SELECT body FROM intake.inbox WHERE state = 'parked' AND tenant_id IS NULL;
