-- Charts of many attempts, from sums: what is counted (figure_…), and row by row what is not
-- counted yet and what lies between `since` and the first whole hour or minute after it.
-- `mark` is how far the rows are counted; metrics.sql counts them into the very same bins.
--
-- One queue, or all where it is null: nearly all jobs are photos, so that the others are
-- looked up, and what was deleted before it was counted is a photo. One by one: the planner may
-- hash all jobs of a queue for the sake of a few rows.

-- name: marks
SELECT source, counted_below FROM metric_marks;

-- name: attempts
-- Roughly how many there are, of all queues: what adding them up row by row would read.
SELECT CASE
    WHEN %(since)s::timestamptz IS NULL THEN
        (SELECT sum(count) FROM figure_bins WHERE start = '-infinity' AND name = 'run')
    ELSE
        (SELECT sum(count) FROM figure_times WHERE seconds = 3600 AND name = 'started'
         AND start > %(since)s::timestamptz - interval '1 hour')
    END::bigint;

-- name: first_submission
SELECT least(
    (SELECT min(first_at) FROM figure_times WHERE seconds = 3600 AND name = 'submitted'
     AND (%(queue)s::text IS NULL OR queue_name = %(queue)s)),
    (SELECT min(created_at) FROM metric_submissions
     WHERE %(queue)s::text IS NULL OR queue_name = %(queue)s)
);

-- name: bins
SELECT name, failed, bin, sum(count)::bigint, min(least), max(most)
FROM (
    SELECT name, failed, bin, count, least, most
    FROM figure_bins
    WHERE start >= %(low)s AND start <= %(high)s
        AND (%(queue)s::text IS NULL
             OR (queue_name = 'inventory-sync') = (%(queue)s = 'inventory-sync'))
    UNION ALL
    SELECT name, outcome <> 'completed', bin, count(*), min(value), max(value)
    FROM (
        SELECT * FROM job_attempts
        WHERE recorded_xid >= %(mark)s
            AND (%(since)s::timestamptz IS NULL OR ended_at >= %(since)s)
        UNION ALL
        SELECT * FROM job_attempts
        WHERE ended_at >= %(since)s AND ended_at < %(low)s
            AND (recorded_xid IS NULL OR recorded_xid < %(mark)s)
    ) AS fresh
    CROSS JOIN LATERAL (
        SELECT date_part('epoch', ended_at - started_at) * 1000 AS run_ms OFFSET 0
    ) AS runs
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN run_ms IS NOT NULL
                THEN floor(log(greatest(run_ms, 0.1)) * 120 + 1e-9)::int END AS ran,
            CASE WHEN run_ms IS NOT NULL AND wait_ms IS NOT NULL
                THEN floor(log(greatest(wait_ms, 0.1)) * 120 + 1e-9)::int END AS waited
        OFFSET 0
    ) AS places
    CROSS JOIN LATERAL (
        VALUES
        ('run', ran, run_ms),
        ('wait', waited, wait_ms),
        ('cell', (floor(waited / 12.0)::int + 1000) * 10000 + floor(ran / 12.0)::int + 1000, NULL),
        ('attempt', CASE WHEN outcome = 'completed' THEN attempt END, NULL)
    ) AS measure (name, bin, value)
    WHERE bin IS NOT NULL AND outcome NOT IN ('released', 'cancelled')
        AND (%(queue)s::text IS NULL
             OR (coalesce((SELECT queue_name FROM jobs WHERE jobs.job_id = fresh.job_id), 'unknown')
                 = 'inventory-sync') = (%(queue)s = 'inventory-sync'))
    GROUP BY 1, 2, 3
) AS found
GROUP BY name, failed, bin;

-- name: calls
SELECT engine, model, success, bin, sum(count)::bigint, sum(cost_usd), sum(priced)::bigint,
    sum(tokens_in)::bigint, sum(tokens_out)::bigint, min(least), max(most)
FROM (
    SELECT engine, model, success, bin, count, cost_usd, priced, tokens_in, tokens_out, least, most
    FROM figure_calls
    WHERE start >= %(low)s AND start <= %(high)s
        AND (%(queue)s::text IS NULL
             OR (queue_name = 'inventory-sync') = (%(queue)s = 'inventory-sync'))
    UNION ALL
    SELECT engine, model, success, floor(log(greatest(latency_ms, 0.1)) * 120 + 1e-9)::int,
        1, coalesce(cost_usd, 0), (cost_usd IS NOT NULL)::int,
        coalesce(tokens_in, 0), coalesce(tokens_out, 0), latency_ms, latency_ms
    FROM (
        SELECT * FROM ai_metrics
        WHERE recorded_xid >= %(mark)s
            AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
        UNION ALL
        SELECT * FROM ai_metrics
        WHERE created_at >= %(since)s AND created_at < %(low)s
            AND (recorded_xid IS NULL OR recorded_xid < %(mark)s)
    ) AS fresh
    WHERE %(queue)s::text IS NULL
        OR (coalesce((SELECT queue_name FROM jobs WHERE jobs.job_id = fresh.job_id), 'unknown')
                 = 'inventory-sync') = (%(queue)s = 'inventory-sync')
) AS found
GROUP BY engine, model, success, bin;

-- name: times
-- Hours where the bins are that wide, and minutes before the first of them. An attempt that
-- started in the first minute may have ended much later: that minute is taken as a whole.
SELECT name, error_type, date_bin(%(seconds)s * interval '1 s', start, 'epoch'),
    sum(count)::bigint, min(first_at), max(last_at), max(longest_wait_ms)
FROM (
    SELECT name, error_type, start, count, first_at, last_at, longest_wait_ms
    FROM figure_times
    WHERE (seconds = 3600 AND start >= %(hours)s
           OR seconds = 60 AND start < %(hours)s
           AND start >= CASE WHEN name = 'started' THEN %(minutes)s::timestamptz - interval '1 min'
                             ELSE %(minutes)s END)
        AND (%(queue)s::text IS NULL
             OR (queue_name = 'inventory-sync') = (%(queue)s = 'inventory-sync'))
    UNION ALL
    SELECT name, kind, at, 1, at, at, longest
    FROM (
        SELECT *, false AS counted FROM job_attempts
        WHERE recorded_xid >= %(mark)s
            AND (%(since)s::timestamptz IS NULL OR ended_at >= %(since)s)
        UNION ALL
        SELECT *, true FROM job_attempts
        WHERE ended_at >= %(since)s AND ended_at < %(minutes)s
            AND (recorded_xid IS NULL OR recorded_xid < %(mark)s)
    ) AS fresh
    CROSS JOIN LATERAL (
        VALUES
        ('completed', '', ended_at, NULL, outcome = 'completed'),
        ('failed', coalesce(error_type, 'unknown'), ended_at, NULL,
         outcome IN ('error', 'timeout', 'worker_lost')),
        ('started', '', started_at, wait_ms,
         NOT counted AND started_at IS NOT NULL AND wait_ms IS NOT NULL)
    ) AS event (name, kind, at, longest, applies)
    WHERE applies AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
        AND (%(queue)s::text IS NULL
             OR (coalesce((SELECT queue_name FROM jobs WHERE jobs.job_id = fresh.job_id), 'unknown')
                 = 'inventory-sync') = (%(queue)s = 'inventory-sync'))
    UNION ALL
    SELECT 'submitted', '', created_at, submitted, created_at, created_at, NULL
    FROM metric_submissions
    WHERE (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
        AND (%(queue)s::text IS NULL OR queue_name = %(queue)s)
    UNION ALL
    SELECT 'submitted', '', created_at, 1, created_at, created_at, NULL
    FROM jobs
    -- Their ids are in the order of submission, by the clock of whoever submitted.
    WHERE job_id >= %(lowest_id)s::uuid AND job_id < %(highest_id)s::uuid
        AND created_at >= %(since)s AND created_at < %(minutes)s
        AND (%(queue)s::text IS NULL OR queue_name = %(queue)s)
) AS found
GROUP BY 1, 2, 3;
