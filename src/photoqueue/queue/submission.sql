-- Submission. A few rows are written by one statement, which commits by itself; many rows by
-- COPY, see `submission.py`. Keys to look for are passed as JSON: the driver takes three times as
-- long to make an array of them.

-- name: accept_new
-- Write a whole submission, in one round trip and one commit. If any of its rows exists already,
-- nothing is written and there is no result. Photos are written first, as in every submission,
-- so that two submissions cannot deadlock.
WITH last AS MATERIALIZED (
    SELECT $last_turn AS turn
    FROM (VALUES (%(queue_name)s::text, %(priority)s::smallint, %(group_name)s::text))
        AS new (queue_name, priority, group_name)
), nothing_there AS MATERIALIZED (
    SELECT
    WHERE NOT EXISTS (SELECT FROM photos WHERE photo_id = ANY(ARRAY(SELECT json_array_elements_text(%(photo_ids)s))))
      AND NOT EXISTS (
          SELECT FROM photos
          WHERE sha256 = ANY(ARRAY(SELECT content ->> 'sha256' FROM json_array_elements(%(contents)s) AS content))
            AND (sha256, coalesce(project_id, '')) IN (
                SELECT content ->> 'sha256', coalesce(content ->> 'project_id', '')
                FROM json_array_elements(%(contents)s) AS content
            )
      )
      AND NOT EXISTS (
          SELECT FROM jobs
          WHERE job_key = ANY(ARRAY(SELECT json_array_elements_text(%(job_keys)s)))
            AND state IN ('waiting', 'active', 'delayed', 'completed')
      )
), new_photos AS (
    INSERT INTO photos (photo_id, sha256, project_id, room, room_type, user_id, asset_id,
        file_name, image_format, byte_size, width, height)
    SELECT row.*
    FROM nothing_there, json_to_recordset(%(photos)s) AS row (photo_id text, sha256 text,
        project_id text, room text, room_type text, user_id text, asset_id text, file_name text,
        image_format text, byte_size bigint, width int, height int)
    RETURNING photo_id
), new_jobs AS (
    INSERT INTO jobs (job_id, job_key, queue_name, state, priority, turn, group_name, payload,
        photo_id, project_id, user_id, batch_id, after_batch, max_attempts, budget, ready_at,
        finished_at, success, error_type, error_message)
    SELECT job_id, job_key, queue_name, state, priority, last.turn + row.turn, group_name,
        payload::jsonb, row.photo_id, project_id, user_id, batch_id, after_batch, max_attempts,
        budget, ready_at, finished_at, success, error_type, error_message
    FROM nothing_there, last, (SELECT count(*) FROM new_photos) AS photos_first,
        json_to_recordset(%(jobs)s) AS row (job_id uuid, job_key text, queue_name text, state text,
        priority smallint, turn bigint, group_name text, payload text, photo_id text, project_id text, user_id text,
        batch_id text, after_batch text, max_attempts int, budget int, ready_at timestamptz,
        finished_at timestamptz, success boolean, error_type text, error_message text)
    RETURNING queue_name, state
), counted AS (
    INSERT INTO metric_submissions (queue_name, submitted, failed)
    SELECT queue_name, count(*), count(*) FILTER (WHERE state = 'failed')
    FROM new_jobs GROUP BY queue_name
), new_batch AS (
    INSERT INTO batches (batch_id, project_id, user_id, group_name, left_out)
    SELECT batch_id, project_id, user_id, group_name, left_out::jsonb
    FROM nothing_there, json_to_recordset(%(batches)s) AS row (batch_id text, project_id text,
        user_id text, group_name text, left_out text)
), new_places AS (
    INSERT INTO batch_jobs (batch_id, position, job_id)
    SELECT row.*
    FROM nothing_there,
        json_to_recordset(%(batch_jobs)s) AS row (batch_id text, position int, job_id uuid)
)
SELECT turn FROM last, nothing_there;

-- name: accept_one
-- The same for one waiting job outside a batch, and its photo if it has one. Plain parameters and a
-- third of the plan's nodes save half a millisecond, which somebody waits for.
WITH nothing_there AS MATERIALIZED (
    SELECT
    WHERE NOT (%(has_photo)s::boolean AND EXISTS (
          SELECT FROM photos WHERE photo_id = %(photo_id)s::text
      ))
      AND NOT (%(derived)s::boolean AND EXISTS (
          SELECT FROM photos
          WHERE sha256 = %(sha256)s::text
            AND coalesce(project_id, '') = coalesce(%(project_id)s::text, '')
      ))
      AND NOT EXISTS (
          SELECT FROM jobs
          WHERE job_key = %(job_key)s::text
            AND state IN ('waiting', 'active', 'delayed', 'completed')
      )
), new_photo AS (
    INSERT INTO photos (photo_id, sha256, project_id, room, room_type, user_id, asset_id,
        file_name, image_format, byte_size, width, height)
    SELECT %(photo_id)s::text, %(photo_sha256)s::text, %(project_id)s::text, %(room)s::text,
        %(room_type)s::text, %(user_id)s::text, %(asset_id)s::text, %(file_name)s::text,
        %(image_format)s::text, %(byte_size)s::bigint, %(width)s::int, %(height)s::int
    FROM nothing_there WHERE %(has_photo)s::boolean
    RETURNING photo_id
), new_job AS (
    INSERT INTO jobs (job_id, job_key, queue_name, state, priority, turn, group_name, payload,
        photo_id, project_id, user_id, after_batch, max_attempts, budget, ready_at)
    SELECT %(job_id)s::uuid, %(job_key)s::text, queue_name, 'waiting', priority,
        $last_turn + 1, %(group_name)s::text, %(payload_json)s::jsonb, %(photo_id)s::text, %(project_id)s::text,
        %(user_id)s::text, %(after_batch)s::text, %(max_attempts)s::int, %(max_attempts)s::int,
        CASE WHEN %(after_batch)s::text IS NULL THEN now() END
    FROM nothing_there, (SELECT count(*) FROM new_photo) AS photo_first,
        (VALUES (%(queue)s::text, %(priority)s::smallint,
                 coalesce(%(group_name)s::text, %(user_id)s::text)))
            AS new (queue_name, priority, group_name)
    RETURNING turn
), counted AS (
    INSERT INTO metric_submissions (queue_name, submitted, failed)
    SELECT %(queue)s::text, 1, 0 FROM nothing_there
)
SELECT turn - 1 FROM new_job;

-- name: same_contents
-- Of each content, project and room of the submission the oldest photo, with its newest completed
-- job of this content.
SELECT DISTINCT ON (sha256, project_id, room) photo_id, sha256, project_id, room, (
    SELECT job_id FROM jobs
    WHERE job_key = 'photo-' || photos.photo_id AND state = 'completed'
      AND payload ->> 'sha256' = photos.sha256
    ORDER BY job_id DESC LIMIT 1
)
FROM photos
WHERE sha256 = ANY(ARRAY(SELECT content ->> 'sha256' FROM json_array_elements(%(contents)s) AS content))
  AND (sha256, coalesce(project_id, '')) IN (
      SELECT content ->> 'sha256', coalesce(content ->> 'project_id', '')
      FROM json_array_elements(%(contents)s) AS content
  )
ORDER BY sha256, project_id, room, created_at, photo_id;

-- name: known_photos
SELECT photo_id, project_id, room FROM photos WHERE photo_id = ANY(ARRAY(SELECT json_array_elements_text(%(names)s)));

-- name: standing_jobs
-- Jobs that may be reused for submitted ones: of each key the unfinished one, else the newest
-- completed one. Results are large, so they are read only if the submission names an engine.
SELECT DISTINCT ON (job_key) job_key, job_id, state, payload ->> 'sha256',
    payload ->> 'roomType', payload ->> 'engine',
    CASE WHEN %(asks_engine)s THEN result ->> 'engine' END
FROM jobs
WHERE job_key = ANY(ARRAY(SELECT json_array_elements_text(%(job_keys)s)))
  AND state IN ('waiting', 'active', 'delayed', 'completed')
ORDER BY job_key, state = 'completed', job_id DESC;

-- name: update_photos
-- Fields that a later submission leaves out (such as the room) keep their values.
INSERT INTO photos (photo_id, sha256, project_id, room, room_type, user_id, asset_id, file_name,
    image_format, byte_size, width, height)
SELECT *
FROM json_to_recordset(%s) AS row (photo_id text, sha256 text, project_id text, room text,
    room_type text, user_id text, asset_id text, file_name text, image_format text,
    byte_size bigint, width int, height int)
ON CONFLICT (photo_id) DO UPDATE
SET sha256 = coalesce(excluded.sha256, photos.sha256),
    project_id = coalesce(excluded.project_id, photos.project_id),
    room = coalesce(excluded.room, photos.room),
    room_type = coalesce(excluded.room_type, photos.room_type),
    user_id = coalesce(excluded.user_id, photos.user_id),
    asset_id = coalesce(excluded.asset_id, photos.asset_id),
    file_name = coalesce(excluded.file_name, photos.file_name),
    image_format = coalesce(excluded.image_format, photos.image_format),
    byte_size = coalesce(excluded.byte_size, photos.byte_size),
    width = coalesce(excluded.width, photos.width),
    height = coalesce(excluded.height, photos.height);

-- name: amend
-- Update a job that still waits with the data of a later submission of its key.
UPDATE jobs
SET payload = %(payload)s::jsonb,
    after_batch = %(after_batch)s,
    ready_at = CASE WHEN %(after_batch)s::text IS NULL THEN clock_timestamp() END
WHERE job_id = %(job_id)s AND state = 'waiting'
RETURNING queue_name, priority, turn;

-- name: last_turn
SELECT $last_turn
FROM (VALUES (%(queue_name)s::text, %(priority)s::smallint, %(group_name)s::text))
    AS new (queue_name, priority, group_name);

-- name: open_batch
INSERT INTO batches (batch_id, project_id, user_id, group_name, engine, priority, closed_at)
VALUES (%(batch_id)s, %(project_id)s, %(user_id)s, %(group_name)s, %(engine)s, %(priority)s,
    clock_timestamp() + %(idle_seconds)s * interval '1 second');

-- name: extend_batch
-- Lock a batch that is open, and put off its end; nothing is returned if it is closed.
UPDATE batches
SET closed_at = clock_timestamp() + %(idle_seconds)s * interval '1 second',
    left_out = CASE WHEN %(left_out)s::jsonb IS NULL THEN left_out
                    ELSE coalesce(left_out, '[]') || %(left_out)s::jsonb END
WHERE batch_id = %(batch_id)s AND closed_at > clock_timestamp()
RETURNING batch_id;

-- name: next_position
-- In a statement of its own, which sees what was added before the batch was locked.
SELECT coalesce(max(position) + 1, 0) FROM batch_jobs WHERE batch_id = %(batch_id)s;

-- name: members
SELECT job_id FROM batch_jobs WHERE batch_id = %(batch_id)s AND job_id = ANY(%(job_ids)s);

-- name: close_batch
-- Of one that is closed the time stays.
UPDATE batches SET closed_at = clock_timestamp()
WHERE batch_id = %(batch_id)s AND closed_at > clock_timestamp();

-- name: count_submissions
-- The number of jobs written; counting the job rows themselves would take too long.
INSERT INTO metric_submissions (queue_name, submitted, failed)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[]);
