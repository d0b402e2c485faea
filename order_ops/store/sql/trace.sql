-- Everything that hangs together with an id: looked at, never changed, and never a body, a header
-- or a payload. Each query that may find much is asked for one row more than is shown, and so
-- knows that there are more. The tables that grow with the messages are read by an index; alerts,
-- dead letters, acts and executions are few beside them.

-- name: kinds_of
-- What an id may be the id of, as (kind, id) of what was found. Sources and tenants are few: they
-- are stepped through, and each is one look into an index; OFFSET 0 keeps it so.
WITH RECURSIVE sources AS (
    (SELECT source FROM intake.inbox ORDER BY source LIMIT 1)
    UNION ALL
    SELECT (SELECT source FROM intake.inbox WHERE inbox.source > sources.source
        ORDER BY source LIMIT 1)
    FROM sources WHERE sources.source IS NOT NULL
), tenants AS (
    (SELECT tenant_id FROM orders.orders ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT tenant_id FROM orders.orders WHERE orders.tenant_id > tenants.tenant_id
        ORDER BY tenant_id LIMIT 1)
    FROM tenants WHERE tenants.tenant_id IS NOT NULL
)
SELECT kind, id FROM (
    SELECT 'alert' AS kind, id::text FROM ops.alert
        WHERE id = :number::bigint OR dedupe_key = :text::text
    UNION ALL SELECT 'letter', id::text FROM ops.dead_letter WHERE id = :number::bigint
    UNION ALL SELECT 'execution', id::text FROM ops.job_execution WHERE id = :number::bigint
    UNION ALL SELECT 'event', id::text FROM intake.inbox WHERE id = :number::bigint
    UNION ALL SELECT 'message', named.id::text FROM sources, LATERAL (
        SELECT id FROM intake.inbox
        WHERE inbox.source = sources.source AND message_id = :text::text OFFSET 0) AS named
    UNION ALL SELECT 'outbox', id::text FROM ops.outbox WHERE message_id = :text::text
    UNION ALL SELECT 'correlation', :text::text
        WHERE EXISTS (SELECT 1 FROM intake.inbox WHERE correlation_id = :text::text)
            OR EXISTS (SELECT 1 FROM ops.dead_letter WHERE correlation_id = :text::text)
            OR EXISTS (SELECT 1 FROM ops.alert WHERE detail ->> 'correlation_id' = :text::text)
    UNION ALL SELECT 'run', run FROM ops.job_execution, unnest(run_ids) AS run
        WHERE run_ids @> ARRAY[:text::text] AND run = :text::text
    UNION ALL SELECT 'run', run FROM ops.job_execution, unnest(run_ids) AS run
        WHERE :is_start::boolean AND starts_with(run, :text::text)
    UNION ALL SELECT 'run', run_id FROM ops.act WHERE run_id = :text::text
    UNION ALL SELECT 'run', origin_id FROM ops.dead_letter
        WHERE origin = 'run' AND (origin_id = :text::text
            OR (:is_start::boolean AND starts_with(origin_id, :text::text)))
    UNION ALL SELECT 'order', named.tenant_id || '/' || order_id FROM tenants, LATERAL (
        SELECT tenant_id, order_id FROM orders.orders
        WHERE orders.tenant_id = tenants.tenant_id AND order_id = :order_id::text
            AND (:tenant_id::text IS NULL OR orders.tenant_id = :tenant_id) OFFSET 0) AS named
    UNION ALL SELECT 'order', tenant_id || '/' || order_id FROM intake.inbox
        WHERE order_id = :order_id::text AND tenant_id IS NOT NULL
            AND (:tenant_id::text IS NULL OR tenant_id = :tenant_id)
    UNION ALL SELECT 'order', tenant_id || '/' || order_id FROM ops.dead_letter
        WHERE order_id = :order_id::text AND tenant_id IS NOT NULL
            AND (:tenant_id::text IS NULL OR tenant_id = :tenant_id)
) AS found
WHERE kind = ANY (:kinds::text[])
GROUP BY kind, id ORDER BY kind, length(id), id LIMIT :things;

-- name: alerts
-- By id; of a correlation, a run or an execution; of a cause while letters of it came in; of
-- orders.
SELECT id, dedupe_key, severity, title, tenant_id, order_id, amount_minor, currency, owner,
    runbook, seen, created_at, last_seen_at, acknowledged_at, acknowledged_by, resolved_at,
    detail ->> 'correlation_id' AS correlation_id, detail ->> 'run_id' AS run_id,
    detail ->> 'execution' AS execution
FROM ops.alert AS a
WHERE id = ANY (:ids::bigint[])
    OR detail ->> 'correlation_id' = ANY (:correlations::text[])
    OR detail ->> 'run_id' = ANY (:runs::text[])
    OR detail ->> 'execution' = ANY (:executions::text[])
    OR EXISTS (SELECT 1 FROM ops.dead_letter AS l
        WHERE l.id = ANY (:letters::bigint[]) AND a.dedupe_key = 'dead_letter:' || l.fingerprint
            AND l.created_at BETWEEN a.created_at - interval '10 minutes'
                AND coalesce(a.resolved_at, 'infinity'))
    OR (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
ORDER BY id LIMIT :rows;

-- name: letters_of_alerts
-- The letters of a cause that came while its alert was open; whoever wrote the first of them may
-- have begun before the alert's own transaction.
SELECT l.id FROM ops.alert AS a
JOIN ops.dead_letter AS l ON l.fingerprint = substr(a.dedupe_key, 13)
    AND l.created_at BETWEEN a.created_at - interval '10 minutes'
        AND coalesce(a.resolved_at, 'infinity')
WHERE a.id = ANY (:ids::bigint[]) AND starts_with(a.dedupe_key, 'dead_letter:')
GROUP BY l.id ORDER BY l.id LIMIT :rows;

-- name: letters
-- By id; of events and runs, with the letters of their replays; of correlations and orders.
SELECT id, origin, origin_id, tenant_id, order_id, name, category, error, attempts, fingerprint,
    correlation_id, amount_minor, currency, holds, replay_of, state, reviewer, reason, created_at,
    reviewed_at
FROM ops.dead_letter
WHERE id = ANY (:ids::bigint[])
    OR (origin = 'event' AND origin_id = ANY (:events::text[]))
    OR (origin = 'run' AND origin_id = ANY (:runs::text[]))
    OR correlation_id = ANY (:correlations::text[])
    OR (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
ORDER BY id LIMIT :rows;

-- name: executions
SELECT id, job, step, work_key, request, state, attempt, failures, stalls, run_id, run_ids, worker,
    requested_at, started_at, heartbeat_at, again_at, ended_at, category, error_type, error
FROM ops.job_execution
WHERE id = ANY (:ids::bigint[]) OR run_ids && :runs::text[]
ORDER BY id LIMIT :rows;

-- name: events
-- Messages by row, correlation or order; and those that runs have had last, which were settled
-- while the runs' work was in hand, or are not settled yet.
SELECT id, source, message_id, tenant_id, order_id, producer, sequence, event_type, routing_key,
    occurred_at, received_at, state, attempts, copies, next_at, last_run_id, correlation_id, note,
    settled_at, purged_at
FROM intake.inbox
WHERE id IN (
    SELECT unnest(:ids::bigint[])
    UNION SELECT id FROM intake.inbox
        WHERE cardinality(:correlations::text[]) > 0
            AND correlation_id = ANY (:correlations::text[])
    UNION SELECT inbox.id FROM unnest(:tenant_id::text[], :order_id::text[]) AS lane(tenant, oid)
        JOIN intake.inbox ON tenant_id = lane.tenant AND order_id = lane.oid
    UNION SELECT id FROM intake.inbox
        WHERE cardinality(:runs::text[]) > 0 AND settled_at IS NULL
            AND state IN ('pending', 'retry') AND last_run_id = ANY (:runs::text[])
    UNION SELECT id FROM intake.inbox
        WHERE cardinality(:runs::text[]) > 0 AND last_run_id = ANY (:runs::text[])
            AND settled_at >= coalesce(:since::timestamptz, '-infinity')
            AND settled_at <= coalesce(:until::timestamptz, 'infinity')
) ORDER BY id LIMIT :rows;

-- name: acts
SELECT id, kind, tenant_id, order_id, account, order_version, state, reason, run_id, created_at,
    ended_at
FROM ops.act
WHERE run_id = ANY (:runs::text[])
    OR (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
ORDER BY id LIMIT :rows;

-- name: history
-- Of orders: the changes that came of correlations; of orders that are asked for whole, all.
SELECT tenant_id, order_id, version, kind, from_state, to_state, occurred_at, cause,
    correlation_id, recorded_at
FROM unnest(:tenant_id::text[], :order_id::text[], :whole::boolean[])
    AS lane(tenant_id, order_id, whole)
JOIN orders.order_events USING (tenant_id, order_id)
WHERE whole OR correlation_id = ANY (:correlations::text[])
ORDER BY recorded_at, tenant_id, order_id, version LIMIT :rows;

-- name: outbox
SELECT id, message_id, tenant_id, order_id, routing_key, correlation_id, created_at, published_at
FROM ops.outbox
WHERE id = ANY (:ids::bigint[]) OR message_id = ANY (:message_ids::text[])
ORDER BY id LIMIT :rows;

-- name: audit
SELECT id, at, actor, action, subject, reason FROM ops.audit
WHERE subject = ANY (:subjects::text[]) ORDER BY id LIMIT :rows;
