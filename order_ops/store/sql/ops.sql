-- Outbox, audit, pauses and leases: written with the fact they speak of.

-- name: add_outbox!
INSERT INTO ops.outbox (message_id, tenant_id, order_id, routing_key, body, headers,
    correlation_id)
SELECT * FROM unnest(:message_id::text[], :tenant_id::text[], :order_id::text[],
    :routing_key::text[], :body::bytea[], :headers::text[]::jsonb[], :correlation_id::text[])
ON CONFLICT (message_id) DO NOTHING;

-- name: any_paused^
SELECT name, actor, reason, since FROM ops.pause WHERE name = ANY (:names::text[])
ORDER BY since LIMIT 1;

-- name: publish_again!
-- The same message, once more; one that was purged is written anew.
INSERT INTO ops.outbox (message_id, tenant_id, order_id, routing_key, body, headers,
    correlation_id)
SELECT * FROM unnest(:message_id::text[], :tenant_id::text[], :order_id::text[],
    :routing_key::text[], :body::bytea[], :headers::text[]::jsonb[], :correlation_id::text[])
ON CONFLICT (message_id) DO UPDATE SET published_at = NULL;

-- name: confirmation_of^
SELECT kind, from_state, to_state, version, occurred_at, cause, detail, correlation_id
FROM orders.order_events
WHERE tenant_id = :tenant_id AND order_id = :order_id AND to_state = 'CONFIRMED'
    AND from_state <> to_state
ORDER BY version DESC LIMIT 1;

-- name: unpublished
SELECT id, message_id, tenant_id, order_id, routing_key, body, headers, correlation_id
FROM ops.outbox
WHERE published_at IS NULL ORDER BY id LIMIT :messages;

-- name: mark_published!
UPDATE ops.outbox SET published_at = now() WHERE id = ANY (:ids::bigint[]);

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
