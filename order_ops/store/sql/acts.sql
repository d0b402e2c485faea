-- Acts: what is planned about orders, and what providers are told.

-- name: plan_acts
-- One act of a kind per order and version: the same facts never lead to a second one, unless the
-- first was overtaken. A proposal is brought up to date; what was decided about it, or has ended,
-- stays as it is.
INSERT INTO ops.act AS known (kind, tenant_id, order_id, account, order_version, state, reason,
    amount_minor, currency, plan, facts, run_id)
SELECT kind, tenant_id, order_id, account, order_version, state, reason, amount_minor, currency,
    plan::jsonb, facts::jsonb, :run_id
FROM unnest(:kind::text[], :tenant_id::text[], :order_id::text[], :account::text[],
    :order_version::bigint[], :state::text[], :reason::text[], :amount_minor::bigint[],
    :currency::text[], :plan::text[], :facts::text[])
    AS given(kind, tenant_id, order_id, account, order_version, state, reason, amount_minor,
        currency, plan, facts)
ON CONFLICT (kind, tenant_id, order_id, order_version) WHERE state <> 'overtaken' DO UPDATE
    SET reason = excluded.reason, facts = excluded.facts, run_id = excluded.run_id,
        plan = CASE WHEN known.state = 'proposed' THEN excluded.plan ELSE known.plan END,
        state = CASE WHEN known.state = 'proposed' THEN excluded.state ELSE known.state END
RETURNING id, tenant_id, order_id, state;

-- name: supersede_proposals!
-- Proposals that were made on older facts, or that another plan stands for now.
UPDATE ops.act a SET state = 'overtaken', ended_at = now()
FROM unnest(:tenant_id::text[], :order_id::text[], :kind::text[], :order_version::bigint[])
    AS now(tenant_id, order_id, kind, order_version)
WHERE a.state = 'proposed' AND (a.tenant_id, a.order_id) = (now.tenant_id, now.order_id)
    AND (a.kind, a.order_version) IS DISTINCT FROM (now.kind, now.order_version);

-- name: acts_under_way
-- Approved by somebody, or begun by a run that did not come to its end.
SELECT id, kind, tenant_id, order_id, order_version, state, reason, amount_minor, plan
FROM ops.act
WHERE state IN ('approved', 'intended')
    AND (tenant_id, order_id) IN (SELECT * FROM unnest(:tenant_id::text[], :order_id::text[]));

-- name: approved_orders
-- Orders of acts that were approved, or begun and not ended; oldest first.
SELECT tenant_id, order_id FROM ops.act
WHERE ended_at IS NULL AND state IN ('approved', 'intended') ORDER BY id LIMIT :orders;

-- name: begin_acts!
UPDATE ops.act SET state = 'intended', run_id = :run_id
WHERE id = ANY (:ids::bigint[]) AND state IN ('approved', 'intended');

-- name: end_acts!
UPDATE ops.act a SET state = told.state, error = told.error, ended_at = now()
FROM unnest(:id::bigint[], :state::text[], :error::text[]) AS told(id, state, error)
WHERE a.id = told.id AND a.ended_at IS NULL;

-- name: keep_error!
-- What went wrong and is tried again.
UPDATE ops.act SET error = :error WHERE id = :id;

-- name: intend_call^
-- Before the provider is told: what, and by which key. The same call again is the same row.
INSERT INTO ops.provider_call AS known (act_id, account, verb, payment, amount_minor,
    idempotency_key)
VALUES (:act_id, :account, :verb, :payment, :amount_minor, :idempotency_key)
ON CONFLICT (act_id, verb, payment) DO UPDATE SET verb = excluded.verb
RETURNING id, idempotency_key, state, answer, sent, sent_at;

-- name: send_call!
UPDATE ops.provider_call SET sent = sent + 1, sent_at = now() WHERE id = :id;

-- name: answer_call!
UPDATE ops.provider_call SET state = :state, answer = :answer::jsonb, request_id = :request_id,
    error = :error, answered_at = now()
WHERE id = :id;

-- name: keep_call_error!
UPDATE ops.provider_call SET error = :error, request_id = :request_id WHERE id = :id;

-- name: calls_of
SELECT act_id, account, verb, payment, amount_minor, idempotency_key, state, sent, sent_at, answer,
    request_id, error, created_at, answered_at
FROM ops.provider_call WHERE act_id = ANY (:act_ids::bigint[]) ORDER BY id;

-- name: act_by_id^
SELECT * FROM ops.act WHERE id = :id FOR UPDATE;

-- name: decide_act!
UPDATE ops.act SET state = :state, decided_by = :actor, decided_because = :reason,
    decided_at = now(), ended_at = CASE WHEN :state = 'rejected' THEN now() END
WHERE id = :id;

-- name: acts
SELECT * FROM ops.act
WHERE (:state::text IS NULL OR state = :state) AND (:order_id::text IS NULL OR order_id = :order_id)
    AND (:kind::text IS NULL OR kind = :kind)
ORDER BY id DESC LIMIT :acts;
