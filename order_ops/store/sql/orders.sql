-- The ledger of orders. History first: the orders table refuses a state that its
-- order_events rows do not lead to.

-- name: load_orders
SELECT * FROM orders.orders
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
ORDER BY tenant_id, order_id FOR UPDATE;

-- name: load_payments
SELECT * FROM orders.payments
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]));

-- name: load_refunds
SELECT * FROM orders.refunds
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]));

-- name: load_disputes
SELECT * FROM orders.disputes
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]));

-- name: load_reservations
SELECT * FROM orders.reservations
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]));

-- name: add_history!
INSERT INTO orders.order_events (tenant_id, order_id, version, kind, from_state, to_state,
    occurred_at, cause, correlation_id, detail)
SELECT * FROM unnest(:tenant_id::text[], :order_id::text[], :version::bigint[], :kind::text[],
    :from_state::text[], :to_state::text[], :occurred_at::timestamptz[], :cause::text[],
    :correlation_id::text[], :detail::text[]::jsonb[]);

-- name: save_orders!
-- Guarded: only where the version is still the one that was read.
INSERT INTO orders.orders AS known (tenant_id, order_id, state, version, currency, total_minor,
    created_at, expires_at, stock_held, shop_state, state_since, look_at)
SELECT tenant_id, order_id, state, version, currency, total_minor, created_at, expires_at,
    stock_held, shop_state, state_since, look_at
FROM unnest(:tenant_id::text[], :order_id::text[], :state::text[], :version::bigint[],
    :currency::text[], :total_minor::bigint[], :created_at::timestamptz[],
    :expires_at::timestamptz[], :stock_held::bool[], :shop_state::text[],
    :state_since::timestamptz[], :look_at::timestamptz[])
    AS given(tenant_id, order_id, state, version, currency, total_minor, created_at, expires_at,
        stock_held, shop_state, state_since, look_at)
ON CONFLICT (tenant_id, order_id) DO UPDATE SET state = excluded.state,
    version = excluded.version, expires_at = excluded.expires_at,
    stock_held = excluded.stock_held, shop_state = excluded.shop_state,
    state_since = excluded.state_since, look_at = excluded.look_at, updated_at = now()
WHERE (known.tenant_id, known.order_id, known.version) IN (
    SELECT * FROM unnest(:tenant_id::text[], :order_id::text[], :read_version::bigint[]));

-- name: save_payments!
INSERT INTO orders.payments (tenant_id, order_id, payment, account, amount_minor, currency,
    status, succeeded_at)
SELECT * FROM unnest(:tenant_id::text[], :order_id::text[], :payment::text[], :account::text[],
    :amount_minor::bigint[], :currency::text[], :status::text[], :succeeded_at::timestamptz[])
ON CONFLICT (tenant_id, order_id, payment) DO UPDATE SET status = excluded.status,
    succeeded_at = excluded.succeeded_at, updated_at = now();

-- name: save_refunds!
INSERT INTO orders.refunds (tenant_id, order_id, refund, payment, account, amount_minor,
    currency, status, settled_at)
SELECT * FROM unnest(:tenant_id::text[], :order_id::text[], :refund::text[], :payment::text[],
    :account::text[], :amount_minor::bigint[], :currency::text[], :status::text[],
    :settled_at::timestamptz[])
ON CONFLICT (tenant_id, order_id, refund) DO UPDATE SET status = excluded.status,
    settled_at = excluded.settled_at, updated_at = now();

-- name: save_disputes!
INSERT INTO orders.disputes (tenant_id, order_id, dispute, payment, account, amount_minor,
    currency, reason, status, respond_by, opened_at, closed_at)
SELECT * FROM unnest(:tenant_id::text[], :order_id::text[], :dispute::text[], :payment::text[],
    :account::text[], :amount_minor::bigint[], :currency::text[], :reason::text[],
    :status::text[], :respond_by::timestamptz[], :opened_at::timestamptz[],
    :closed_at::timestamptz[])
ON CONFLICT (tenant_id, order_id, dispute) DO UPDATE SET status = excluded.status,
    amount_minor = excluded.amount_minor, reason = excluded.reason,
    respond_by = excluded.respond_by, closed_at = excluded.closed_at, updated_at = now();

-- name: save_reservations!
INSERT INTO orders.reservations (tenant_id, order_id, sku, quantity, state)
SELECT * FROM unnest(:tenant_id::text[], :order_id::text[], :sku::text[], :quantity::int[],
    :state::text[])
ON CONFLICT (tenant_id, order_id, sku) DO UPDATE SET state = excluded.state, updated_at = now();

-- name: has_due_reservations$
-- Reservations past their expiry and its grace.
SELECT EXISTS (
    SELECT 1 FROM orders.askable_tenants t, LATERAL (
        SELECT 1 FROM orders.orders WHERE state = 'RESERVED' AND tenant_id = t.tenant_id
            AND look_at < now() - make_interval(secs => :grace_s) LIMIT 1) due
);

-- name: due_reservations
-- Those due longest first, as many of each tenant: no tenant and no order waits for the others. One
-- that stays undecided is due again later, behind those that were not looked at.
SELECT due.tenant_id, due.order_id FROM orders.tenants t, LATERAL (
    SELECT tenant_id, order_id, look_at FROM orders.orders
    WHERE state = 'RESERVED' AND tenant_id = t.tenant_id
        AND look_at < now() - make_interval(secs => :grace_s)
    ORDER BY look_at, order_id LIMIT :orders) due
ORDER BY due.look_at, due.order_id;

-- name: has_expiring$
-- Reservations that are about to run out, and whose customer has not heard of that.
SELECT EXISTS (
    SELECT 1 FROM orders.tenants t, LATERAL (
        SELECT 1 FROM orders.orders WHERE state = 'RESERVED' AND tenant_id = t.tenant_id
            AND look_at BETWEEN now() AND now() + make_interval(secs => :before_s)
            AND reminded_for IS DISTINCT FROM expires_at LIMIT 1) due
);

-- name: expiring
SELECT due.tenant_id, due.order_id FROM orders.tenants t, LATERAL (
    SELECT tenant_id, order_id, look_at FROM orders.orders
    WHERE state = 'RESERVED' AND tenant_id = t.tenant_id
        AND look_at BETWEEN now() AND now() + make_interval(secs => :before_s)
        AND reminded_for IS DISTINCT FROM expires_at
    ORDER BY look_at, order_id LIMIT :orders) due
ORDER BY due.look_at, due.order_id;

-- name: not_reminded
-- Of these, locked already: those that still are to be reminded.
SELECT tenant_id, order_id FROM orders.orders
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
    AND state = 'RESERVED' AND expires_at > now() AND reminded_for IS DISTINCT FROM expires_at;

-- name: reminded!
UPDATE orders.orders SET reminded_for = expires_at
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]));

-- name: has_open_orders$
-- Orders about which something else is open.
SELECT EXISTS (
    SELECT 1 FROM orders.askable_tenants t, LATERAL (
        SELECT 1 FROM orders.orders WHERE state <> 'RESERVED' AND look_at IS NOT NULL
            AND tenant_id = t.tenant_id AND look_at < now() LIMIT 1) due
);

-- name: open_orders
SELECT due.tenant_id, due.order_id FROM orders.tenants t, LATERAL (
    SELECT tenant_id, order_id, look_at FROM orders.orders
    WHERE state <> 'RESERVED' AND look_at IS NOT NULL AND tenant_id = t.tenant_id
        AND look_at < now()
    ORDER BY look_at, order_id LIMIT :orders) due
ORDER BY due.look_at, due.order_id;

-- name: has_pending_refunds$
SELECT EXISTS (
    SELECT 1 FROM orders.askable_tenants t
    JOIN orders.refunds r ON r.tenant_id = t.tenant_id AND r.status = 'pending'
    JOIN orders.orders o ON o.tenant_id = r.tenant_id AND o.order_id = r.order_id
    WHERE o.look_at < now()
);

-- name: orders_with_pending_refunds
SELECT o.tenant_id, o.order_id FROM orders.orders o
WHERE o.look_at < now() AND (o.tenant_id, o.order_id) IN (
    SELECT tenant_id, order_id FROM orders.refunds WHERE status = 'pending')
ORDER BY o.look_at, o.order_id LIMIT :orders;

-- name: looked_at!
-- When these are looked at next; not where something happened to one since.
UPDATE orders.orders o SET look_at = told.look_at
FROM unnest(:tenant_id::text[], :order_id::text[], :version::bigint[], :look_at::timestamptz[])
    AS told(tenant_id, order_id, version, look_at)
WHERE (o.tenant_id, o.order_id, o.version) = (told.tenant_id, told.order_id, told.version);

-- name: look_soon!
-- Orders that something outside of our books speaks of.
UPDATE orders.orders SET look_at = LEAST(look_at, now())
WHERE (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]))
    AND state <> 'RESERVED';

-- name: count_by_state_of
SELECT state, count(*) AS orders FROM orders.orders
WHERE tenant_id = :tenant_id AND order_id = ANY (:order_ids::text[])
GROUP BY state ORDER BY state;

-- name: count_other_reservations$
SELECT count(*) FROM orders.orders
WHERE state = 'RESERVED' AND order_id <> ALL (:order_ids::text[]);
