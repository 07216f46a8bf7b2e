-- Webhooks: what happened, and who has been told. A row is written with its batch or job, by
-- triggers; all times are those of PostgreSQL's clock.

-- name: settle
-- Note which batches and inventories have ended. Closed batches are locked as in `release_blocked`,
-- once they seem to have ended: what is only awaited is read and not written, however much it is.
-- The first unfinished job of a batch is looked for from where the last one was, then from the
-- beginning, as jobs may have been retried; so a large batch is not read whole each time.
-- States are read one by one: a planner that has not seen yet how many jobs wait would join all of
-- them with each job of the batch.
-- Materialized, or it would be looked for once for each use.
WITH found AS MATERIALIZED (
    SELECT webhook_id, event, subject, checked, CASE
        WHEN event = 'inventory.ended' THEN
            CASE WHEN (SELECT state FROM jobs WHERE job_id = subject::uuid)
                IN ('waiting', 'active', 'delayed') THEN 0 END
        WHEN EXISTS (SELECT FROM batches WHERE batch_id = subject AND closed_at > now()) THEN checked
        ELSE coalesce(
            (SELECT position FROM batch_jobs
             WHERE batch_id = subject AND position >= checked
               AND (SELECT state FROM jobs WHERE jobs.job_id = batch_jobs.job_id)
                   IN ('waiting', 'active', 'delayed')
             ORDER BY position LIMIT 1),
            (SELECT position FROM batch_jobs
             WHERE batch_id = subject AND position < checked
               AND (SELECT state FROM jobs WHERE jobs.job_id = batch_jobs.job_id)
                   IN ('waiting', 'active', 'delayed')
             ORDER BY position LIMIT 1))
        END AS unfinished
    FROM webhooks
    WHERE happened_at IS NULL
), closed AS MATERIALIZED (
    SELECT batch_id FROM batches
    WHERE closed_at <= now()
      AND batch_id IN (SELECT subject FROM found WHERE unfinished IS NULL)
    FOR SHARE SKIP LOCKED
), changed AS MATERIALIZED (
    SELECT webhook_id FROM webhooks JOIN found USING (webhook_id)
    WHERE webhooks.happened_at IS NULL
      AND (abs(unfinished - found.checked) >= 1000
           OR unfinished IS NULL
           AND (found.event = 'inventory.ended'
                OR found.subject IN (SELECT batch_id FROM closed)
                OR NOT EXISTS (SELECT FROM batches WHERE batch_id = found.subject)))
    FOR UPDATE OF webhooks SKIP LOCKED
)
UPDATE webhooks
SET checked = coalesce(unfinished, 0),
    happened_at = CASE WHEN unfinished IS NULL THEN clock_timestamp() END,
    due_at = now()  -- so that the claim in the same transaction finds it
FROM found JOIN changed USING (webhook_id)
WHERE webhooks.webhook_id = found.webhook_id;

-- name: announce
INSERT INTO webhooks (event, subject, project_id, happened_at)
VALUES (%(event)s, %(subject)s, %(project_id)s, clock_timestamp());

-- name: claim
-- Lease the one that has been due for longest to a sender, and count the attempt. If the sender
-- dies, another one sends it after the lease. A time later than any delay was written before the
-- clock was set back.
UPDATE webhooks
SET attempts = attempts + 1, due_at = clock_timestamp() + %(lease)s * interval '1 second'
WHERE webhook_id = (
    SELECT webhook_id FROM webhooks
    WHERE happened_at IS NOT NULL
      AND (due_at <= now() OR due_at > now() + interval '1 day')
    ORDER BY due_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING webhook_id, event, subject, project_id, happened_at, attempts,
    extract(epoch FROM clock_timestamp())::bigint AS timestamp;

-- name: delivered
UPDATE webhooks SET delivered_at = clock_timestamp(), due_at = NULL, error = NULL
WHERE webhook_id = %(webhook_id)s;

-- name: failed
-- Not if another sender has it since, or has delivered it. Without a delay it is given up.
UPDATE webhooks
SET error = %(error)s,
    due_at = clock_timestamp() + %(delay)s::float8 * interval '1 second'
WHERE webhook_id = %(webhook_id)s AND attempts = %(attempts)s AND delivered_at IS NULL;

-- name: resend
-- With all attempts anew; of those named, or all that were given up, of the last so many days.
UPDATE webhooks SET due_at = clock_timestamp(), attempts = 0, delivered_at = NULL, error = NULL
WHERE happened_at IS NOT NULL
  AND (webhook_id = ANY(%(webhook_ids)s::uuid[])
       OR %(webhook_ids)s::uuid[] IS NULL AND due_at IS NULL AND delivered_at IS NULL
       AND (%(days)s::float8 IS NULL OR happened_at > now() - %(days)s * interval '1 day'))
RETURNING webhook_id;

-- name: refused
-- Over ten days: whatever happened in the last three may not have been given up yet. What was given
-- up for want of an address was not tried so often.
SELECT
    count(*) FILTER (WHERE due_at IS NULL) AS given_up,
    count(*) FILTER (WHERE due_at IS NOT NULL) AS failing,
    (array_agg(error ORDER BY happened_at DESC))[1] AS error
FROM webhooks
WHERE happened_at > now() - interval '10 days'
  AND delivered_at IS NULL AND error IS NOT NULL AND attempts >= %(attempts)s;

-- name: list
-- What happened, newest first; what is still awaited is left out.
SELECT webhook_id, event, subject, project_id, happened_at, attempts, error, delivered_at, due_at,
    state
FROM webhooks, LATERAL (
    SELECT CASE WHEN delivered_at IS NOT NULL THEN 'delivered'
                WHEN due_at IS NULL THEN 'given_up' ELSE 'waiting' END AS state
) AS shown
WHERE happened_at IS NOT NULL
  AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY happened_at DESC, webhook_id
LIMIT %(limit)s;
