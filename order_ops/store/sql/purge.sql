-- What is kept no longer, a batch at a time: each statement takes at most `most` rows that
-- nobody else has in hand, after the last one of the batch before, and says how far it went.
-- What a person has not reviewed yet is never among them.

-- name: newest_payloads^
-- The oldest of the settled events whose payloads stay whatever their age.
SELECT settled_at, id FROM intake.inbox
WHERE purged_at IS NULL AND settled_at IS NOT NULL
ORDER BY settled_at DESC, id DESC OFFSET :keep - 1 LIMIT 1;

-- name: empty_payloads^
-- Of what was settled before `older`. The row stays, and with it what a copy is known by.
WITH old AS (
    SELECT id, settled_at FROM intake.inbox
    WHERE purged_at IS NULL AND settled_at < :older
        AND (settled_at, id) < (:newest_at::timestamptz, :newest_id::bigint)
        AND (settled_at, id) > (:after_at::timestamptz, :after_id::bigint)
        AND state IN ('done', 'skipped', 'discarded')
        AND NOT EXISTS (
            SELECT 1 FROM ops.dead_letter
            WHERE origin = 'event' AND origin_id = inbox.id::text AND state IN ('open', 'replaying')
        )
    ORDER BY settled_at, id LIMIT :most FOR UPDATE SKIP LOCKED
), emptied AS (
    UPDATE intake.inbox SET body = '', headers = '{}', purged_at = :now
    FROM old WHERE inbox.id = old.id
)
SELECT count(*) AS rows, max(settled_at) AS last_at,
    (array_agg(id ORDER BY settled_at DESC, id DESC))[1] AS last_id
FROM old;

-- name: delete_messages^
-- Of hours in which nothing is open: the ledger of messages has counted them for good.
WITH old AS (
    SELECT inbox.id FROM intake.inbox
    WHERE received_at < :older AND inbox.id > :after AND settled_at < :older
        AND state IN ('done', 'skipped', 'discarded')
        AND settled_at < COALESCE((SELECT max(updated_at) FROM intake.hour), now())
        AND NOT EXISTS (
            SELECT 1 FROM intake.hour
            WHERE hour.source = inbox.source AND hour.hour = date_trunc('hour', received_at)
                AND (hour.pending > 0 OR hour.parked > 0)
        )
        AND NOT EXISTS (
            SELECT 1 FROM ops.dead_letter
            WHERE origin = 'event' AND origin_id = inbox.id::text
        )
    ORDER BY inbox.id LIMIT :most FOR UPDATE OF inbox SKIP LOCKED
), deleted AS (DELETE FROM intake.inbox USING old WHERE inbox.id = old.id)
SELECT count(*) AS rows, max(id) AS last FROM old;

-- name: newest_published$
-- The oldest of the published messages that stay whatever their age.
SELECT id FROM ops.outbox WHERE published_at IS NOT NULL ORDER BY id DESC OFFSET :keep - 1 LIMIT 1;

-- name: delete_published^
-- Of what the ledger of messages has counted since it was published, where one is kept.
WITH old AS (
    SELECT id FROM ops.outbox
    WHERE published_at < :older AND id < :newest AND id > :after
        AND published_at < COALESCE((SELECT max(updated_at) FROM intake.hour), now())
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), deleted AS (DELETE FROM ops.outbox USING old WHERE outbox.id = old.id)
SELECT count(*) AS rows, max(id) AS last FROM old;

-- name: delete_alerts^
WITH old AS (
    SELECT id FROM ops.alert WHERE resolved_at < :older AND id > :after
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), deleted AS (DELETE FROM ops.alert USING old WHERE alert.id = old.id)
SELECT count(*) AS rows, max(id) AS last FROM old;

-- name: delete_letters^
-- A letter goes with or after those that its replays have opened: the youngest first. One
-- of which something is still open, or recent, stays.
WITH RECURSIVE needed AS (
    SELECT id, replay_of FROM ops.dead_letter
    WHERE NOT (COALESCE(reviewed_at < :older, false) AND state IN ('replayed', 'discarded'))
    UNION
    SELECT before.id, before.replay_of
    FROM ops.dead_letter before JOIN needed ON needed.replay_of = before.id
), old AS (
    SELECT id FROM ops.dead_letter
    WHERE id < :after AND id NOT IN (SELECT id FROM needed)
    ORDER BY id DESC LIMIT :most FOR UPDATE
), deleted AS (DELETE FROM ops.dead_letter USING old WHERE dead_letter.id = old.id)
SELECT count(*) AS rows, min(id) AS last FROM old;

-- name: delete_acts^
WITH old AS (
    SELECT id FROM ops.act WHERE ended_at < :older AND id > :after
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), deleted AS (DELETE FROM ops.act USING old WHERE act.id = old.id)
SELECT count(*) AS rows, max(id) AS last FROM old;

-- name: delete_audit^
WITH old AS (
    SELECT id FROM ops.audit WHERE at < :older AND id > :after ORDER BY id LIMIT :most
), deleted AS (DELETE FROM ops.audit USING old WHERE audit.id = old.id)
SELECT count(*) AS rows, max(id) AS last FROM old;

-- name: newest_execution$
-- The oldest of the ended executions of these jobs that stay whatever their age.
SELECT id FROM ops.job_execution WHERE job = ANY (:jobs::text[]) AND ended_at IS NOT NULL
ORDER BY id DESC OFFSET :keep - 1 LIMIT 1;

-- name: delete_executions^
-- What failed stays until its dead letter is dealt with; what says that a failed run's work was
-- done by another, for as long as such a run is looked for.
WITH old AS (
    SELECT id FROM ops.job_execution
    WHERE job = ANY (:jobs::text[]) AND ended_at < :older AND id < :newest AND id > :after
        AND (ended_at < :looked_for OR state <> 'superseded' AND cardinality(run_ids) = 1)
        AND (state <> 'failed' OR EXISTS (
            SELECT 1 FROM ops.dead_letter
            WHERE origin = 'run' AND origin_id = job_execution.run_id
                AND state IN ('replayed', 'discarded')
        ))
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), deleted AS (DELETE FROM ops.job_execution USING old WHERE job_execution.id = old.id)
SELECT count(*) AS rows, max(id) AS last FROM old;

-- name: unreviewed_runs
-- Of failed runs, those whose dead letter is not dealt with, or not written yet; the excused have
-- none.
SELECT run_id FROM unnest(:run_ids::text[]) AS failed(run_id)
WHERE run_id <> ALL (:excused::text[]) AND NOT EXISTS (
    SELECT 1 FROM ops.dead_letter WHERE origin = 'run' AND origin_id = failed.run_id
) OR EXISTS (
    SELECT 1 FROM ops.dead_letter
    WHERE origin = 'run' AND origin_id = failed.run_id AND state IN ('open', 'replaying')
);
