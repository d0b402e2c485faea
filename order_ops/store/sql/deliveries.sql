-- Alerts at their channels: what is due, what was sent, what became of it. Database time.
-- `notice` is the fence: who was overtaken by another deliverer changes nothing any more.

-- name: add_deliveries!
-- Alerts that a channel has not heard of; that a channel fails is told by the others. What ended
-- long ago is no news to a channel that is new.
INSERT INTO ops.alert_delivery (alert_id, channel)
SELECT a.id, given.channel
FROM ops.alert AS a
JOIN unnest(:channels::text[], :severities::text[]) AS given(channel, severity)
    ON given.severity = a.severity
WHERE (a.resolved_at IS NULL OR a.resolved_at > now() - interval '1 day')
    AND a.dedupe_key <> 'delivery:' || given.channel
    AND NOT EXISTS (SELECT 1 FROM ops.alert_delivery AS d
        WHERE d.alert_id = a.id AND d.channel = given.channel)
ON CONFLICT (alert_id, channel) DO NOTHING;

-- name: forget_channels!
-- What waits for channels that are not configured any more; they may come back.
DELETE FROM ops.alert_delivery
WHERE state = 'waiting' AND channel <> ALL (:channels::text[]);

-- name: due
-- What is to be done at the channels, most urgent first; hushed: nobody is to be rung.
WITH facts AS (
    SELECT d.*, a.severity, a.version, a.created_at, a.snoozed_until,
        a.resolved_at IS NOT NULL AS ended, d.delivered_at IS NOT NULL AS told,
        a.acknowledged_at IS NOT NULL AS acknowledged,
        coalesce(a.snoozed_until > coalesce(a.resolved_at, now()), false) AS snoozed,
        EXISTS (SELECT 1 FROM ops.maintenance AS m
            WHERE m.from_at <= coalesce(a.resolved_at, now())
                AND m.until_at > coalesce(a.resolved_at, now())
                AND starts_with(a.dedupe_key, m.prefix)) AS maintained
    FROM ops.alert_delivery AS d JOIN ops.alert AS a ON a.id = d.alert_id
    WHERE d.state NOT IN ('ended', 'skipped') AND d.next_at <= now()
        AND d.channel = ANY (:channels::text[])
), decided AS (
    SELECT *, CASE
        WHEN state = 'sending' THEN step
        WHEN ended AND told THEN 'end'
        WHEN ended AND (severity <> 'critical' OR acknowledged OR snoozed OR maintained) THEN 'skip'
        WHEN ended THEN 'end'
        WHEN acknowledged OR snoozed OR maintained THEN NULL
        WHEN NOT told THEN 'open'
        WHEN array_position(ARRAY['info', 'warning', 'critical'], severity)
            > array_position(ARRAY['info', 'warning', 'critical'], told_severity) THEN 'rise'
        WHEN snoozed_until > notified_at THEN 'again'
        WHEN channel = ANY (:ringing::text[]) AND severity = 'critical' AND escalated_at IS NULL
            AND notified_at <= now() - make_interval(secs => :escalate_s) THEN 'escalate'
    END AS step_due
    FROM facts
), refreshed AS (
    SELECT *, CASE WHEN step_due IS NULL AND told AND version > told_version
        AND channel = ANY (:updating::text[])
        AND told_at <= now() - make_interval(secs => :refresh_s) THEN 'refresh'
        ELSE step_due END AS now_due
    FROM decided
)
SELECT id, alert_id, channel, state, now_due AS step, notice, ref, attempts, sent_at,
    told_severity, delivered_at IS NOT NULL AS told,
    CASE WHEN now_due <> 'skip' THEN NULL
        WHEN acknowledged THEN 'acknowledged before it was told'
        WHEN snoozed THEN 'resolved while it was snoozed'
        WHEN maintained THEN 'resolved under maintenance'
        ELSE 'resolved before it was told' END AS reason
FROM refreshed
WHERE now_due IS NOT NULL
ORDER BY now_due IN ('refresh', 'skip'), severity <> 'critical', next_at, id
LIMIT :deliveries;

-- name: begin$
-- From here on the outcome is unknown, until it is recorded.
UPDATE ops.alert_delivery AS d SET state = 'sending', step = :step, step_severity = a.severity,
    notice = d.notice + 1, sent_at = now()
FROM ops.alert AS a
WHERE d.id = :id AND d.notice = :notice AND a.id = d.alert_id AND d.state IN ('waiting', 'told')
RETURNING d.notice;

-- name: subject^
-- An alert as it is to be told; of dead letters, the money and orders of those not dealt with.
SELECT a.*, letters.money, letters.orders, letters.named
FROM ops.alert AS a
LEFT JOIN LATERAL (
    SELECT (SELECT jsonb_object_agg(sums.currency, sums.amount) FROM (
            SELECT l.currency, sum(l.amount_minor)::bigint AS amount FROM ops.dead_letter AS l
            WHERE l.fingerprint = substr(a.dedupe_key, 13) AND l.state IN ('open', 'replaying')
                AND l.currency IS NOT NULL AND l.amount_minor IS NOT NULL
            GROUP BY l.currency) AS sums) AS money,
        (SELECT count(DISTINCT l.order_id) FROM ops.dead_letter AS l
            WHERE l.fingerprint = substr(a.dedupe_key, 13)
                AND l.state IN ('open', 'replaying')) AS orders,
        ARRAY(SELECT DISTINCT l.order_id FROM ops.dead_letter AS l
            WHERE l.fingerprint = substr(a.dedupe_key, 13)
                AND l.state IN ('open', 'replaying') AND l.order_id IS NOT NULL
            ORDER BY l.order_id LIMIT 5) AS named
) AS letters ON starts_with(a.dedupe_key, 'dead_letter:')
WHERE a.id = :id;

-- name: told$
UPDATE ops.alert_delivery SET
    state = CASE WHEN step = 'end' THEN 'ended' ELSE 'told' END,
    ref = coalesce(ref, :ref), attempts = 0, next_at = now(), last_error = :note,
    delivered_at = coalesce(delivered_at, now()), told_at = now(),
    notified_at = CASE WHEN step = 'refresh' THEN notified_at ELSE now() END,
    told_version = :version,
    told_severity = CASE WHEN step = 'refresh' THEN told_severity ELSE step_severity END,
    escalated_at = CASE WHEN step = 'escalate' THEN now() ELSE escalated_at END
WHERE id = :id AND notice = :notice AND state = 'sending'
RETURNING step;

-- name: note_escalation!
UPDATE ops.alert SET escalated_at = now() WHERE id = :id AND escalated_at IS NULL;

-- name: not_sent!
-- Nothing is there: it is decided anew, after a while.
UPDATE ops.alert_delivery SET
    state = CASE WHEN delivered_at IS NULL THEN 'waiting' ELSE 'told' END,
    attempts = attempts + :failures, last_error = coalesce(:error, last_error),
    next_at = now() + make_interval(secs => :seconds)
WHERE id = :id AND notice = :notice AND state = 'sending';

-- name: unknown!
-- It may be there: somebody looks, after a while.
UPDATE ops.alert_delivery SET attempts = attempts + 1, last_error = :error,
    next_at = now() + make_interval(secs => :seconds)
WHERE id = :id AND notice = :notice AND state = 'sending';

-- name: skip!
UPDATE ops.alert_delivery SET state = 'skipped', reason = :reason
WHERE id = :id AND state IN ('waiting', 'told');

-- name: of
SELECT channel, state, step, ref, attempts, next_at, delivered_at, notified_at, told_at,
    last_error, reason
FROM ops.alert_delivery WHERE alert_id = :id ORDER BY channel;
