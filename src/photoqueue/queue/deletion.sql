-- Deleting what has ended. Rows are deleted in pages, each in a transaction that holds `lock`.

-- name: lock
-- Every submission reads `photos` first and holds that until it is committed. So none is under
-- way while this lock is held, and what is looked at behind it stays so: no submission can be
-- about to hand back a job, or to name a photo, that is deleted here. Whoever comes meanwhile
-- waits for as long as one page takes. Behind a transaction that reads for minutes (`pg_dump`)
-- it gives up, for everybody else would wait behind it.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '60s';
LOCK TABLE photos IN ACCESS EXCLUSIVE MODE;

-- name: page
-- Jobs that ended before a moment, in the order of their keys from one on.
SELECT job_id FROM jobs
WHERE job_id > %(after)s AND state IN ('completed', 'failed', 'cancelled')
  AND finished_at < %(before)s
ORDER BY job_id
LIMIT %(limit)s;

-- name: unneeded
-- Those of a page that nothing needs any more: not while a batch that they are in still runs,
-- is waited for or is newer than the moment, and not while their project still has work to do;
-- and not before the metrics have counted them.
WITH unfinished AS MATERIALIZED (
    SELECT job_id, project_id, after_batch FROM jobs WHERE state IN ('waiting', 'active', 'delayed')
), busy AS MATERIALIZED (
    SELECT batch_id FROM batch_jobs JOIN unfinished USING (job_id)
    UNION SELECT after_batch FROM unfinished WHERE after_batch IS NOT NULL
    UNION SELECT batch_id FROM batches WHERE created_at >= %(before)s
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
-- Jobs with all that hangs on them. One that was started anew at this moment is left alone.
WITH gone AS (
    DELETE FROM jobs
    WHERE job_id = ANY(%(job_ids)s) AND state IN ('completed', 'failed', 'cancelled')
    RETURNING job_id, photo_id, payload ->> 'sha256' AS sha256
), attempts AS (
    DELETE FROM job_attempts USING gone WHERE job_attempts.job_id = gone.job_id
), calls AS (
    DELETE FROM ai_metrics USING gone WHERE ai_metrics.job_id = gone.job_id
), members AS (
    DELETE FROM batch_jobs USING gone WHERE batch_jobs.job_id = gone.job_id
)
SELECT job_id, photo_id, sha256 FROM gone;

-- name: delete_photos
-- Photos without a job, where they are as old as what was deleted.
DELETE FROM photos
WHERE photo_id = ANY(%(photo_ids)s) AND created_at < %(before)s
  AND NOT EXISTS (SELECT FROM jobs WHERE job_key = 'photo-' || photos.photo_id)
RETURNING sha256;

-- name: delete_leftovers
-- Batches without a job, and incidents that are over.
WITH emptied AS (
    DELETE FROM batches
    WHERE created_at < %(before)s
      AND NOT EXISTS (SELECT FROM batch_jobs WHERE batch_jobs.batch_id = batches.batch_id)
)
DELETE FROM incidents WHERE ended_at < %(before)s AND end_told_at IS NOT NULL;

-- name: still_named
-- Which contents are named by a photo, or by a job of an earlier picture of its photo.
SELECT sha256 FROM photos WHERE sha256 = ANY(%(contents)s)
UNION
SELECT payload ->> 'sha256' FROM jobs WHERE payload ->> 'sha256' = ANY(%(contents)s);

-- name: household_jobs
-- All jobs of a project, also those of photos that were given to it only later.
SELECT job_id, state, payload ->> 'sha256' AS sha256 FROM jobs
WHERE project_id = %(project)s
   OR job_key IN (SELECT 'photo-' || photo_id FROM photos WHERE project_id = %(project)s)
ORDER BY job_id;

-- name: household_photos
SELECT sha256 FROM photos WHERE project_id = %(project)s;

-- name: household_elsewhere
-- Which contents are named by other projects' photos or jobs.
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
-- What a project has beside its jobs.
WITH rows_of_photos AS (
    DELETE FROM photos WHERE project_id = %(project)s RETURNING photo_id
), corrections AS (
    DELETE FROM inventory_corrections WHERE project_id = %(project)s
), gone AS (
    DELETE FROM batches WHERE project_id = %(project)s RETURNING batch_id
), members AS (
    DELETE FROM batch_jobs USING gone WHERE batch_jobs.batch_id = gone.batch_id
)
SELECT count(*) AS photos FROM rows_of_photos;
