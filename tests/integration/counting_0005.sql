-- The statements by which workers of revision 0005 count, unchanged: they go on while the tables
-- are migrated. To be removed together with the tables that only they write.

-- name: count_attempts
WITH mark AS MATERIALIZED (
    SELECT counted_below AS low FROM metric_marks WHERE source = 'attempts'
    FOR UPDATE SKIP LOCKED
), span AS MATERIALIZED (
    SELECT low, least(
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        (SELECT recorded_xid + 1 FROM job_attempts WHERE recorded_xid >= low
         ORDER BY recorded_xid OFFSET %(most)s LIMIT 1)
    ) AS high
    FROM mark
), fresh AS MATERIALIZED (
    SELECT
        -- Looked up one by one: the planner cannot know that the rows are few, and would read
        -- all jobs. One that was deleted meanwhile leaves its queue unknown.
        coalesce((SELECT queue_name FROM jobs WHERE jobs.job_id = job_attempts.job_id), 'unknown')
            AS queue_name,
        outcome, ended_at, retry_delay_ms, attempt, started_at, error_type, wait_ms,
        job_attempts.wait_ms / 1000 AS wait,
        date_part('epoch', ended_at - job_attempts.started_at) AS run
    -- For each span (there is one): a plain join may read the whole index instead.
    FROM span CROSS JOIN LATERAL (
        SELECT * FROM job_attempts WHERE recorded_xid >= low AND recorded_xid < high
        ORDER BY recorded_xid OFFSET 0
    ) AS job_attempts
), measured AS (
    SELECT
        name, queue_name, measure.outcome, date_trunc('minute', ended_at) AS minute,
        -- edges belong to the bucket below them, as Prometheus has it
        coalesce(
            CASE WHEN edges[width_bucket(value, edges)] = value THEN value
                 ELSE edges[width_bucket(value, edges) + 1] END,
            'infinity'
        ) AS le,
        value
    FROM fresh
    CROSS JOIN LATERAL (
        VALUES
        ('wait', '', wait, %(wait_edges)s::float8[], wait IS NOT NULL),
        ('run', outcome, run, %(run_edges)s::float8[], run IS NOT NULL),
        ('ended', outcome, NULL, '{}', true),
        ('failed', '', NULL, '{}', retry_delay_ms IS NULL
             AND outcome IN ('error', 'timeout', 'worker_lost')),
        ('retried', '', NULL, '{}', retry_delay_ms IS NOT NULL
             AND outcome IN ('error', 'timeout', 'worker_lost'))
    ) AS measure (name, outcome, value, edges, applies)
    WHERE applies
), counted AS (
    INSERT INTO metric_totals AS totals (name, queue_name, outcome, le, count, sum)
    SELECT name, queue_name, outcome, le, count(*), coalesce(sum(value), 0)
    FROM measured GROUP BY name, queue_name, outcome, le ORDER BY name, queue_name, outcome, le
    ON CONFLICT (name, queue_name, outcome, engine, model, le) DO UPDATE
    SET count = totals.count + excluded.count, sum = totals.sum + excluded.sum
), by_minute AS (
    INSERT INTO metric_minutes AS minutes (minute, name, queue_name, count)
    SELECT minute, CASE WHEN name = 'ended' THEN outcome ELSE name END, queue_name, count(*)
    FROM measured WHERE name IN ('ended', 'failed', 'retried') AND minute > now() - interval '1 day'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (minute, name, queue_name) DO UPDATE SET count = minutes.count + excluded.count
-- For charts; figures.sql adds up the very same of what is not counted yet.
), binned AS MATERIALIZED (
    SELECT date_bin('1 hour', ended_at, 'epoch') AS hour, queue_name, name,
        outcome <> 'completed' AS failed, bin,
        count(*) AS count, min(value) AS least, max(value) AS most
    FROM fresh
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN run IS NOT NULL
                THEN floor(log(greatest(run * 1000, 0.1)) * 120 + 1e-9)::int END AS ran,
            CASE WHEN run IS NOT NULL AND wait_ms IS NOT NULL
                THEN floor(log(greatest(wait_ms, 0.1)) * 120 + 1e-9)::int END AS waited
        OFFSET 0  -- computed once
    ) AS places
    CROSS JOIN LATERAL (
        VALUES
        ('run', ran, run * 1000),
        ('wait', waited, wait_ms),
        ('cell', (floor(waited / 12.0)::int + 1000) * 10000 + floor(ran / 12.0)::int + 1000, NULL),
        ('attempt', CASE WHEN outcome = 'completed' THEN attempt END, NULL)
    ) AS measure (name, bin, value)
    WHERE bin IS NOT NULL AND outcome NOT IN ('released', 'cancelled')
    GROUP BY 1, 2, 3, 4, 5
), bins AS (
    INSERT INTO figure_bins AS bins (start, queue_name, name, failed, bin, count, least, most)
    SELECT hour, queue_name, name, failed, bin, count, least, most FROM binned
    UNION ALL
    SELECT '-infinity', queue_name, name, failed, bin, sum(count), min(least), max(most)
    FROM binned GROUP BY queue_name, name, failed, bin
    ON CONFLICT (start, queue_name, name, failed, bin) DO UPDATE
    SET count = bins.count + excluded.count,
        least = least(bins.least, excluded.least), most = greatest(bins.most, excluded.most)
), timed AS MATERIALIZED (
    SELECT date_bin('1 min', at, 'epoch') AS minute, queue_name, name, kind,
        count(*) AS count, min(at) AS first_at, max(at) AS last_at, max(longest) AS longest
    FROM fresh
    CROSS JOIN LATERAL (
        VALUES
        ('completed', '', ended_at, NULL, outcome = 'completed'),
        ('failed', coalesce(error_type, 'unknown'), ended_at, NULL,
         outcome IN ('error', 'timeout', 'worker_lost')),
        ('started', '', started_at, wait_ms, started_at IS NOT NULL AND wait_ms IS NOT NULL)
    ) AS event (name, kind, at, longest, applies)
    WHERE applies
    GROUP BY 1, 2, 3, 4
), times AS (
    INSERT INTO figure_times AS times
        (seconds, start, queue_name, name, error_type, count, first_at, last_at, longest_wait_ms)
    SELECT 60, minute, queue_name, name, kind, count, first_at, last_at, longest FROM timed
    UNION ALL
    SELECT 3600, date_bin('1 hour', minute, 'epoch'), queue_name, name, kind, sum(count),
        min(first_at), max(last_at), max(longest)
    FROM timed GROUP BY 2, 3, 4, 5
    ON CONFLICT (seconds, start, queue_name, name, error_type) DO UPDATE
    SET count = times.count + excluded.count,
        first_at = least(times.first_at, excluded.first_at),
        last_at = greatest(times.last_at, excluded.last_at),
        longest_wait_ms = greatest(times.longest_wait_ms, excluded.longest_wait_ms)
)
UPDATE metric_marks SET counted_below = greatest(low, high)
FROM span WHERE source = 'attempts' AND high > low
RETURNING (SELECT count(*) FROM fresh) AS counted;

-- name: count_ai_calls
WITH mark AS MATERIALIZED (
    SELECT counted_below AS low FROM metric_marks WHERE source = 'ai_calls'
    FOR UPDATE SKIP LOCKED
), span AS MATERIALIZED (
    SELECT low, least(
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        (SELECT recorded_xid + 1 FROM ai_metrics WHERE recorded_xid >= low
         ORDER BY recorded_xid OFFSET %(most)s LIMIT 1)
    ) AS high
    FROM mark
), fresh AS MATERIALIZED (
    SELECT
        coalesce((SELECT queue_name FROM jobs WHERE jobs.job_id = ai_metrics.job_id), 'unknown')
            AS queue_name,
        engine, model, ai_metrics.created_at, latency_ms, latency_ms / 1000 AS latency,
        cost_usd, tokens_in, tokens_out, ai_metrics.success,
        CASE WHEN ai_metrics.success THEN 'completed' ELSE 'error' END AS outcome
    -- For each span (there is one): a plain join may read the whole index instead.
    FROM span CROSS JOIN LATERAL (
        SELECT * FROM ai_metrics WHERE recorded_xid >= low AND recorded_xid < high
        ORDER BY recorded_xid OFFSET 0
    ) AS ai_metrics
), measured AS (
    SELECT
        name, queue_name, measure.outcome, engine, model,
        coalesce(
            CASE WHEN edges[width_bucket(value, edges)] = value THEN value
                 ELSE edges[width_bucket(value, edges) + 1] END,
            'infinity'
        ) AS le,
        value
    FROM fresh
    CROSS JOIN LATERAL (
        VALUES
        ('ai', outcome, latency, %(ai_edges)s::float8[]),
        ('cost', '', cost_usd, '{}'),
        ('tokens_in', '', tokens_in, '{}'),
        ('tokens_out', '', tokens_out, '{}')
    ) AS measure (name, outcome, value, edges)
    WHERE value IS NOT NULL
), counted AS (
    INSERT INTO metric_totals AS totals (name, queue_name, outcome, engine, model, le, count, sum)
    SELECT name, queue_name, outcome, engine, model, le, count(*), sum(value)
    FROM measured GROUP BY name, queue_name, outcome, engine, model, le
    ORDER BY name, queue_name, outcome, engine, model, le
    ON CONFLICT (name, queue_name, outcome, engine, model, le) DO UPDATE
    SET count = totals.count + excluded.count, sum = totals.sum + excluded.sum
), by_minute AS (
    INSERT INTO metric_minutes AS minutes (minute, name, queue_name, count)
    SELECT date_trunc('minute', created_at), 'ai_' || outcome, queue_name, count(*)
    FROM fresh WHERE created_at > now() - interval '1 day'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (minute, name, queue_name) DO UPDATE SET count = minutes.count + excluded.count
), figures AS (
    INSERT INTO figure_calls AS calls (start, queue_name, engine, model, success, bin, count,
        least, most, cost_usd, priced, tokens_in, tokens_out)
    SELECT start, queue_name, engine, model, success,
        floor(log(greatest(latency_ms, 0.1)) * 120 + 1e-9)::int, count(*),
        min(latency_ms), max(latency_ms), coalesce(sum(cost_usd), 0), count(cost_usd),
        coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0)
    FROM fresh
    CROSS JOIN LATERAL (
        VALUES ('-infinity'), (date_bin('1 hour', created_at, 'epoch'))
    ) AS level (start)
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (start, queue_name, engine, model, success, bin) DO UPDATE
    SET count = calls.count + excluded.count,
        least = least(calls.least, excluded.least), most = greatest(calls.most, excluded.most),
        cost_usd = calls.cost_usd + excluded.cost_usd, priced = calls.priced + excluded.priced,
        tokens_in = calls.tokens_in + excluded.tokens_in,
        tokens_out = calls.tokens_out + excluded.tokens_out
)
UPDATE metric_marks SET counted_below = greatest(low, high)
FROM span WHERE source = 'ai_calls' AND high > low
RETURNING (SELECT count(*) FROM fresh) AS counted;

-- name: count_submissions
-- These rows are there to be counted only: deleting one is counting it.
WITH mark AS MATERIALIZED (
    SELECT source FROM metric_marks WHERE source = 'submissions' FOR UPDATE SKIP LOCKED
), fresh AS (
    DELETE FROM metric_submissions WHERE EXISTS (SELECT FROM mark)
    RETURNING queue_name, submitted, failed, created_at
), counted AS (
    INSERT INTO metric_totals AS totals (name, queue_name, count)
    SELECT name, queue_name, sum(number)
    FROM fresh
    CROSS JOIN LATERAL (
        VALUES ('submitted', submitted), ('failed', failed)
    ) AS measure (name, number)
    WHERE number > 0
    GROUP BY name, queue_name ORDER BY name, queue_name
    ON CONFLICT (name, queue_name, outcome, engine, model, le) DO UPDATE
    SET count = totals.count + excluded.count
), by_minute AS (
    INSERT INTO metric_minutes AS minutes (minute, name, queue_name, count)
    SELECT date_trunc('minute', created_at), 'failed', queue_name, sum(failed)
    FROM fresh WHERE failed > 0 AND created_at > now() - interval '1 day'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (minute, name, queue_name) DO UPDATE SET count = minutes.count + excluded.count
), times AS (
    INSERT INTO figure_times AS times
        (seconds, start, queue_name, name, count, first_at, last_at)
    SELECT seconds, date_bin(seconds * interval '1 s', created_at, 'epoch'), queue_name,
        'submitted', sum(submitted), min(created_at), max(created_at)
    FROM fresh CROSS JOIN (VALUES (60), (3600)) AS level (seconds)
    WHERE submitted > 0
    GROUP BY 1, 2, 3
    ON CONFLICT (seconds, start, queue_name, name, error_type) DO UPDATE
    SET count = times.count + excluded.count,
        first_at = least(times.first_at, excluded.first_at),
        last_at = greatest(times.last_at, excluded.last_at)
)
SELECT count(*) AS counted FROM fresh;
