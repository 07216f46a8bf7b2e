-- The register of workers. Its `last_seen_at` is the lease of every job a worker holds.

-- name: register
INSERT INTO workers (worker_id, host, host_key, pid, process_started, queues, concurrency, engine)
VALUES (%(worker_id)s, %(host)s, %(host_key)s, %(pid)s, %(process_started)s, %(queues)s,
    %(concurrency)s, %(engine)s);

-- name: renew
-- Renew the lease, and read in the same round trip which jobs the worker's processes hold, which
-- queues there are and which are paused, and how many jobs wait in the queues for which it may start
-- more processes; at most `most` of them are counted. One worker leads recovery: the one that did,
-- or whoever comes first when that has been silent for a few rounds.
WITH seen AS (
    UPDATE workers SET last_seen_at = clock_timestamp(), state = %(state)s,
        concurrency = coalesce(%(concurrency)s::int, concurrency)
    WHERE worker_id = %(worker_id)s
    RETURNING worker_id
), led AS (
    UPDATE installation
    SET leader = %(worker_id)s, leads_until = clock_timestamp() + interval '3 seconds',
        led_at = CASE WHEN %(led)s THEN clock_timestamp() ELSE led_at END
    WHERE %(state)s <> 'draining'
      AND (leader = %(worker_id)s OR leads_until IS NULL
           -- later: written before the clock was set back
           OR leads_until - clock_timestamp() NOT BETWEEN interval '0' AND interval '3 seconds')
    RETURNING leader
)
SELECT
    (SELECT count(*) FROM seen) AS registered,
    (SELECT count(*) FROM led) AS leads,
    ARRAY(SELECT queue_name FROM queues ORDER BY queue_name) AS queues,
    (SELECT coalesce(json_agg(json_build_array(slot, job_id, attempts)), '[]')
     FROM jobs WHERE state = 'active' AND worker_id = %(worker_id)s) AS held,
    ARRAY(SELECT queue_name FROM queues WHERE paused) AS paused,
    (SELECT coalesce(json_object_agg(name, found), '{}')
     FROM unnest(%(queues)s::text[]) AS name, LATERAL (
         SELECT json_build_array(count(*), greatest(extract(epoch FROM clock_timestamp() - min(ready_at)), 0)) AS found
         FROM (
             SELECT ready_at FROM jobs
             WHERE queue_name = name AND state = 'waiting' AND ready_at IS NOT NULL
             ORDER BY -priority, turn, job_id
             LIMIT %(most)s
         ) AS next
     ) AS counted) AS backlogs;

-- name: look
-- What recovery may have to do, all in one transaction: each worker asks once a second.
--
-- neighbours: other workers of the host that are not marked as stopped, or still hold jobs. On that
-- host one can check whether their processes run.
-- expired: workers that hold jobs and whose lease has expired, or that are not in the table at all.
-- After a restart of PostgreSQL every worker gets one lease period to reconnect before it counts as
-- lost. A time that is yet to come was written before the clock was set back.
-- unblocked: whether jobs wait for a batch that has ended; see `release_blocked`.
-- due: queues that are not paused and have jobs that could start. Scalar subqueries, as the planner
-- may answer EXISTS by reading all jobs that wait.
-- webhooks: whether one is to be looked at or sent.
SELECT
    extract(epoch FROM clock_timestamp())::float8 AS clock,
    ARRAY(
        SELECT json_build_array(worker_id, pid, process_started)
        FROM workers
        WHERE host_key = %(host_key)s AND worker_id <> %(worker_id)s
          AND (state <> 'stopped'
               OR EXISTS (SELECT FROM jobs WHERE jobs.state = 'active'
                          AND jobs.worker_id = workers.worker_id))
    ) AS neighbours,
    ARRAY(
        SELECT DISTINCT jobs.worker_id
        FROM jobs
        LEFT JOIN workers USING (worker_id)
        WHERE jobs.state = 'active'
          AND (workers.worker_id IS NULL
               OR abs(extract(epoch FROM clock_timestamp() - workers.last_seen_at)) > %(lease)s)
          AND abs(extract(epoch FROM clock_timestamp() - jobs.started_at)) > %(lease)s
          AND NOT pg_postmaster_start_time() BETWEEN
              clock_timestamp() - %(lease)s * interval '1 second' AND clock_timestamp()
    ) AS expired,
    EXISTS (
        SELECT FROM jobs
        WHERE state = 'waiting' AND ready_at IS NULL AND after_batch IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM batches WHERE batches.batch_id = jobs.after_batch AND closed_at > now()
          )
          AND NOT EXISTS (
              SELECT FROM batch_jobs
              JOIN jobs AS member USING (job_id)
              WHERE batch_jobs.batch_id = jobs.after_batch
                AND member.state IN ('waiting', 'active', 'delayed')
          )
    ) AS unblocked,
    ARRAY(
        SELECT queue_name FROM queues
        WHERE NOT paused AND coalesce(
            (SELECT true FROM jobs
             WHERE jobs.queue_name = queues.queue_name AND state = 'waiting'
               AND ready_at IS NOT NULL
             ORDER BY -priority, turn, job_id LIMIT 1),
            (SELECT true FROM jobs
             WHERE jobs.queue_name = queues.queue_name AND state = 'delayed' AND ready_at <= now()
             ORDER BY ready_at LIMIT 1),
            false)
        ORDER BY queue_name
    ) AS due,
    EXISTS (
        SELECT FROM webhooks WHERE due_at <= now() OR due_at > now() + interval '1 day'
    ) AS webhooks;

-- name: stop
WITH stopped AS (
    UPDATE workers SET state = 'stopped', last_seen_at = clock_timestamp()
    WHERE worker_id = ANY(%(worker_ids)s)
    RETURNING worker_id
)
UPDATE installation SET leads_until = NULL WHERE leader IN (SELECT worker_id FROM stopped);

-- name: forget
-- Delete workers that were last seen over seven days ago and hold no jobs.
DELETE FROM workers
WHERE last_seen_at < clock_timestamp() - interval '7 days'
  AND NOT EXISTS (SELECT FROM jobs WHERE jobs.state = 'active'
                  AND jobs.worker_id = workers.worker_id);

-- name: refused
UPDATE queues SET refused_messages = refused_messages + 1 WHERE queue_name = %(queue_name)s;
