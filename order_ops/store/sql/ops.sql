-- Outbox, alerts, audit, acts and leases: written with the fact they speak of.

-- name: add_outbox!
INSERT INTO ops.outbox (message_id, tenant_id, order_id, routing_key, body, headers)
SELECT * FROM unnest(:message_id::text[], :tenant_id::text[], :order_id::text[],
    :routing_key::text[], :body::bytea[], :headers::text[]::jsonb[])
ON CONFLICT (message_id) DO NOTHING;

-- name: unpublished
SELECT id, message_id, tenant_id, order_id, routing_key, body, headers FROM ops.outbox
WHERE published_at IS NULL ORDER BY id LIMIT :messages;

-- name: mark_published!
UPDATE ops.outbox SET published_at = now() WHERE id = ANY (:ids::bigint[]);

-- name: raise_alerts!
-- One open alert per fact, however often it is seen, as it was last seen; the open one is
-- locked, so that nobody resolves it meanwhile, not knowing of this fact.
INSERT INTO ops.alert (dedupe_key, severity, title, detail, tenant_id, order_id, amount_minor,
    currency)
SELECT DISTINCT ON (dedupe_key) * FROM unnest(:dedupe_key::text[], :severity::text[],
    :title::text[], :detail::text[]::jsonb[], :tenant_id::text[], :order_id::text[],
    :amount_minor::bigint[], :currency::text[]) AS given(dedupe_key, severity, title, detail,
        tenant_id, order_id, amount_minor, currency)
ORDER BY dedupe_key
ON CONFLICT (dedupe_key) WHERE resolved_at IS NULL DO UPDATE
    SET title = excluded.title, detail = excluded.detail;

-- name: lock_alert^
SELECT id FROM ops.alert WHERE dedupe_key = :dedupe_key AND resolved_at IS NULL FOR UPDATE;

-- name: resolve_others!
-- Open alerts of a kind whose facts have ended.
UPDATE ops.alert SET resolved_at = now()
WHERE starts_with(dedupe_key, :prefix) AND resolved_at IS NULL
    AND dedupe_key <> ALL (:dedupe_keys::text[]);

-- name: resolve_alerts!
UPDATE ops.alert SET resolved_at = now()
WHERE dedupe_key = ANY (:dedupe_keys::text[]) AND resolved_at IS NULL;

-- name: add_audit!
INSERT INTO ops.audit (actor, action, subject, reason, detail)
VALUES (:actor, :action, :subject, :reason, :detail::jsonb);

-- name: audit_of
SELECT at, actor, action, reason, detail FROM ops.audit WHERE subject = :subject ORDER BY id;

-- name: pause!
INSERT INTO ops.pause (name, actor, reason) VALUES (:name, :actor, :reason)
ON CONFLICT (name) DO NOTHING;

-- name: resume!
DELETE FROM ops.pause WHERE name = :name;

-- name: paused^
SELECT actor, reason, since FROM ops.pause WHERE name = :name;

-- name: plan_act^
-- One act per order and version: the same facts never lead to a second one.
INSERT INTO ops.act (kind, tenant_id, order_id, account, order_version, state, reason, facts,
    run_id)
VALUES (:kind, :tenant_id, :order_id, :account, :order_version, :state, :reason, :facts::jsonb,
    :run_id)
ON CONFLICT (kind, tenant_id, order_id, order_version) DO UPDATE
    SET reason = excluded.reason, facts = excluded.facts, run_id = excluded.run_id,
        state = CASE WHEN act.state = 'proposed' THEN excluded.state ELSE act.state END
RETURNING id, state;

-- name: end_act!
UPDATE ops.act SET state = :state, ended_at = now() WHERE id = :id;

-- name: take_lease$
-- The lease of that name, when it is free, past, or ours; its fence. Database time.
INSERT INTO ops.lease (name, owner, fence, lease_until)
VALUES (:name, :owner, 1, now() + make_interval(secs => :seconds))
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until,
    fence = lease.fence + CASE WHEN lease.owner = excluded.owner THEN 0 ELSE 1 END
WHERE lease.owner = excluded.owner OR lease.lease_until < now()
RETURNING fence;

-- name: release_lease!
UPDATE ops.lease SET lease_until = now() WHERE name = :name AND owner = :owner;

-- name: lease_is_held$
SELECT EXISTS (SELECT 1 FROM ops.lease WHERE name = :name AND lease_until > now());
