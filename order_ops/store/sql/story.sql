-- Everything that is known of an order: looked at, never changed.

-- name: orders_called
-- Orders that are called so, or have a payment, refund or dispute, or a line of a provider's file,
-- that is called so; by the index of each.
SELECT DISTINCT tenant_id, order_id FROM (
    SELECT o.tenant_id, o.order_id FROM orders.tenants t, LATERAL (
        SELECT tenant_id, order_id FROM orders.orders
        WHERE tenant_id = t.tenant_id AND order_id = :text OFFSET 0) o
    UNION ALL SELECT p.tenant_id, p.order_id FROM unnest(:accounts::text[]) AS a(account)
        JOIN orders.payments p ON p.account = a.account AND p.payment = :text
    UNION ALL SELECT r.tenant_id, r.order_id FROM unnest(:accounts::text[]) AS a(account)
        JOIN orders.refunds r ON r.account = a.account AND r.refund = :text
    UNION ALL SELECT d.tenant_id, d.order_id FROM unnest(:accounts::text[]) AS a(account)
        JOIN orders.disputes d ON d.account = a.account AND d.dispute = :text
    UNION ALL SELECT o.tenant_id, o.order_id
        FROM unnest(:accounts::text[], :tenants::text[]) AS a(account, tenant)
        JOIN recon.provider_transactions l ON l.account = a.account
            AND (l.entry_id = :text OR l.provider_ref = :text)
        JOIN orders.orders o ON o.tenant_id = a.tenant AND o.order_id = l.order_ref
) found
ORDER BY tenant_id, order_id LIMIT 20;

-- name: history_of
SELECT recorded_at, occurred_at, version, kind, from_state, to_state, cause, detail
FROM orders.order_events WHERE tenant_id = :tenant_id AND order_id = :order_id ORDER BY version;

-- name: messages_of
SELECT received_at, event_type, message_id, state, attempts, copies, note FROM intake.inbox
WHERE tenant_id = :tenant_id AND order_id = :order_id ORDER BY id;

-- name: letters_of
SELECT created_at, id, name, category, error, state, reviewer, reason FROM ops.dead_letter
WHERE tenant_id = :tenant_id AND order_id = :order_id ORDER BY id;

-- name: acts_of
SELECT id, kind, state, reason, amount_minor, currency, decided_by, decided_because, decided_at,
    error, created_at, ended_at
FROM ops.act WHERE tenant_id = :tenant_id AND order_id = :order_id ORDER BY id;

-- name: calls_of_order
SELECT c.act_id, c.account, c.verb, c.payment, c.amount_minor, c.state, c.sent, c.request_id,
    c.error, COALESCE(c.answered_at, c.sent_at, c.created_at) AS at
FROM ops.provider_call c JOIN ops.act a ON a.id = c.act_id
WHERE a.tenant_id = :tenant_id AND a.order_id = :order_id ORDER BY c.id;

-- name: lines_of_order
-- What providers' files have of it, and the match that each is in.
SELECT l.account, l.entry_id, l.occurred_at, l.day, l.kind, l.category, l.status, l.amount_minor,
    l.currency, l.payout_id, f.name AS file, l.line_no, m.match_id, p.rule, p.explanation
FROM unnest(:accounts::text[]) AS a(account)
JOIN recon.provider_transactions l ON l.account = a.account
    AND l.provider_ref = ANY (:refs::text[])
JOIN recon.source_file f ON f.id = l.file_id
LEFT JOIN recon.match_members m ON m.account = l.account AND m.side = 'provider'
    AND m.entry_id = l.entry_id
LEFT JOIN recon.payment_matches p ON p.account = m.account AND p.match_id = m.match_id
ORDER BY l.occurred_at, l.entry_id;

-- name: breaks_of_order
SELECT account, break_id, day, class AS class_, state, explanation, decided_by, decided_because
FROM recon.standing_breaks
WHERE account = ANY (:accounts::text[])
    AND (order_ref = :order_id OR provider_ref = ANY (:refs::text[]))
ORDER BY account, break_id;
