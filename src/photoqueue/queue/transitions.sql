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
-- Jobs that a process claimed when the answer was lost with its connection: what is active
-- under its slot is what it claimed.
SELECT job_id, queue_name, job_key, payload, attempts, max_attempts, budget,
    coalesce(wait_ms, extract(epoch FROM started_at - ready_at)::float8 * 1000) AS wait_ms
FROM jobs
WHERE job_id = ANY(%(job_ids)s) AND state = 'active'
  AND worker_id = %(worker_id)s AND slot = %(slot)s;

-- name: complete_and_claim
-- Attempts ended with a result, and their process takes the next jobs: all in one round trip
-- and one commit; either half may be empty. A job to take that somebody else is at is skipped,
-- not waited for, and what has ended is locked in the order of its ids, as everywhere: no two
-- statements can then wait for each other's jobs. Recovery announces again what still waits.
--
-- Jobs that are taken `together` have no `wait_ms` until they end, since they begin one after
-- another: it marks an attempt that may not have begun. Only jobs without an attempt are taken
-- so. A job that ended tells how long it ran and how long ago it ended; the latter is bounded,
-- since whoever counts by `finished_at` relies on its being near to the commit.
WITH mine AS (
    SELECT jobs.job_id, done.result, done.ran_ms,
        clock_timestamp() - least(done.ended_ms, 1000) * interval '1 millisecond' AS ended_at
    FROM unnest(%(job_ids)b::uuid[], %(attempts)b::int[], %(results)b::text[],
                %(ran_ms)b::float8[], %(ended_ms)b::float8[])
        AS done (job_id, attempt, result, ran_ms, ended_ms)
    JOIN jobs USING (job_id)
    WHERE state = 'active' AND attempts = done.attempt AND worker_id = %(worker_id)s
    ORDER BY jobs.job_id FOR UPDATE OF jobs
), ended AS (
    UPDATE jobs
    SET state = 'completed',
        started_at = CASE WHEN wait_ms IS NULL
                          THEN ended_at - ran_ms * interval '1 millisecond'
                          ELSE started_at END,
        wait_ms = coalesce(wait_ms,
            extract(epoch FROM ended_at - ready_at)::float8 * 1000 - ran_ms),
        finished_at = ended_at,
        job_duration_ms = CASE WHEN wait_ms IS NULL THEN ran_ms
            ELSE extract(epoch FROM ended_at - started_at)::float8 * 1000 END,
        success = true,
        result = mine.result::jsonb,
        error_type = NULL, error_message = NULL, error_traceback = NULL
    FROM mine WHERE jobs.job_id = mine.job_id
    RETURNING jobs.job_id, attempts, worker_id, slot, wait_ms, started_at, finished_at
), recorded AS (
    INSERT INTO job_attempts
        (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at, ended_at)
    SELECT job_id, attempts, 'completed', worker_id, slot, wait_ms, started_at, finished_at
    FROM ended
    RETURNING job_id, extract(epoch FROM ended_at - started_at)::float8 * 1000 AS duration_ms
), next AS (
    SELECT job_id FROM jobs
    WHERE job_id = ANY(%(next_jobs)b::uuid[])
      AND queue_name = %(queue_name)s
      AND state IN ('waiting', 'delayed')
      AND (attempts = 0 OR NOT %(together)s)
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
        wait_ms = CASE WHEN NOT %(together)s
                       THEN extract(epoch FROM clock_timestamp() - ready_at)::float8 * 1000 END
    FROM next WHERE jobs.job_id = next.job_id
    RETURNING jobs.job_id, queue_name, job_key, payload, attempts, max_attempts, budget,
        extract(epoch FROM started_at - ready_at)::float8 * 1000 AS wait_ms
)
SELECT recorded.job_id AS ended_job, recorded.duration_ms, claimed.*
FROM recorded FULL JOIN claimed ON false;

-- name: give_back
-- A process was held up by one of the jobs that it took together (`kept_job`, which has run for
-- `ran_ms`): that one is its only one from now on, and those that it has not begun are anybody's
-- again, at no cost to their budget. No process can have begun one of these but this. All of them
-- are locked in the order of their ids, the kept one too: whoever cancels them does the same.
WITH held AS (
    SELECT job_id FROM jobs
    WHERE job_id = ANY(%(job_ids)s::uuid[] || %(kept_job)s::uuid)
      AND state = 'active' AND wait_ms IS NULL
      AND worker_id = %(worker_id)s AND slot = %(slot)s
    ORDER BY job_id FOR UPDATE
), released AS (
    UPDATE jobs SET state = 'waiting', max_attempts = max_attempts + 1
    FROM held
    WHERE jobs.job_id = held.job_id AND held.job_id IS DISTINCT FROM %(kept_job)s::uuid
    RETURNING jobs.*
), recorded AS (
    INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, started_at, ended_at,
        error_message)
    SELECT job_id, attempts, 'released', worker_id, slot, started_at, clock_timestamp(),
        'its process was held up by a longer job'
    FROM released
), kept AS (
    UPDATE jobs
    SET started_at = clock_timestamp() - %(ran_ms)s * interval '1 millisecond',
        wait_ms = extract(epoch FROM clock_timestamp() - ready_at)::float8 * 1000 - %(ran_ms)s
    FROM held
    WHERE jobs.job_id = held.job_id AND held.job_id = %(kept_job)s::uuid
)
SELECT job_id, queue_name, priority FROM released;

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
-- How attempts were recorded by the statement whose answer was lost with its connection.
SELECT
    job_id,
    CASE WHEN outcome = 'completed' THEN 'completed'
         WHEN retry_delay_ms IS NOT NULL THEN 'delayed'
         WHEN outcome = 'released' THEN 'waiting'
         ELSE 'failed' END AS state,
    extract(epoch FROM ended_at - started_at)::float8 * 1000 AS duration_ms
FROM unnest(%(job_ids)s::uuid[], %(attempts)s::int[]) AS ours (job_id, attempt)
JOIN job_attempts USING (job_id, attempt)
WHERE worker_id = %(worker_id)s AND outcome = %(outcome)s;

-- name: recover
-- Attempts that nobody carries any more: their process died (`slot` given), ran past the
-- time limit, or never knew of them (`job_id` and `attempt` given), or their worker is gone
-- (`worker_ids`). Delivered again at once while the budget lasts. One that was taken together
-- with others may not even have begun, and costs nothing unless its process was `at` it: it is
-- never taken so again.
WITH held AS (
    SELECT job_id, wait_ms IS NULL AND job_id IS DISTINCT FROM %(at)s::uuid AS free,
        attempts >= max_attempts AS last
    FROM jobs
    WHERE state = 'active'
      AND worker_id = ANY(%(worker_ids)s)
      AND (%(slot)s::int IS NULL OR slot = %(slot)s)
      AND (%(job_id)s::uuid IS NULL OR (job_id, attempts) = (%(job_id)s, %(attempt)s::int))
    ORDER BY job_id FOR UPDATE
), lost AS (
    UPDATE jobs
    SET state = CASE WHEN last AND NOT free THEN 'failed' ELSE 'waiting' END,
        max_attempts = CASE WHEN free THEN max_attempts + 1 ELSE max_attempts END,
        ready_at = CASE WHEN last AND NOT free THEN ready_at ELSE clock_timestamp() END,
        finished_at = CASE WHEN last AND NOT free THEN clock_timestamp() END,
        success = CASE WHEN last AND NOT free THEN false END,
        job_duration_ms = extract(epoch FROM clock_timestamp() - started_at)::float8 * 1000,
        error_type = %(outcome)s,
        error_message = %(error_message)s,
        error_traceback = NULL
    FROM held WHERE jobs.job_id = held.job_id
    RETURNING jobs.*, free
), recorded AS (
    INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at,
        ended_at, error_type, error_message, retry_delay_ms)
    SELECT job_id, attempts, CASE WHEN free THEN 'released' ELSE %(outcome)s END, worker_id, slot,
        wait_ms, started_at, clock_timestamp(), %(outcome)s, error_message,
        CASE WHEN state = 'waiting' AND NOT free THEN 0 END
    FROM lost
)
SELECT job_id, queue_name, job_key, priority, state, attempts, job_duration_ms,
    payload ->> 'photoId' AS photo_id
FROM lost;

-- name: release
-- A worker that was told to stop hands back what it could not finish. The attempt is kept
-- on record but not paid from the budget.
WITH held AS (
    SELECT job_id FROM jobs
    WHERE state = 'active' AND worker_id = %(worker_id)s
    ORDER BY job_id FOR UPDATE
), released AS (
    UPDATE jobs
    SET state = 'waiting', ready_at = clock_timestamp(), max_attempts = max_attempts + 1
    FROM held WHERE jobs.job_id = held.job_id
    RETURNING jobs.*
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
SELECT job_id, queue_name, priority FROM cancelled;

-- name: retry
-- A person starts jobs anew that ended without a result: a fresh budget on top of the
-- attempts on record. Left alone where another job of the key is unfinished, or has done
-- the work since; of several jobs of one key the newest is started.
UPDATE jobs
SET state = 'waiting', ready_at = clock_timestamp(), max_attempts = attempts + %(budget)s,
    budget = %(budget)s, started_at = NULL, finished_at = NULL, wait_ms = NULL,
    job_duration_ms = NULL, success = NULL,
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

-- name: amend
-- A job that still waits takes over what a later submission of its key says.
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
