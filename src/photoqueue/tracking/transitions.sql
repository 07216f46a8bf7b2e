-- Every change of a job's state: one statement each, committed by itself, fenced by the
-- state and attempt that it expects. A statement that changes no row has lost its race,
-- and its caller must not act on the job any further.

-- name: claim
-- A worker takes a job. A duplicate message, a job that is not due or a paused queue
-- finds nothing. `attempts` counts here, so that a crash is paid from the same budget
-- as an exception.
UPDATE jobs
SET state = 'active',
    attempts = attempts + 1,
    worker_id = %(worker_id)s,
    slot = %(slot)s,
    started_at = clock_timestamp(),
    wait_ms = extract(epoch FROM clock_timestamp() - ready_at)::float8 * 1000
WHERE job_id = %(job_id)s
  AND queue_name = %(queue_name)s
  AND state IN ('waiting', 'delayed')
  AND ready_at <= clock_timestamp()
  AND NOT EXISTS (
      SELECT FROM queues WHERE queues.queue_name = jobs.queue_name AND queues.paused
  )
RETURNING job_id, queue_name, job_key, payload, attempts, max_attempts, budget, wait_ms;

-- name: held
-- The job that a process claimed when the answer was lost with its connection. A process
-- has one job at a time: what is active under its slot is what it claimed.
SELECT job_id, queue_name, job_key, payload, attempts, max_attempts, budget, wait_ms
FROM jobs
WHERE job_id = %(job_id)s AND state = 'active'
  AND worker_id = %(worker_id)s AND slot = %(slot)s;

-- name: complete
-- The attempt ended with a result.
WITH ended AS (
    UPDATE jobs
    SET state = 'completed',
        finished_at = clock_timestamp(),
        job_duration_ms = extract(epoch FROM clock_timestamp() - started_at)::float8 * 1000,
        success = true,
        result = %(result)s::jsonb,
        error_type = NULL, error_message = NULL, error_traceback = NULL
    WHERE job_id = %(job_id)s
      AND state = 'active' AND attempts = %(attempt)s AND worker_id = %(worker_id)s
    RETURNING *
)
INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at, ended_at)
SELECT job_id, attempts, 'completed', worker_id, slot, wait_ms, started_at, finished_at
FROM ended
RETURNING 'completed' AS state,
    extract(epoch FROM ended_at - started_at)::float8 * 1000 AS duration_ms;

-- name: complete_and_claim
-- The attempt ended with a result, and its process takes the next job: `complete` and `claim`
-- in one round trip and one commit. A job that somebody else is at is skipped, not waited
-- for: no two statements that hold one job each can then wait for each other's. Recovery
-- announces it again where it still waits.
WITH ended AS (
    UPDATE jobs
    SET state = 'completed',
        finished_at = clock_timestamp(),
        job_duration_ms = extract(epoch FROM clock_timestamp() - started_at)::float8 * 1000,
        success = true,
        result = %(result)s::jsonb,
        error_type = NULL, error_message = NULL, error_traceback = NULL
    WHERE job_id = %(job_id)s
      AND state = 'active' AND attempts = %(attempt)s AND worker_id = %(worker_id)s
    RETURNING job_id, attempts, worker_id, slot, wait_ms, started_at, finished_at
), recorded AS (
    INSERT INTO job_attempts
        (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at, ended_at)
    SELECT job_id, attempts, 'completed', worker_id, slot, wait_ms, started_at, finished_at
    FROM ended
    RETURNING extract(epoch FROM ended_at - started_at)::float8 * 1000 AS duration_ms
), next AS (
    SELECT job_id FROM jobs
    WHERE job_id = %(next_job)s
      AND queue_name = %(queue_name)s
      AND state IN ('waiting', 'delayed')
      AND ready_at <= clock_timestamp()
      AND NOT EXISTS (
          SELECT FROM queues WHERE queues.queue_name = %(queue_name)s AND queues.paused
      )
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE jobs
    SET state = 'active',
        attempts = attempts + 1,
        worker_id = %(worker_id)s,
        slot = %(slot)s,
        started_at = clock_timestamp(),
        wait_ms = extract(epoch FROM clock_timestamp() - ready_at)::float8 * 1000
    FROM next WHERE jobs.job_id = next.job_id
    RETURNING jobs.job_id, queue_name, job_key, payload, attempts, max_attempts, budget, wait_ms
)
SELECT recorded.duration_ms, claimed.*
FROM (SELECT) AS always LEFT JOIN recorded ON true LEFT JOIN claimed ON true;

-- name: fail
-- The attempt ended with an exception: retry after `delay_ms`, or end when the error is
-- permanent or the budget is spent.
WITH ended AS (
    UPDATE jobs
    SET state = CASE WHEN %(permanent)s OR attempts >= max_attempts
                     THEN 'failed' ELSE 'delayed' END,
        ready_at = CASE WHEN %(permanent)s OR attempts >= max_attempts THEN ready_at
                        ELSE clock_timestamp() + %(delay_ms)s * interval '1 millisecond' END,
        finished_at = CASE WHEN %(permanent)s OR attempts >= max_attempts
                           THEN clock_timestamp() END,
        success = CASE WHEN %(permanent)s OR attempts >= max_attempts THEN false END,
        job_duration_ms = extract(epoch FROM clock_timestamp() - started_at)::float8 * 1000,
        error_type = %(error_type)s,
        error_message = %(error_message)s,
        error_traceback = %(error_traceback)s
    WHERE job_id = %(job_id)s
      AND state = 'active' AND attempts = %(attempt)s AND worker_id = %(worker_id)s
    RETURNING *
)
INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at,
    ended_at, error_type, error_message, error_traceback, retry_delay_ms)
SELECT job_id, attempts, 'error', worker_id, slot, wait_ms, started_at,
    clock_timestamp(), error_type, error_message, error_traceback,
    CASE WHEN state = 'delayed' THEN %(delay_ms)s::bigint END
FROM ended
RETURNING (SELECT state FROM ended) AS state,
    extract(epoch FROM ended_at - started_at)::float8 * 1000 AS duration_ms;

-- name: postpone
-- The attempt could not begin its work and is not paid from the budget: tried again after
-- `delay_ms`.
WITH postponed AS (
    UPDATE jobs
    SET state = 'delayed',
        ready_at = clock_timestamp() + %(delay_ms)s * interval '1 millisecond',
        max_attempts = max_attempts + 1,
        job_duration_ms = extract(epoch FROM clock_timestamp() - started_at)::float8 * 1000,
        error_type = %(error_type)s,
        error_message = %(error_message)s,
        error_traceback = NULL
    WHERE job_id = %(job_id)s
      AND state = 'active' AND attempts = %(attempt)s AND worker_id = %(worker_id)s
    RETURNING *
)
INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at,
    ended_at, error_type, error_message, retry_delay_ms)
SELECT job_id, attempts, 'released', worker_id, slot, wait_ms, started_at,
    clock_timestamp(), error_type, error_message, %(delay_ms)s::bigint
FROM postponed
RETURNING 'delayed' AS state,
    extract(epoch FROM ended_at - started_at)::float8 * 1000 AS duration_ms;

-- name: recorded
-- Whether an attempt was recorded by the statement whose answer was lost with its connection.
SELECT
    CASE WHEN outcome = 'completed' THEN 'completed'
         WHEN retry_delay_ms IS NOT NULL THEN 'delayed'
         WHEN outcome = 'released' THEN 'waiting'
         ELSE 'failed' END AS state,
    extract(epoch FROM ended_at - started_at)::float8 * 1000 AS duration_ms
FROM job_attempts
WHERE job_id = %(job_id)s AND attempt = %(attempt)s AND worker_id = %(worker_id)s
  AND outcome = %(outcome)s;

-- name: recover
-- Attempts that nobody carries any more: their process died (`slot` given), ran past the
-- time limit, or never knew of them (`job_id` and `attempt` given), or their worker is gone
-- (`worker_ids`). Delivered again at once while the budget lasts.
WITH lost AS (
    UPDATE jobs
    SET state = CASE WHEN attempts >= max_attempts THEN 'failed' ELSE 'waiting' END,
        ready_at = CASE WHEN attempts >= max_attempts THEN ready_at ELSE clock_timestamp() END,
        finished_at = CASE WHEN attempts >= max_attempts THEN clock_timestamp() END,
        success = CASE WHEN attempts >= max_attempts THEN false END,
        job_duration_ms = extract(epoch FROM clock_timestamp() - started_at)::float8 * 1000,
        error_type = %(outcome)s,
        error_message = %(error_message)s,
        error_traceback = NULL
    WHERE state = 'active'
      AND worker_id = ANY(%(worker_ids)s)
      AND (%(slot)s::int IS NULL OR slot = %(slot)s)
      AND (%(job_id)s::uuid IS NULL OR (job_id, attempts) = (%(job_id)s, %(attempt)s::int))
    RETURNING *
), recorded AS (
    INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at,
        ended_at, error_type, error_message, retry_delay_ms)
    SELECT job_id, attempts, %(outcome)s, worker_id, slot, wait_ms, started_at,
        clock_timestamp(), %(outcome)s, error_message, CASE WHEN state = 'waiting' THEN 0 END
    FROM lost
)
SELECT job_id, queue_name, job_key, priority, state, attempts, job_duration_ms,
    payload ->> 'photoId' AS photo_id
FROM lost;

-- name: release
-- A worker that was told to stop hands back what it could not finish. The attempt is kept
-- on record but not paid from the budget.
WITH released AS (
    UPDATE jobs
    SET state = 'waiting', ready_at = clock_timestamp(), max_attempts = max_attempts + 1
    WHERE state = 'active' AND worker_id = %(worker_id)s
      AND (%(slot)s::int IS NULL OR slot = %(slot)s)
    RETURNING *
), recorded AS (
    INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at,
        ended_at, error_message)
    SELECT job_id, attempts, 'released', worker_id, slot, wait_ms, started_at, clock_timestamp(),
        'the worker was told to stop'
    FROM released
)
SELECT job_id, queue_name, job_key, priority, state, attempts, job_duration_ms,
    payload ->> 'photoId' AS photo_id
FROM released;

-- name: cancel
-- A person ends jobs that have not ended by themselves. A worker that holds one finds its
-- write fenced off, and its process is freed.
WITH cancelled AS (
    UPDATE jobs
    SET state = 'cancelled', finished_at = clock_timestamp(), success = false,
        error_type = 'cancelled', error_message = 'cancelled'
    FROM (SELECT job_id, state FROM jobs WHERE job_id = ANY(%(job_ids)s)
          ORDER BY job_id FOR UPDATE) AS before
    WHERE jobs.job_id = before.job_id
      AND before.state IN ('waiting', 'active', 'delayed')
    RETURNING jobs.*, before.state AS state_before
), recorded AS (
    INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at,
        ended_at)
    SELECT job_id, attempts, 'cancelled', worker_id, slot, wait_ms, started_at, finished_at
    FROM cancelled WHERE state_before = 'active'
)
SELECT job_id FROM cancelled;

-- name: retry
-- A person starts jobs anew that ended without a result: a fresh budget on top of the
-- attempts on record. Left alone where another job of the key is unfinished, or has done
-- the work since; of several jobs of one key the newest is started.
UPDATE jobs
SET state = 'waiting', ready_at = clock_timestamp(), max_attempts = attempts + %(budget)s,
    budget = %(budget)s, started_at = NULL, finished_at = NULL, wait_ms = NULL, job_duration_ms = NULL,
    success = NULL,
    error_type = NULL, error_message = NULL, error_traceback = NULL, after_batch = NULL
WHERE job_id = ANY(%(job_ids)s)
  AND state IN ('failed', 'cancelled')
  -- a photo that could not even be read at submission has nothing to be tried on
  AND payload ->> 'sha256' IS DISTINCT FROM ''
  AND NOT EXISTS (
      SELECT FROM jobs AS other
      WHERE other.job_key = jobs.job_key
        AND (other.state IN ('waiting', 'active', 'delayed')
             OR other.state = 'completed' AND other.job_id > jobs.job_id)
  )
  AND NOT EXISTS (
      SELECT FROM jobs AS newer
      WHERE newer.job_key = jobs.job_key AND newer.job_id > jobs.job_id
        AND newer.job_id = ANY(%(job_ids)s) AND newer.state IN ('failed', 'cancelled')
  )
RETURNING job_id, queue_name, priority, state, attempts;

-- name: release_blocked
-- Jobs that waited for a batch whose last job has ended.
UPDATE jobs
SET ready_at = clock_timestamp()
WHERE state = 'waiting' AND ready_at IS NULL AND after_batch IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM batch_jobs
      JOIN jobs AS member USING (job_id)
      WHERE batch_jobs.batch_id = jobs.after_batch
        AND member.state IN ('waiting', 'active', 'delayed')
  )
RETURNING job_id, queue_name, priority, state, attempts;

-- name: due_waiting
-- Waiting jobs of one queue in the order in which workers take them, from a given place on.
SELECT job_id, priority
FROM jobs
WHERE queue_name = %(queue_name)s AND state = 'waiting'
  AND (-priority, job_id) > (%(after_rank)s::smallint, %(after_job)s::uuid)
  AND ready_at <= clock_timestamp()
ORDER BY -priority, job_id
LIMIT %(limit)s;

-- name: amend_inventory
-- An inventory that still waits takes over what a later submission of it says.
UPDATE jobs
SET payload = %(payload)s::jsonb,
    after_batch = %(after_batch)s,
    ready_at = CASE WHEN %(after_batch)s::text IS NULL THEN clock_timestamp() END
WHERE job_id = %(job_id)s AND state = 'waiting'
RETURNING job_id, queue_name, priority, state, attempts;

-- name: due_delayed
-- Retries of one queue whose back-off is over; now() and not the volatile clock, so that
-- the index is read only as far as that.
SELECT job_id, priority
FROM jobs
WHERE queue_name = %(queue_name)s AND state = 'delayed' AND ready_at <= now()
ORDER BY ready_at
LIMIT %(limit)s;

-- name: record_ai_call
-- One row per call of an engine, whether or not the attempt kept its lease: it was paid for.
INSERT INTO ai_metrics (job_id, attempt, call, photo_id, engine, model, latency_ms,
    tokens_in, tokens_out, cost_usd, success, error)
VALUES (%(job_id)s, %(attempt)s, %(call)s, %(photo_id)s, %(engine)s, %(model)s,
    %(latency_ms)s, %(tokens_in)s, %(tokens_out)s, %(cost_usd)s, %(success)s, %(error)s)
ON CONFLICT DO NOTHING;
