-- Alerts: raised with the fact, ended with it, and what people do about them.

-- name: raise_alerts!
-- One open alert per fact, however often it is seen, as it was last seen; the open one is
-- locked, so that nobody resolves it meanwhile, not knowing of this fact. A severity only rises.
INSERT INTO ops.alert (dedupe_key, severity, title, detail, tenant_id, order_id, amount_minor,
    currency, owner, runbook, seen)
SELECT DISTINCT ON (dedupe_key) dedupe_key,
    (ARRAY['info', 'warning', 'critical'])[max(array_position(
        ARRAY['info', 'warning', 'critical'], severity)) OVER same],
    title, detail, tenant_id, order_id, amount_minor, currency, owner, runbook,
    count(*) OVER same
FROM unnest(:dedupe_key::text[], :severity::text[], :title::text[], :detail::text[]::jsonb[],
    :tenant_id::text[], :order_id::text[], :amount_minor::bigint[], :currency::text[],
    :owner::text[], :runbook::text[]) WITH ORDINALITY AS given(dedupe_key, severity, title,
        detail, tenant_id, order_id, amount_minor, currency, owner, runbook, position)
WINDOW same AS (PARTITION BY dedupe_key)
ORDER BY dedupe_key, position DESC
ON CONFLICT (dedupe_key) WHERE resolved_at IS NULL DO UPDATE
    SET title = excluded.title, detail = excluded.detail, last_seen_at = now(),
        seen = alert.seen + excluded.seen, version = alert.version + 1,
        severity = (ARRAY['info', 'warning', 'critical'])[greatest(
            array_position(ARRAY['info', 'warning', 'critical'], alert.severity),
            array_position(ARRAY['info', 'warning', 'critical'], excluded.severity))];

-- name: lock_alert^
SELECT id FROM ops.alert WHERE dedupe_key = :dedupe_key AND resolved_at IS NULL FOR UPDATE;

-- name: resolve_others!
-- Open alerts of a kind whose facts have ended.
UPDATE ops.alert SET resolved_at = now(), version = version + 1
WHERE starts_with(dedupe_key, :prefix) AND resolved_at IS NULL
    AND dedupe_key <> ALL (:dedupe_keys::text[]);

-- name: resolve_of_orders!
-- Open alerts of orders whose facts have ended.
UPDATE ops.alert a SET resolved_at = now(), version = version + 1
FROM unnest(:tenant_id::text[], :order_id::text[]) AS looked(tenant_id, order_id)
WHERE a.resolved_at IS NULL AND (a.tenant_id, a.order_id) = (looked.tenant_id, looked.order_id)
    AND starts_with(a.dedupe_key, :prefix) AND a.dedupe_key <> ALL (:dedupe_keys::text[]);

-- name: resolve_of_settled!
-- Open alerts of orders about which nothing is open any more: an event has settled them.
UPDATE ops.alert a SET resolved_at = now(), version = a.version + 1
FROM orders.orders o
WHERE a.resolved_at IS NULL AND starts_with(a.dedupe_key, :prefix)
    AND (o.tenant_id, o.order_id) = (a.tenant_id, a.order_id) AND o.look_at IS NULL;

-- name: resolve_alerts!
UPDATE ops.alert SET resolved_at = now(), version = version + 1
WHERE dedupe_key = ANY (:dedupe_keys::text[]) AND resolved_at IS NULL;

-- name: find
SELECT id, dedupe_key, severity, title, detail, tenant_id, order_id, amount_minor, currency,
    owner, runbook, seen, created_at, last_seen_at, acknowledged_at, acknowledged_by,
    snoozed_until, snoozed_by, escalated_at, resolved_at,
    coalesce(resolved_at IS NULL AND snoozed_until > now(), false) AS is_snoozed
FROM ops.alert
WHERE (:all::boolean OR resolved_at IS NULL)
    AND (:severity::text IS NULL OR severity = :severity)
    AND starts_with(dedupe_key, :prefix)
ORDER BY id DESC LIMIT :alerts;

-- name: lock^
SELECT * FROM ops.alert WHERE id = :id FOR UPDATE;

-- name: read^
SELECT * FROM ops.alert WHERE id = :id;

-- name: acknowledge!
UPDATE ops.alert SET acknowledged_at = now(), acknowledged_by = :actor, version = version + 1
WHERE id = :id;

-- name: snooze$
UPDATE ops.alert SET snoozed_until = now() + make_interval(secs => :seconds),
    snoozed_by = :actor, version = version + 1
WHERE id = :id RETURNING snoozed_until;

-- name: resolve!
UPDATE ops.alert SET resolved_at = now(), version = version + 1 WHERE id = :id;

-- name: add_window^
INSERT INTO ops.maintenance (prefix, until_at, actor, reason)
VALUES (:prefix, now() + make_interval(secs => :seconds), :actor, :reason)
RETURNING id, until_at;

-- name: lock_window^
SELECT id, prefix, until_at, until_at <= now() AS is_over FROM ops.maintenance
WHERE id = :id FOR UPDATE;

-- name: end_window!
UPDATE ops.maintenance SET until_at = now() WHERE id = :id;

-- name: windows
SELECT id, prefix, from_at, until_at, actor, reason FROM ops.maintenance
WHERE until_at > now() ORDER BY id;

-- name: open_by_severity
SELECT severity, count(*) AS alerts FROM ops.alert WHERE resolved_at IS NULL GROUP BY severity;

-- name: undelivered^
-- Open alerts that somebody should have heard of and that a channel of theirs, or every channel,
-- was not told.
SELECT count(*) AS alerts, extract(epoch FROM min(a.created_at))::float8 AS oldest
FROM ops.alert AS a
WHERE a.resolved_at IS NULL AND a.acknowledged_at IS NULL
    AND coalesce(a.snoozed_until <= now(), true)
    AND NOT EXISTS (SELECT 1 FROM ops.maintenance AS m WHERE m.from_at <= now()
        AND m.until_at > now() AND starts_with(a.dedupe_key, m.prefix))
    AND (NOT EXISTS (SELECT 1 FROM ops.alert_delivery AS d
            WHERE d.alert_id = a.id AND d.delivered_at IS NOT NULL)
        OR EXISTS (SELECT 1 FROM ops.alert_delivery AS d WHERE d.alert_id = a.id
            AND d.delivered_at IS NULL AND d.state IN ('waiting', 'sending')));
