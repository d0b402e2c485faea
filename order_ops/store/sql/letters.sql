-- Dead letters: events and runs that could not be done, until a person has dealt with them.
-- States: open; replaying (a run that is to be launched again); replayed; discarded.

-- name: add_dead_letters
-- Those that were not known before.
INSERT INTO ops.dead_letter (origin, origin_id, tenant_id, order_id, name, payload, headers,
    category, error, stack, attempts, fingerprint, correlation_id, amount_minor, currency, holds,
    replay_of)
SELECT origin, origin_id, tenant_id, order_id, name, payload, headers, category, error, stack,
    attempts, fingerprint, correlation_id, amount_minor, currency, holds,
    (SELECT id FROM ops.dead_letter WHERE id = given.replay_of)
FROM unnest(:origin::text[], :origin_id::text[], :tenant_id::text[], :order_id::text[],
    :name::text[], :payload::bytea[], :headers::text[]::jsonb[], :category::text[],
    :error::text[], :stack::text[], :attempts::int[], :fingerprint::text[],
    :correlation_id::text[], :amount_minor::bigint[], :currency::text[], :holds::bool[], :replay_of::bigint[])
    AS given(origin, origin_id, tenant_id, order_id, name, payload, headers, category, error,
        stack, attempts, fingerprint, correlation_id, amount_minor, currency, holds, replay_of)
ON CONFLICT (origin, origin_id, replay_of) DO NOTHING
RETURNING origin, origin_id;

-- name: handled_failures
SELECT origin_id FROM ops.dead_letter WHERE origin = 'run' AND origin_id = ANY (:run_ids::text[]);

-- name: find
-- The letters of a selection; a criterion that is NULL selects all.
SELECT id, origin, origin_id, tenant_id, order_id, name, category, error, attempts, fingerprint,
    correlation_id, amount_minor, currency, state, replay_of, reviewer, reason, created_at, reviewed_at,
    encode(sha256(edited), 'hex') AS edited_sha256
FROM ops.dead_letter
WHERE (:ids::bigint[] IS NULL OR id = ANY (:ids::bigint[]))
    AND (:states::text[] IS NULL OR state = ANY (:states::text[]))
    AND (:fingerprint::text IS NULL OR fingerprint = :fingerprint)
    AND (:origin::text IS NULL OR origin = :origin)
    AND (:name::text IS NULL OR name = :name)
    AND (:category::text IS NULL OR category = :category)
    AND (:tenant_id::text IS NULL OR tenant_id = :tenant_id)
    AND (:order_id::text IS NULL OR order_id = :order_id)
    AND (:since::timestamptz IS NULL OR created_at >= :since)
    AND (:until::timestamptz IS NULL OR created_at < :until)
ORDER BY id LIMIT :letters;

-- name: groups
-- Open letters by cause, with what is at stake per currency.
SELECT fingerprint, sum(letters)::bigint AS letters, min(first_at) AS first_at,
    max(last_at) AS last_at, min(name) AS name, min(category) AS category, min(error) AS error,
    jsonb_object_agg(currency, amount_minor) FILTER (WHERE currency IS NOT NULL) AS money,
    array_agg(DISTINCT origin) AS origins
FROM (
    SELECT fingerprint, currency, count(*) AS letters, min(created_at) AS first_at,
        max(created_at) AS last_at, min(name) AS name, min(category) AS category,
        min(error) AS error, sum(amount_minor)::bigint AS amount_minor, min(origin) AS origin
    FROM ops.dead_letter WHERE state = 'open' GROUP BY fingerprint, currency
) by_currency
GROUP BY fingerprint ORDER BY letters DESC, fingerprint;

-- name: read^
SELECT * FROM ops.dead_letter WHERE id = :id;

-- name: replays_of
SELECT id, state FROM ops.dead_letter WHERE replay_of = :id ORDER BY id;

-- name: lock^
SELECT * FROM ops.dead_letter WHERE id = :id FOR UPDATE;

-- name: review!
-- Only under lock.
UPDATE ops.dead_letter SET state = :state, reviewer = :reviewer, reason = :reason,
    reviewed_at = CASE WHEN :state = 'open' THEN NULL ELSE now() END
WHERE id = :id;

-- name: edit!
UPDATE ops.dead_letter SET edited = :body WHERE id = :id;

-- name: is_unsettled$
-- Whether a letter of this cause is left to be dealt with.
SELECT EXISTS (
    SELECT 1 FROM ops.dead_letter
    WHERE fingerprint = :fingerprint AND state IN ('open', 'replaying')
);

-- name: lock_holding
-- Open letters that hold something in these lanes: they stay open until the transaction ends.
SELECT id FROM ops.dead_letter
WHERE holds AND state = 'open'
    AND (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
FOR SHARE;

-- name: in_order
-- Letters in the order in which they can be replayed: of one lane and producer by sequence.
SELECT letter.id FROM ops.dead_letter letter
LEFT JOIN intake.inbox row
    ON row.id = CASE WHEN letter.origin = 'event' THEN letter.origin_id::bigint END
WHERE letter.id = ANY (:ids::bigint[])
ORDER BY row.tenant_id, row.order_id, COALESCE(row.sequence, 0), row.id, letter.id;

-- name: runs_to_launch
SELECT id, name, headers, reviewed_at FROM ops.dead_letter
WHERE origin = 'run' AND state = 'replaying' ORDER BY id LIMIT :letters;

-- name: depth
SELECT origin, category, count(*) AS letters,
    extract(epoch FROM min(created_at))::float8 AS oldest
FROM ops.dead_letter WHERE state IN ('open', 'replaying')
GROUP BY origin, category ORDER BY origin, category;
