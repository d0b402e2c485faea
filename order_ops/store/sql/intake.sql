-- Messages on their way in: staged by the consumer, claimed by lanes, applied. A lane is
-- one order's events; it is in somebody's hands while a row of intake.claim names it.
-- States: pending (never tried) and retry (tried or waiting) are due from next_at on;
-- done, parked, skipped and discarded are settled.

-- name: make_batch_table#
-- One per session; COPY fills it, the commit empties it.
CREATE TEMP TABLE IF NOT EXISTS staged_batch (
    position int, source text, message_id text, sha256 bytea, tenant_id text, order_id text,
    producer text, sequence bigint, event_type text, priority smallint, routing_key text,
    body bytea, headers jsonb, occurred_at timestamptz, state text, correlation_id text,
    property_message_id text, property_correlation_id text, note text
) ON COMMIT DELETE ROWS;

-- name: insert_batch^
-- The first copy of each id; further copies in the batch are only counted. One row comes back:
-- the new ids, and the ids of those of them that are parked by the id of their message.
WITH new AS (
    INSERT INTO intake.inbox (source, message_id, sha256, tenant_id, order_id, producer, sequence,
        event_type, priority, routing_key, body, headers, occurred_at, state, correlation_id,
        property_message_id, property_correlation_id, note, copies)
    SELECT source, message_id, sha256, tenant_id, order_id, producer, sequence, event_type,
        priority, routing_key, body, headers, occurred_at, state, correlation_id,
        property_message_id, property_correlation_id, note, copies
    FROM (
        SELECT DISTINCT ON (source, message_id) *,
            count(*) OVER (PARTITION BY source, message_id, sha256) AS copies
        FROM staged_batch ORDER BY source, message_id, position
    ) first_copies
    ORDER BY position
    ON CONFLICT (source, message_id) DO NOTHING
    RETURNING id, message_id, state
)
SELECT coalesce(array_agg(id), '{}') AS ids,
    coalesce(jsonb_object_agg(message_id, id) FILTER (WHERE state = 'parked'), '{}') AS parked
FROM new;

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
    event_type, priority, routing_key, body, headers, occurred_at, state, correlation_id,
    property_message_id, property_correlation_id, note, settled_at)
VALUES (:source, :message_id::text || '#' || encode(:sha256::bytea, 'hex'), :sha256, :tenant_id,
    :order_id, :producer, :sequence, :event_type, :priority, :routing_key, :body,
    :headers::jsonb, :occurred_at, 'parked', :correlation_id, :property_message_id,
    :property_correlation_id, :note, now())
ON CONFLICT (source, message_id) DO NOTHING
RETURNING id;

-- name: has_due$
SELECT EXISTS (
    SELECT 1 FROM intake.inbox WHERE state IN ('pending', 'retry') AND next_at <= now()
);

-- name: take_turn$
-- Claimers take turns: whoever waited sees what the one before has claimed.
SELECT pg_advisory_xact_lock(7205759403792794);

-- name: claim_due^
-- Lanes with due events, in nobody's hands. Weighted, so that nothing starves: of 21
-- places, 16 are for critical events, 4 for normal and 1 for bulk ones, oldest first.
WITH held AS MATERIALIZED (
    SELECT lane.* FROM intake.claim, unnest(tenant_ids, order_ids) AS lane(tenant_id, order_id)
    UNION ALL SELECT tenant_id, order_id FROM intake.suspect
), due AS (
    SELECT tenant_id, order_id FROM (VALUES (0, 1), (1, 4), (2, 16)) AS class(priority, weight),
    LATERAL (
        SELECT tenant_id, order_id, row_number() OVER () AS place FROM (
            SELECT tenant_id, order_id FROM intake.inbox
            WHERE inbox.priority = class.priority AND state IN ('pending', 'retry')
                AND next_at <= now() AND (tenant_id, order_id) NOT IN (SELECT * FROM held)
            ORDER BY next_at, id LIMIT :events
        ) oldest
    ) placed
    GROUP BY tenant_id, order_id ORDER BY min(place * weight) LIMIT :lanes
)
INSERT INTO intake.claim (owner, lease_until, tenant_ids, order_ids)
SELECT :owner, now() + make_interval(secs => :lease_s),
    array_agg(tenant_id ORDER BY tenant_id, order_id),
    array_agg(order_id ORDER BY tenant_id, order_id)
FROM due HAVING count(*) > 0
RETURNING id, tenant_ids, order_ids;

-- name: claim_suspect^
-- One lane whose last claim was lost, alone.
INSERT INTO intake.claim (owner, lease_until, tenant_ids, order_ids, alone)
SELECT :owner, now() + make_interval(secs => :lease_s), ARRAY[tenant_id], ARRAY[order_id], true
FROM intake.suspect
WHERE EXISTS (
    SELECT 1 FROM intake.inbox
    WHERE inbox.tenant_id = suspect.tenant_id AND inbox.order_id = suspect.order_id
        AND state IN ('pending', 'retry') AND next_at <= now()
) AND NOT EXISTS (
    SELECT 1 FROM intake.claim
    WHERE alone AND tenant_ids[1] = suspect.tenant_id AND order_ids[1] = suspect.order_id
)
ORDER BY losses, since LIMIT 1
RETURNING id, tenant_ids, order_ids;

-- name: mark_trying!
-- Of the lane that is claimed alone, this event is being tried: a loss is its own.
UPDATE intake.claim SET event_id = :event_id, lease_until = now() + make_interval(secs => :lease_s)
WHERE id = :claim;

-- name: hold_claim$
-- The fence: a claim that somebody else has taken over is not ours to write under. Locked,
-- it cannot be taken over before this transaction ends.
SELECT id FROM intake.claim WHERE id = :claim FOR UPDATE;

-- name: end_claim!
WITH ended AS (
    DELETE FROM intake.claim WHERE id = :claim RETURNING tenant_ids, order_ids, alone
)
DELETE FROM intake.suspect USING ended
WHERE alone AND tenant_id = tenant_ids[1] AND order_id = order_ids[1];

-- name: take_over_lost_claims$
-- Claims whose worker let the lease pass. Attempts are counted here, since a killed process
-- runs no error handler; the lanes are suspects from now on.
WITH lost AS (
    DELETE FROM intake.claim WHERE id IN (
        SELECT id FROM intake.claim WHERE lease_until < now() ORDER BY id FOR UPDATE SKIP LOCKED
    ) RETURNING *
), lanes AS (
    SELECT DISTINCT lane.tenant_id, lane.order_id
    FROM lost, unnest(tenant_ids, order_ids) AS lane(tenant_id, order_id)
), marked AS (
    INSERT INTO intake.suspect (tenant_id, order_id) SELECT tenant_id, order_id FROM lanes
    WHERE EXISTS (  -- a worker that died after its commit has left nothing to suspect
        SELECT 1 FROM intake.inbox WHERE inbox.tenant_id = lanes.tenant_id
            AND inbox.order_id = lanes.order_id AND state IN ('pending', 'retry'))
    ORDER BY 1, 2
    ON CONFLICT (tenant_id, order_id) DO UPDATE SET losses = suspect.losses + 1
), counted AS (
    UPDATE intake.inbox SET attempts = attempts + 1
    FROM lost, unnest(tenant_ids, order_ids) AS lane(tenant_id, order_id)
    WHERE inbox.tenant_id = lane.tenant_id AND inbox.order_id = lane.order_id
        AND state IN ('pending', 'retry') AND next_at <= now()
        AND (event_id IS NULL OR event_id = inbox.id)
)
SELECT count(*) FROM lost;

-- name: lane_events
-- `attempts` with the one that is being made; `due`: it may be tried; `held`: an open dead
-- letter about money comes before it.
SELECT id, tenant_id, order_id, producer, sequence, event_type, routing_key, body, headers,
    property_message_id, property_correlation_id, correlation_id, received_at,
    attempts + 1 AS attempts,
    next_at <= now() AS due,
    EXISTS (
        SELECT 1 FROM intake.hold
        WHERE hold.tenant_id = inbox.tenant_id AND hold.order_id = inbox.order_id
            AND hold.producer = inbox.producer
            AND (hold.sequence, hold.id) < (COALESCE(inbox.sequence, 0), inbox.id)
    ) AS held
FROM intake.inbox
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
    AND state IN ('pending', 'retry')
ORDER BY id;

-- name: held_still
-- Of these events, those that an open dead letter about money comes before.
SELECT inbox.id FROM intake.inbox
JOIN intake.hold ON hold.tenant_id = inbox.tenant_id AND hold.order_id = inbox.order_id
    AND hold.producer = inbox.producer
    AND (hold.sequence, hold.id) < (COALESCE(inbox.sequence, 0), inbox.id)
WHERE inbox.id = ANY (:ids::bigint[]);

-- name: settle!
-- Only under hold_claim.
UPDATE intake.inbox SET state = outcome.state, note = outcome.note,
    attempts = outcome.attempts, last_run_id = :run_id,
    next_at = COALESCE(now() + make_interval(secs => outcome.delay_s), 'infinity'),
    settled_at = CASE WHEN outcome.state = 'retry' THEN NULL ELSE now() END
FROM unnest(:id::bigint[], :state::text[], :note::text[], :attempts::int[], :delay_s::float8[])
    AS outcome(id, state, note, attempts, delay_s)
WHERE inbox.id = outcome.id;

-- name: lock_row^
SELECT * FROM intake.inbox WHERE id = :id FOR UPDATE;

-- name: other_row$
SELECT id FROM intake.inbox WHERE source = :source AND message_id = :message_id AND id <> :id;

-- name: stage_again!
-- A dead letter's row, as it is read now; `sha256` stays that of the message as it came, so
-- that a copy of it is still a copy.
UPDATE intake.inbox SET message_id = :message_id, tenant_id = :tenant_id, order_id = :order_id,
    producer = :producer, sequence = :sequence, event_type = :event_type, body = :body,
    occurred_at = :occurred_at, state = 'pending', attempts = 0, next_at = now(), note = NULL,
    settled_at = NULL
WHERE id = :id;

-- name: settle_letter_row!
UPDATE intake.inbox SET state = :state, note = :note, settled_at = now()
WHERE id = :id AND state = 'parked';

-- name: let_go!
-- The events that waited for a dead letter; another one before them holds them again.
UPDATE intake.inbox SET next_at = now()
WHERE tenant_id = :tenant_id AND order_id = :order_id AND producer = :producer
    AND state = 'retry' AND next_at = 'infinity';

-- name: count_by_state
SELECT state, count(*) AS messages, sum(copies) AS copies FROM intake.inbox
GROUP BY state ORDER BY state;

-- name: count_by_state_of
SELECT state, count(*) AS messages FROM intake.inbox
WHERE tenant_id = :tenant_id AND order_id = ANY (:order_ids::text[])
    AND NOT starts_with(message_id, 'content:')
GROUP BY state ORDER BY state;

-- name: parked_bodies
-- Of messages that could not be read: those are known by their content.
SELECT body FROM intake.inbox WHERE state = 'parked' AND starts_with(message_id, 'content:');
