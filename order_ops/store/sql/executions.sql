-- The execution ledger. All times are the database's. Only one session at a time decides about
-- a piece of work (`take_turn`); whoever writes under an execution holds its fence. now() is when
-- a transaction began: what may have waited, or ends a long one, asks clock_timestamp().

-- name: take_turn$
SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(31), :job::text, :step::text,
    :work_key::text), 7205759403792796));

-- name: of_request^
SELECT * FROM ops.job_execution
WHERE job = :job AND step = :step AND work_key = :work_key AND request = :request FOR UPDATE;

-- name: live^
SELECT *, lease_until < clock_timestamp() AS lapsed,
    extract(epoch FROM heartbeat_at - started_at)::float8 AS seconds FROM ops.job_execution
WHERE job = :job AND step = :step AND work_key = :work_key AND state IN ('running', 'waiting')
FOR UPDATE;

-- name: supersede!
UPDATE ops.job_execution SET state = 'superseded', again_at = NULL, ended_at = now()
WHERE id = :id;

-- name: open^
INSERT INTO ops.job_execution (job, step, work_key, request, state, stalls, run_id, run_ids,
    worker, input, dry_run, lease_until, deadline_at)
VALUES (:job, :step, :work_key, :request, 'running', :stalls, :run_id, ARRAY[:run_id], :worker,
    :input::jsonb, :dry_run, clock_timestamp() + make_interval(secs => LEAST(:lease_s, :most_s)),
    clock_timestamp() + make_interval(secs => :most_s))
RETURNING id, fence, attempt, failures;

-- name: begin_again^
UPDATE ops.job_execution SET state = 'running', attempt = :attempt, failures = :failures, stalls = :stalls,
    fence = fence + 1, run_id = :run_id,
    run_ids = CASE WHEN :run_id = ANY (run_ids) THEN run_ids ELSE run_ids || :run_id::text END,
    worker = :worker, input = :input::jsonb, dry_run = :dry_run,
    started_at = clock_timestamp(), heartbeat_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => LEAST(:lease_s, :most_s)),
    deadline_at = clock_timestamp() + make_interval(secs => :most_s), again_at = NULL, ended_at = NULL,
    category = NULL, error_type = NULL, error = NULL, stack = NULL
WHERE id = :id
RETURNING id, fence, attempt, failures;

-- name: renew$
-- Until when it is held now; nothing when somebody else has it.
UPDATE ops.job_execution SET heartbeat_at = clock_timestamp(),
    lease_until = LEAST(clock_timestamp() + make_interval(secs => :lease_s), deadline_at)
WHERE id = :id AND fence = :fence AND state = 'running' AND lease_until >= clock_timestamp()
RETURNING lease_until;

-- name: hold$
-- Locks it: nobody takes it over before the transaction that writes under it has ended.
SELECT id FROM ops.job_execution
WHERE id = :id AND fence = :fence AND state = 'running' AND lease_until >= clock_timestamp() FOR SHARE;

-- name: time_out!
-- Its work has been stopped: whoever sweeps next finds it lost.
UPDATE ops.job_execution SET lease_until = clock_timestamp(), heartbeat_at = clock_timestamp(), error_type = 'TimedOut', error = :error,
    stack = :stack
WHERE id = :id AND fence = :fence AND state = 'running';

-- name: finish^
UPDATE ops.job_execution SET state = :state, ended_at = CASE WHEN :state <> 'waiting'
        THEN clock_timestamp() END,
    again_at = CASE WHEN :state = 'waiting' THEN clock_timestamp() + make_interval(secs => :again_s) END,
    failures = failures + CASE WHEN :category::text IS NULL THEN 0 ELSE 1 END,
    category = :category, error_type = :error_type, error = :error, stack = :stack
WHERE id = :id AND fence = :fence AND state = 'running' AND lease_until >= clock_timestamp()
RETURNING extract(epoch FROM clock_timestamp() - started_at)::float8 AS seconds;

-- name: has_ended$
-- Whether it was ended so by who asks: the answer to that was lost.
SELECT EXISTS (
    SELECT 1 FROM ops.job_execution
    WHERE id = :id AND fence = :fence AND run_id = :run_id AND state = :state
);

-- name: lapsed
-- Executions whose lease has passed.
SELECT id FROM ops.job_execution WHERE state = 'running' AND lease_until < now()
ORDER BY lease_until LIMIT :executions;

-- name: lapsed_one^
-- One of them, locked; one that somebody decides about now is left. It took as long as its worker
-- was heard of.
SELECT *, extract(epoch FROM heartbeat_at - started_at)::float8 AS seconds FROM ops.job_execution
WHERE id = :id AND state = 'running' AND lease_until < now() FOR UPDATE SKIP LOCKED;

-- name: lose!
-- It was lost with its worker: done again, or given up.
UPDATE ops.job_execution SET state = :state, stalls = :stalls, fence = fence + 1,
    again_at = CASE WHEN :state = 'waiting' THEN now() + make_interval(secs => :again_s) END,
    ended_at = CASE WHEN :state <> 'waiting' THEN now() END,
    category = 'transient', error_type = :error_type, error = :error
WHERE id = :id;

-- name: due_again
-- The longest waiting first, after the one that is named.
SELECT id, job, step, work_key, request, fence, attempt, run_id, error, input, dry_run, again_at
FROM ops.job_execution
WHERE state = 'waiting' AND again_at <= now()
    AND (:again_at::timestamptz IS NULL OR (again_at, id) > (:again_at, :id))
ORDER BY again_at, id LIMIT :executions;

-- name: give_up^
UPDATE ops.job_execution SET state = :state, again_at = NULL, ended_at = now()
WHERE id = :id AND fence = :fence AND state = 'waiting'
RETURNING job;

-- name: is_live$
-- Whether anybody has work of a job in hand.
SELECT EXISTS (
    SELECT 1 FROM ops.job_execution
    WHERE job = :job AND state = 'running' AND lease_until >= now()
);

-- name: failures_in_a_row$
-- How many of the last executions of a step have failed, up to :most, newest first; dry runs are
-- people's tries.
SELECT count(*) FROM (
    SELECT bool_and(state = 'failed') OVER (ORDER BY id DESC) AS all_failed FROM (
        SELECT id, state FROM ops.job_execution
        WHERE job = :job AND step = :step AND state IN ('done', 'failed') AND NOT dry_run
        ORDER BY id DESC LIMIT :most
    ) latest
) streak WHERE all_failed;

-- name: count_ended!
-- `buckets` are cumulative, one per bound.
INSERT INTO ops.job_total AS known (job, status, executions, seconds, buckets)
VALUES (:job, :status, 1, :seconds, :buckets::bigint[])
ON CONFLICT (job, status) DO UPDATE SET executions = known.executions + 1,
    seconds = known.seconds + excluded.seconds,
    buckets = CASE WHEN cardinality(known.buckets) = cardinality(excluded.buckets) THEN ARRAY(
        SELECT a + b FROM unnest(known.buckets, excluded.buckets) AS t(a, b)
    ) ELSE excluded.buckets END;

-- name: totals
SELECT job, status, executions, seconds, buckets FROM ops.job_total ORDER BY job, status;

-- name: active
-- Executions in hand, per job, and since when the oldest is.
SELECT job, count(*) AS executions, extract(epoch FROM min(started_at))::float8 AS oldest
FROM ops.job_execution WHERE state = 'running' AND lease_until >= now() GROUP BY job ORDER BY job;

-- name: left_alone
-- Runs whose work was lost with its worker, whoever has it now, and runs that had work in hand and
-- have had none for so long. Work that waits to be tried again in its run counts as in hand; a run
-- that has any is alive.
WITH work AS (
    SELECT run, started_at, heartbeat_at, ended_at, run_id = run AS own,
        stalls > 0 AND run_id <> run
            OR state <> 'running' AND error_type IN ('Stalled', 'TimedOut') AS lost,
        run_id = run AND (state = 'running' AND lease_until >= now()
            OR state = 'waiting' AND again_at > now()
                AND error_type NOT IN ('Stalled', 'TimedOut')) AS in_hand
    FROM ops.job_execution, unnest(run_ids) AS run
    WHERE run_ids && :run_ids::text[] AND run = ANY (:run_ids::text[])
)
SELECT run FROM work GROUP BY run
HAVING NOT bool_or(COALESCE(in_hand, false)) AND (bool_or(COALESCE(lost, false))
    OR COALESCE(max(greatest(heartbeat_at, ended_at)) FILTER (WHERE own), max(started_at))
        < now() - make_interval(secs => :older_s));

-- name: never_begun
-- Those of the runs that have never had any work in hand.
SELECT run FROM unnest(:run_ids::text[]) AS run
WHERE NOT EXISTS (SELECT 1 FROM ops.job_execution WHERE run_ids @> ARRAY[run]);

-- name: taken_over
-- Failed runs whose work is still to be done again, or was taken over by another run or a later
-- request: what becomes of it is told when it is known. A run that could not do a part of it is
-- told of.
SELECT run, bool_or(run_id <> run OR state = 'superseded') AS by_others
FROM ops.job_execution, unnest(run_ids) AS run
WHERE run_ids && :run_ids::text[] AND run = ANY (:run_ids::text[])
GROUP BY run
HAVING bool_or(run_id <> run OR state IN ('running', 'waiting', 'superseded'))
    AND NOT bool_or(run_id = run AND state = 'failed');

-- name: end_sessions
-- The database sessions of a process, but for the one that asks.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = :name AND pid <> pg_backend_pid() AND datname = current_database();

-- name: sessions$
SELECT count(*) FROM pg_stat_activity
WHERE application_name = :name AND pid <> pg_backend_pid() AND datname = current_database();

-- name: beat!
INSERT INTO ops.beat (name, instance, every_s) VALUES (:name, :instance, :every_s)
ON CONFLICT (name) DO UPDATE SET at = now(), instance = excluded.instance,
    every_s = excluded.every_s;

-- name: end_beat!
DELETE FROM ops.beat WHERE name = :name AND instance = :instance;

-- name: expect!
-- What should be beating has its time from now on, and is overdue after it.
INSERT INTO ops.beat (name, instance, every_s)
SELECT name, '', every_s FROM unnest(:name::text[], :every_s::float8[]) AS given(name, every_s)
ON CONFLICT (name) DO UPDATE SET every_s = excluded.every_s;

-- name: beats
SELECT name, instance, every_s, extract(epoch FROM at)::float8 AS at,
    extract(epoch FROM now() - at)::float8 AS age_s
FROM ops.beat ORDER BY name;
