-- Transitions of jobs: one statement each, which commits by itself and is fenced by the state and
-- attempt that it expects. Each locks jobs in the order of their ids, or skips locked ones, so that
-- two of them cannot deadlock. If a statement changes no row, its caller has lost the job and must
-- not act on it any further.

-- name: claim
-- A worker claims a job; no row for a duplicate message, a job that is not due or a paused queue.
-- `attempts` is incremented here, so that a crash uses the same budget as an exception.
--
-- A waiting job is ready whatever its `ready_at`: the clock may have been set back since.
--
-- A job that was lost with its process or worker, and has had an attempt before that or has one
-- left, is claimed to be done `alone`: with no other job in its worker, as one of the two ends it.
-- Its `wait_ms` is null until its turn comes: until then, its attempt has not begun.
UPDATE jobs
SET state = 'active',
    attempts = attempts + 1,
    worker_id = %(worker_id)s,
    slot = %(slot)s,
    started_at = clock_timestamp(),
    ready_at = least(ready_at, clock_timestamp()),
    wait_ms = CASE WHEN error_type = 'worker_lost'
                        AND (attempts > 1 OR attempts + 1 >= max_attempts) THEN NULL
                   ELSE greatest(extract(epoch FROM clock_timestamp() - ready_at), 0)::float8
                        * 1000 END
WHERE job_id = %(job_id)s
  AND queue_name = %(queue_name)s
  AND (state = 'waiting' AND ready_at IS NOT NULL
       OR state = 'delayed' AND ready_at <= clock_timestamp())
  AND NOT EXISTS (
      SELECT FROM queues WHERE queues.queue_name = jobs.queue_name AND queues.paused
  )
RETURNING job_id, queue_name, job_key, payload, attempts, max_attempts, budget,
    coalesce(wait_ms, extract(epoch FROM started_at - ready_at)::float8 * 1000) AS wait_ms,
    wait_ms IS NULL AS alone;

-- name: held
-- Jobs that a process claimed when the reply was lost with its connection: those that are active
-- under its slot.
SELECT job_id, queue_name, job_key, payload, attempts, max_attempts, budget,
    coalesce(wait_ms, extract(epoch FROM started_at - ready_at)::float8 * 1000) AS wait_ms,
    wait_ms IS NULL AND attempts > 1 AS alone
FROM jobs
WHERE job_id = ANY(%(job_ids)s) AND state = 'active'
  AND worker_id = %(worker_id)s AND slot = %(slot)s;

-- name: complete_and_claim
-- Record completed attempts and claim the next jobs of their process, in one round trip and one
-- commit; either part may be empty. A job to claim that is locked by another transaction is
-- skipped, and completed ones are locked in the order of their ids, as in all statements, so that
-- two statements cannot deadlock. Recovery enqueues skipped jobs again if they still wait.
--
-- Jobs that are claimed `together` run one after another, so their `wait_ms` is null until they
-- end: null marks an attempt that may not have begun. Only jobs without an attempt are claimed
-- so. For each completed job the process passes how long it ran and how long ago it ended. The
-- latter is bounded, because counting by `finished_at` needs it to be close to the commit.
WITH mine AS (
    SELECT jobs.job_id, done.result, done.ran_ms,
        clock_timestamp() - least(done.ended_ms, 1000) * interval '1 millisecond' AS ended_at
    FROM unnest(%(job_id)b::uuid[], %(attempt)b::int[], %(result)b::text[],
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
      -- One CASE, so that rows are found by their ids alone: a planner that has not seen yet how
      -- many jobs wait would read them all.
      AND CASE WHEN queue_name <> %(queue_name)s OR attempts > 0 AND %(together)s THEN false
               WHEN state = 'waiting' THEN ready_at IS NOT NULL
               WHEN state = 'delayed' THEN ready_at <= clock_timestamp() END
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
        ready_at = least(ready_at, clock_timestamp()),
        wait_ms = CASE WHEN %(together)s OR error_type = 'worker_lost'
                            AND (attempts > 1 OR attempts + 1 >= max_attempts) THEN NULL
                       ELSE greatest(extract(epoch FROM clock_timestamp() - ready_at), 0)::float8
                            * 1000 END
    FROM next WHERE jobs.job_id = next.job_id
    RETURNING jobs.job_id, queue_name, job_key, payload, attempts, max_attempts, budget,
        coalesce(wait_ms, extract(epoch FROM started_at - ready_at)::float8 * 1000) AS wait_ms,
        wait_ms IS NULL AND NOT %(together)s AS alone
)
SELECT recorded.job_id AS ended_job, recorded.duration_ms, claimed.*
FROM recorded FULL JOIN claimed ON false;

-- name: complete_one
-- The first half of `complete_and_claim` for one attempt, when nothing is to be claimed: a third of
-- a millisecond less, for which somebody waits. Its row is found by its id alone, as `jobs_active`
-- may hold the dead entries of many jobs.
WITH mine AS MATERIALIZED (
    SELECT job_id, state, attempts, worker_id,
        clock_timestamp() - least(%(ended_ms)s::float8, 1000) * interval '1 millisecond' AS ended_at
    FROM jobs WHERE job_id = %(job_id)s FOR UPDATE
), ended AS (
    UPDATE jobs
    SET state = 'completed',
        started_at = CASE WHEN wait_ms IS NULL
                          THEN ended_at - %(ran_ms)s::float8 * interval '1 millisecond'
                          ELSE started_at END,
        wait_ms = coalesce(wait_ms,
            extract(epoch FROM ended_at - ready_at)::float8 * 1000 - %(ran_ms)s::float8),
        finished_at = ended_at,
        job_duration_ms = CASE WHEN wait_ms IS NULL THEN %(ran_ms)s::float8
            ELSE extract(epoch FROM ended_at - started_at)::float8 * 1000 END,
        success = true,
        result = %(result)s::jsonb,
        error_type = NULL, error_message = NULL, error_traceback = NULL
    FROM mine
    WHERE jobs.job_id = mine.job_id AND mine.state = 'active' AND mine.attempts = %(attempt)s
      AND mine.worker_id = %(worker_id)s
    RETURNING jobs.job_id, jobs.attempts, jobs.worker_id, slot, wait_ms, started_at, finished_at
)
INSERT INTO job_attempts
    (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at, ended_at)
SELECT job_id, attempts, 'completed', worker_id, slot, wait_ms, started_at, finished_at
FROM ended
RETURNING job_id AS ended_job, extract(epoch FROM ended_at - started_at)::float8 * 1000
    AS duration_ms, NULL::uuid AS job_id;

-- name: give_back
-- Hand back jobs that a process claimed together and has not begun, because one of them
-- (`kept_job`, which has run for `ran_ms`) delays the others. The process keeps that one; the
-- others wait again, and their budget is not used. No other process can have begun one of them.
-- All are locked in the order of their ids, including the kept one, as in `cancel`.
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
SELECT job_id, queue_name, priority, turn FROM released;

-- name: fail
-- The attempt ended with an exception: the job is retried after `delay_ms`, or fails if the error
-- is permanent or the budget is used up.
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
-- The attempt could not begin its work: it uses no budget, and the job is tried again after
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
-- How attempts were recorded by a statement whose reply was lost with its connection.
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
-- Take back lost attempts: their process died (`slot` given), exceeded the time limit or never
-- received them (`job_id` and `attempt` given), or their worker is lost (`worker_ids`). The jobs
-- are delivered again at once while their budget lasts. An attempt that was claimed together with
-- others may not have begun: it uses no budget unless its process was working on it (`at`), and
-- the job is not claimed together with others again.
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
SELECT job_id, queue_name, job_key, priority, turn, state, attempts, job_duration_ms,
    payload ->> 'photoId' AS photo_id
FROM lost;

-- name: release
-- A stopping worker hands back jobs that it could not finish. The attempts are recorded, but use
-- no budget.
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
SELECT job_id, queue_name, job_key, priority, turn, state, attempts, job_duration_ms,
    payload ->> 'photoId' AS photo_id
FROM released;

-- name: cancel
-- Cancel unfinished jobs. The write of a worker that holds one is fenced off, and its process is
-- stopped.
WITH cancelled AS (
    UPDATE jobs
    SET state = 'cancelled', finished_at = clock_timestamp(), success = false,
        error_type = 'cancelled', error_message = 'cancelled'
    FROM (SELECT job_id, state FROM jobs
          WHERE job_id = ANY(%(job_ids)s) AND state IN ('waiting', 'active', 'delayed')
          ORDER BY job_id FOR UPDATE) AS before
    WHERE jobs.job_id = before.job_id
    RETURNING jobs.*, before.state AS state_before
), recorded AS (
    INSERT INTO job_attempts (job_id, attempt, outcome, worker_id, slot, wait_ms, started_at,
        ended_at)
    SELECT job_id, attempts, 'cancelled', worker_id, slot, wait_ms, started_at, finished_at
    FROM cancelled WHERE state_before = 'active'
)
SELECT job_id, queue_name, priority, turn FROM cancelled;

-- name: retry
-- Retry failed or cancelled jobs, with a new budget on top of the attempts on record. Skipped are
-- jobs of whose key another job is unfinished or has completed since; of several jobs of one key
-- only the newest is started. They come at the head, one a turn. The end of an inventory, and of the
-- batch that a job came with, is told again; who looks for it at this moment skips it.
WITH ended AS (
    SELECT job_id, job_key, payload ->> 'sha256' AS sha256, queue_name, priority FROM jobs
    WHERE job_id = ANY(%(job_ids)s) AND state IN ('failed', 'cancelled')
    ORDER BY job_id FOR UPDATE
), newest AS (
    SELECT DISTINCT ON (job_key) * FROM ended ORDER BY job_key, job_id DESC
), head AS MATERIALIZED (
    SELECT *, $head_turn AS turn
    FROM (SELECT DISTINCT queue_name, priority FROM newest) AS new
), retried AS (
    UPDATE jobs
    SET state = 'waiting', turn = newest.turn, ready_at = clock_timestamp(),
        max_attempts = attempts + %(budget)s, budget = %(budget)s, started_at = NULL,
        finished_at = NULL, wait_ms = NULL, job_duration_ms = NULL, success = NULL,
        error_type = NULL, error_message = NULL, error_traceback = NULL, after_batch = NULL
    FROM (
        SELECT job_id, sha256, turn + row_number() OVER (
            PARTITION BY queue_name, priority ORDER BY job_id) AS turn
        FROM newest JOIN head USING (queue_name, priority)
    ) AS newest
    WHERE jobs.job_id = newest.job_id
      -- not for a photo that could not be read at submission: there is no content to analyse
      AND newest.sha256 IS DISTINCT FROM ''
      AND NOT EXISTS (
          SELECT FROM jobs AS other
          WHERE other.job_key = jobs.job_key
            AND (other.state IN ('waiting', 'active', 'delayed')
                 OR other.state = 'completed' AND other.job_id > jobs.job_id)
      )
    RETURNING jobs.*
), awaited AS (
    INSERT INTO webhooks (event, subject, project_id)
    SELECT 'batch.ended', batch_id, project_id FROM batches
    WHERE batch_id IN (SELECT batch_id FROM retried)
    UNION ALL
    SELECT 'inventory.ended', job_id::text, project_id FROM retried
    WHERE queue_name = 'inventory-sync'
    ON CONFLICT (event, subject) WHERE happened_at IS NULL DO UPDATE SET checked = 0
)
SELECT job_id, queue_name, priority, turn, state, attempts FROM retried;

-- name: prioritise
-- Change the priority of jobs that wait, or wait to be tried again, and of the photos that are
-- added to an open batch. They get turns as if they were submitted now, in the order in which they
-- would have run.
WITH chosen AS (
    SELECT job_id, queue_name, jobs.priority, turn, coalesce(group_name, user_id) AS group_name
    FROM jobs
    WHERE job_id = ANY(%(job_ids)s) AND state IN ('waiting', 'delayed')
      AND priority <> %(priority)s
    ORDER BY job_id FOR UPDATE
), last AS MATERIALIZED (
    SELECT *, $last_turn AS turn
    FROM (SELECT DISTINCT queue_name, %(priority)s::smallint AS priority, group_name
          FROM chosen) AS new
), later AS (
    UPDATE batches SET priority = %(priority)s
    WHERE batch_id = %(batch_id)s AND closed_at > clock_timestamp()
)
UPDATE jobs
SET priority = %(priority)s, turn = last.turn + chosen.place
FROM (
    SELECT job_id, queue_name, group_name, row_number() OVER (
        PARTITION BY queue_name, group_name ORDER BY -priority, turn, job_id) AS place
    FROM chosen
) AS chosen
JOIN last USING (queue_name, group_name)
WHERE jobs.job_id = chosen.job_id
RETURNING jobs.job_id, jobs.queue_name, jobs.priority, jobs.turn,
    state = 'waiting' AND ready_at IS NOT NULL OR ready_at <= clock_timestamp() AS ready;

-- name: release_blocked
-- Make jobs ready that waited for a batch which is closed and whose last job has ended. What
-- somebody else has locked waits for the next round: two statements cannot deadlock. Closed batches
-- are locked, too: photos may be added at this moment to one whose time to close has come. A batch
-- that was closed later than now() is not taken: jobs that were added before that are not seen here.
-- They come at the head, one a turn.
WITH closed AS MATERIALIZED (
    SELECT batch_id FROM batches
    WHERE closed_at <= now() AND batch_id IN (
        SELECT after_batch FROM jobs
        WHERE state = 'waiting' AND ready_at IS NULL AND after_batch IS NOT NULL
    )
    FOR SHARE SKIP LOCKED
), freed AS (
    SELECT job_id, queue_name, priority FROM jobs AS blocked
    WHERE state = 'waiting' AND ready_at IS NULL AND after_batch IS NOT NULL
      AND (after_batch IN (SELECT batch_id FROM closed)
           OR NOT EXISTS (SELECT FROM batches WHERE batch_id = blocked.after_batch))
      AND NOT EXISTS (
          SELECT FROM batch_jobs
          JOIN jobs AS member USING (job_id)
          WHERE batch_jobs.batch_id = blocked.after_batch
            AND member.state IN ('waiting', 'active', 'delayed')
      )
    FOR UPDATE SKIP LOCKED
), head AS MATERIALIZED (
    SELECT *, $head_turn AS turn
    FROM (SELECT DISTINCT queue_name, priority FROM freed) AS new
)
UPDATE jobs
SET ready_at = clock_timestamp(), turn = ready.turn
FROM (
    SELECT job_id, turn + row_number() OVER (
        PARTITION BY queue_name, priority ORDER BY job_id) AS turn
    FROM freed JOIN head USING (queue_name, priority)
) AS ready
WHERE jobs.job_id = ready.job_id
RETURNING jobs.job_id, queue_name, priority, jobs.turn, state, attempts;

-- name: due_waiting
-- Waiting jobs of one queue in the order in which workers take them, after a given job.
SELECT job_id, priority, turn
FROM jobs
WHERE queue_name = %(queue_name)s AND state = 'waiting'
  AND (-priority, turn, job_id) > (%(after_rank)s::smallint, %(after_turn)s, %(after_job)s::uuid)
  AND ready_at IS NOT NULL
ORDER BY -priority, turn, job_id
LIMIT %(limit)s;

-- name: due_delayed
-- Delayed jobs of one queue whose back-off is over, and their places: at the head, one a turn. now(),
-- unlike clock_timestamp(), is not volatile, so that the index is read only up to that time.
WITH due AS (
    SELECT job_id, queue_name, priority, ready_at FROM jobs
    WHERE queue_name = %(queue_name)s AND state = 'delayed' AND ready_at <= now()
    ORDER BY ready_at LIMIT %(limit)s
), head AS MATERIALIZED (
    SELECT *, $head_turn AS turn
    FROM (SELECT DISTINCT queue_name, priority FROM due) AS new
)
SELECT job_id, priority,
    turn + row_number() OVER (PARTITION BY priority ORDER BY ready_at) AS turn
FROM due JOIN head USING (priority)
ORDER BY ready_at;

-- name: record_ai_call
-- One row per engine call, even if the attempt lost its lease, because the call cost money.
INSERT INTO ai_metrics (job_id, attempt, call, photo_id, engine, model, latency_ms,
    tokens_in, tokens_out, cost_usd, success, error)
VALUES (%(job_id)s, %(attempt)s, %(call)s, %(photo_id)s, %(engine)s, %(model)s,
    %(latency_ms)s, %(tokens_in)s, %(tokens_out)s, %(cost_usd)s, %(success)s, %(error)s)
ON CONFLICT DO NOTHING;
