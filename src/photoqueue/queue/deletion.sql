-- Deletion. Rows are deleted in pages, each in a transaction that holds `lock`.

-- name: lock
-- Every submission reads `photos` first and keeps its lock on it until it commits. So while this
-- lock is held no submission is running that could return a job, or refer to a photo, that is
-- deleted here; new ones wait for the time that one page takes. The lock is given up behind a
-- transaction that reads for minutes (`pg_dump`), as all submissions would queue up behind it.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '60s';
LOCK TABLE photos IN ACCESS EXCLUSIVE MODE;

-- name: page
-- Jobs that ended before a moment, in the order of their ids, after a given one.
SELECT job_id FROM jobs
WHERE job_id > %(after)s AND state IN ('completed', 'failed', 'cancelled')
  AND finished_at < %(before)s
ORDER BY job_id
LIMIT %(limit)s;

-- name: unneeded
-- The jobs of a page that may be deleted. Kept are jobs of a batch that still runs, that another
-- job waits for or that was not closed before the moment, jobs of a project with unfinished jobs, and
-- jobs that the metrics have not counted yet.
WITH unfinished AS MATERIALIZED (
    SELECT job_id, project_id, after_batch FROM jobs WHERE state IN ('waiting', 'active', 'delayed')
), busy AS MATERIALIZED (
    SELECT batch_id FROM batch_jobs JOIN unfinished USING (job_id)
    UNION SELECT after_batch FROM unfinished WHERE after_batch IS NOT NULL
    UNION SELECT batch_id FROM batches WHERE closed_at >= %(before)s
), kept AS MATERIALIZED (
    SELECT job_id FROM batch_jobs JOIN busy USING (batch_id) WHERE job_id = ANY(%(job_ids)s)
)
SELECT job_id FROM jobs
WHERE job_id = ANY(%(job_ids)s)
  AND NOT EXISTS (SELECT FROM kept WHERE kept.job_id = jobs.job_id)
  AND NOT EXISTS (SELECT FROM unfinished WHERE unfinished.project_id = jobs.project_id)
  AND NOT EXISTS (
      SELECT FROM job_attempts JOIN metric_marks ON source = 'attempts'
      WHERE job_attempts.job_id = jobs.job_id AND recorded_xid >= counted_below
  )
  AND NOT EXISTS (
      SELECT FROM ai_metrics JOIN metric_marks ON source = 'ai_calls'
      WHERE ai_metrics.job_id = jobs.job_id AND recorded_xid >= counted_below
  )
ORDER BY job_id;

-- name: delete_jobs
-- Jobs with their dependent rows. A job that was retried at this moment is kept. They are locked in
-- the order of their ids, as in all statements.
WITH ended AS (
    SELECT job_id FROM jobs
    WHERE job_id = ANY(%(job_ids)s) AND state IN ('completed', 'failed', 'cancelled')
    ORDER BY job_id FOR UPDATE
), gone AS (
    DELETE FROM jobs USING ended WHERE jobs.job_id = ended.job_id
    RETURNING jobs.job_id, job_key, photo_id
), attempts AS (
    DELETE FROM job_attempts USING gone WHERE job_attempts.job_id = gone.job_id
), calls AS (
    DELETE FROM ai_metrics USING gone WHERE ai_metrics.job_id = gone.job_id
), members AS (
    DELETE FROM batch_jobs USING gone WHERE batch_jobs.job_id = gone.job_id
)
SELECT job_id, job_key, photo_id FROM gone;

-- name: delete_photos
-- Photos without a job that are older than the moment.
DELETE FROM photos
WHERE photo_id = ANY(%(photo_ids)s) AND created_at < %(before)s
  AND NOT EXISTS (SELECT FROM jobs WHERE job_key = 'photo-' || photos.photo_id)
RETURNING photo_id;

-- name: delete_leftovers
-- Batches without a job, incidents that are over, operations, webhooks that nobody sends any more,
-- and answers after their day.
WITH emptied AS (
    DELETE FROM batches
    WHERE closed_at < %(before)s
      AND NOT EXISTS (SELECT FROM batch_jobs WHERE batch_jobs.batch_id = batches.batch_id)
), done AS (
    DELETE FROM api_operations WHERE asked_at < %(before)s
), answers AS (
    DELETE FROM api_answers WHERE expires_at <= now()
), told AS (
    DELETE FROM webhooks WHERE happened_at < %(before)s AND due_at IS NULL
)
DELETE FROM incidents WHERE ended_at < %(before)s AND end_told_at IS NOT NULL;

-- name: still_named
-- Contents that a photo refers to, or a job on an earlier picture of its photo.
SELECT sha256 FROM photos WHERE sha256 = ANY(%(contents)s)
UNION
SELECT payload ->> 'sha256' FROM jobs WHERE payload ->> 'sha256' = ANY(%(contents)s);

-- name: household_jobs
-- All jobs of a project, also those of photos that were assigned to it later.
SELECT job_id, state, payload ->> 'sha256' AS sha256 FROM jobs
WHERE project_id = %(project)s
   OR job_key IN (SELECT 'photo-' || photo_id FROM photos WHERE project_id = %(project)s)
ORDER BY job_id;

-- name: household_photos
SELECT sha256 FROM photos WHERE project_id = %(project)s;

-- name: household_elsewhere
-- Contents that photos or jobs of other projects refer to.
SELECT sha256 FROM photos
WHERE sha256 = ANY(%(contents)s) AND project_id IS DISTINCT FROM %(project)s
UNION
SELECT payload ->> 'sha256' FROM jobs
WHERE payload ->> 'sha256' = ANY(%(contents)s) AND NOT job_id = ANY(%(job_ids)s);

-- name: uncounted
SELECT EXISTS (
    SELECT FROM job_attempts JOIN metric_marks ON source = 'attempts'
    WHERE job_id = ANY(%(job_ids)s) AND recorded_xid >= counted_below
) OR EXISTS (
    SELECT FROM ai_metrics JOIN metric_marks ON source = 'ai_calls'
    WHERE job_id = ANY(%(job_ids)s) AND recorded_xid >= counted_below
) AS uncounted;

-- name: delete_household
-- The rows of a project in other tables than `jobs`, operations on it by any of its names, and
-- answers that name it or a job of it.
WITH rows_of_photos AS (
    DELETE FROM photos WHERE project_id = %(project)s RETURNING photo_id
), said AS (
    DELETE FROM edits WHERE project_id = %(project)s
), operations AS (
    DELETE FROM api_operations WHERE target = ANY(%(names)s)
), answers AS (
    DELETE FROM api_answers
    WHERE jsonb_path_query_array(answer::jsonb, '$.**.projectId') ? %(project)s
       OR jsonb_path_query_array(answer::jsonb, '$.**.jobId') ?| %(names)s::text[]
), told AS (
    DELETE FROM webhooks WHERE project_id = %(project)s
), gone AS (
    DELETE FROM batches WHERE project_id = %(project)s RETURNING batch_id
), members AS (
    DELETE FROM batch_jobs USING gone WHERE batch_jobs.batch_id = gone.batch_id
)
SELECT count(*) AS photos FROM rows_of_photos;
