-- The tally. Python puts the statements together: a `measure_…` turns rows of attempts, calls or
-- submissions (`fresh`) into rows of the tally, which are either stored (`count`, `keep`) or only
-- read for a chart (`read`).
--
-- Each row is counted exactly once. `recorded_xid` is the transaction that wrote it. A
-- transaction below `pg_snapshot_xmin` has ended: all its rows are visible, and it can add no
-- more. So the rows of transactions from the mark up to `pg_snapshot_xmin` are counted, and the
-- mark is moved there in the same statement; an interrupted statement changes nothing. A row that
-- is committed late has a number above the mark, however long its transaction took. (A
-- transaction that writes for minutes, also in another database of the server, delays counting,
-- but nothing is lost.)
--
-- The lock on a mark's row lets one process count at a time; others skip the source. A mark that
-- was moved after a statement took its snapshot is read in its new state, and is never moved back.
-- Sources share a few rows ("failed"): every statement locks rows in the order of their keys, so
-- that two statements cannot deadlock.

-- name: measure_attempts
-- `counts` is false for attempts of which only durations are wanted. Each measure is a separate
-- pass over the rows in memory: making several rows of each attempt takes several times as long.
WITH attempt AS MATERIALIZED (
    SELECT *, CASE WHEN run_ms IS NOT NULL AND ending IS NOT NULL THEN $run_bin END AS ran,
        CASE WHEN run_ms IS NOT NULL AND ending IS NOT NULL AND wait_ms IS NOT NULL
            THEN $wait_bin END AS waited
    FROM (
        SELECT queue_name, counts, attempt AS number, outcome, wait_ms, retry_delay_ms IS NULL AS last,
            coalesce(error_type, 'unknown') AS error_type, started_at,
            date_part('epoch', ended_at - started_at) * 1000 AS run_ms,
            date_bin(%(hour)s, ended_at, 'epoch') AS hour,
            date_bin(%(minute)s, ended_at, 'epoch') AS minute, date_part('epoch', ended_at) AS at,
            CASE WHEN outcome = 'completed' THEN outcome
                 WHEN outcome IN ('error', 'timeout', 'worker_lost') THEN 'failed' END AS ending
        FROM fresh
        OFFSET 0  -- computed once
    ) AS attempt
)
SELECT 'run' AS measure, hour AS start, queue_name, ending AS outcome, '{}'::text[] AS labels,
    ran AS bin, count(*) AS count, NULL::float8 AS sum, min(run_ms) AS least, max(run_ms) AS most
FROM attempt WHERE ran IS NOT NULL GROUP BY hour, queue_name, ending, ran
UNION ALL
SELECT 'wait', hour, queue_name, ending, '{}', waited, count(*), NULL, min(wait_ms), max(wait_ms)
FROM attempt WHERE waited IS NOT NULL GROUP BY hour, queue_name, ending, waited
UNION ALL
SELECT 'cell', hour, queue_name, ending, '{}', $cell AS cell, count(*), NULL, NULL, NULL
FROM attempt WHERE waited IS NOT NULL GROUP BY hour, queue_name, ending, cell
UNION ALL
SELECT 'attempt', hour, queue_name, ending, '{}', number, count(*), NULL, NULL, NULL
FROM attempt WHERE ending = 'completed' GROUP BY hour, queue_name, ending, number
UNION ALL
SELECT 'ended', minute, queue_name, outcome, '{}', 0, count(*), NULL, min(at), max(at)
FROM attempt WHERE counts GROUP BY minute, queue_name, outcome
UNION ALL
SELECT 'failure', minute, queue_name, ending, ARRAY[error_type], 0, count(*), NULL, min(at), max(at)
FROM attempt WHERE counts AND ending = 'failed' GROUP BY minute, queue_name, ending, error_type
UNION ALL
SELECT CASE WHEN last THEN 'failed' ELSE 'retried' END, minute, queue_name, '', '{}', 0, count(*),
    NULL, min(at), max(at)
FROM attempt WHERE counts AND ending = 'failed' GROUP BY minute, queue_name, last
UNION ALL
SELECT 'started', date_bin(%(minute)s, started_at, 'epoch') AS begun, queue_name, '', '{}', 0,
    count(*), NULL, min(wait_ms), max(wait_ms)
FROM attempt WHERE counts AND started_at IS NOT NULL AND wait_ms IS NOT NULL
GROUP BY begun, queue_name

-- name: measure_ai_calls
WITH call AS MATERIALIZED (
    SELECT *, CASE WHEN success THEN 'completed' ELSE 'error' END AS ending,
        date_bin(%(hour)s, created_at, 'epoch') AS hour
    FROM fresh
)
SELECT 'call' AS measure, hour AS start, queue_name, ending AS outcome,
    ARRAY[engine, model] AS labels, $latency_bin AS bin, count(*) AS count, NULL::float8 AS sum,
    min(latency_ms) AS least, max(latency_ms) AS most
FROM call GROUP BY hour, queue_name, ending, engine, model, bin
UNION ALL
SELECT measure, hour, queue_name, '', ARRAY[engine, model], 0, known, amount, NULL, NULL
FROM (
    SELECT hour, queue_name, engine, model, count(cost_usd) AS costs, sum(cost_usd) AS cost,
        count(tokens_in) AS ins, sum(tokens_in) AS tokens_in,
        count(tokens_out) AS outs, sum(tokens_out) AS tokens_out
    FROM call GROUP BY hour, queue_name, engine, model
) AS sums
CROSS JOIN LATERAL (
    VALUES ('cost', costs, cost), ('tokens_in', ins, tokens_in), ('tokens_out', outs, tokens_out)
) AS known (measure, known, amount)
WHERE known > 0
UNION ALL
SELECT 'called', date_bin(%(minute)s, created_at, 'epoch') AS minute, queue_name, ending, '{}', 0,
    count(*), NULL, min(date_part('epoch', created_at)), max(date_part('epoch', created_at))
FROM call WHERE counts GROUP BY minute, queue_name, ending

-- name: measure_submissions
SELECT measure, date_bin(%(minute)s, created_at, 'epoch') AS start, queue_name,
    '' AS outcome, '{}'::text[] AS labels, 0 AS bin, sum(number)::bigint AS count,
    NULL::float8 AS sum, min(date_part('epoch', created_at)) AS least,
    max(date_part('epoch', created_at)) AS most
FROM fresh
CROSS JOIN LATERAL (VALUES ('submitted', submitted), ('failed', failed)) AS event (measure, number)
WHERE number > 0
GROUP BY 1, 2, 3

-- name: buckets_attempts
-- Histogram buckets of `fresh` for /metrics, in seconds.
SELECT 'wait' AS name, queue_name, '' AS outcome, '' AS engine, '' AS model,
    wait_ms / 1000 AS value, %(wait_edges)s::float8[] AS edges
FROM fresh WHERE wait_ms IS NOT NULL
UNION ALL
SELECT 'run', queue_name, outcome, '', '', date_part('epoch', ended_at - started_at),
    %(run_edges)s::float8[]
FROM fresh WHERE started_at IS NOT NULL

-- name: buckets_ai_calls
SELECT 'ai' AS name, queue_name, CASE WHEN success THEN 'completed' ELSE 'error' END AS outcome,
    engine, model, latency_ms / 1000 AS value, %(ai_edges)s::float8[] AS edges
FROM fresh

-- name: count
WITH mark AS MATERIALIZED (
    SELECT counted_below AS low FROM metric_marks WHERE source = '$source'
    FOR UPDATE SKIP LOCKED
), span AS MATERIALIZED (
    SELECT low, least(
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        (SELECT recorded_xid + 1 FROM $table WHERE recorded_xid >= low
         ORDER BY recorded_xid OFFSET %(most)s LIMIT 1)
    ) AS high
    FROM mark
), fresh AS MATERIALIZED (
    -- Queues are looked up one by one: the planner cannot know that there are few rows, and would
    -- read all jobs. The queue of a job that was deleted in between is unknown.
    SELECT source.*, true AS counts, coalesce(
        (SELECT queue_name FROM jobs WHERE jobs.job_id = source.job_id), 'unknown'
    ) AS queue_name
    -- LATERAL over the span (there is one): a plain join may read the whole index instead.
    FROM span CROSS JOIN LATERAL (
        SELECT * FROM $table WHERE recorded_xid >= low AND recorded_xid < high
        ORDER BY recorded_xid OFFSET 0
    ) AS source
), measured AS MATERIALIZED ($measure), bucketed AS ($buckets), $keep
UPDATE metric_marks SET counted_below = greatest(low, high)
FROM span WHERE source = '$source' AND high > low
RETURNING (SELECT count(*) FROM fresh) AS counted;

-- name: count_submissions
-- These rows exist only to be counted: they are deleted when they are counted.
WITH mark AS MATERIALIZED (
    SELECT source FROM metric_marks WHERE source = 'submissions' FOR UPDATE SKIP LOCKED
), fresh AS MATERIALIZED (
    DELETE FROM metric_submissions WHERE EXISTS (SELECT FROM mark)
    RETURNING queue_name, submitted, failed, created_at
), measured AS MATERIALIZED ($measure), $keep
SELECT count(*) AS counted FROM fresh;

-- name: keep_buckets
-- A value on an edge belongs to the bucket below the edge, as in Prometheus.
SELECT name, queue_name, outcome, engine, model, coalesce(
        CASE WHEN edges[width_bucket(value, edges)] = value THEN value
             ELSE edges[width_bucket(value, edges) + 1] END,
        'infinity'::float8
    ) AS le, count(*) AS count, sum(value) AS sum
FROM bucketed GROUP BY 1, 2, 3, 4, 5, 6
UNION ALL

-- name: keep
totals AS (
    INSERT INTO metric_totals AS totals
        (name, queue_name, outcome, engine, model, le, count, sum)
    $keep_buckets
    SELECT measure, queue_name, outcome, coalesce(labels[1], ''), coalesce(labels[2], ''),
        'infinity'::float8, sum(count), coalesce(sum(sum), 0)
    FROM measured
    WHERE measure IN ('submitted', 'ended', 'failed', 'retried', 'cost', 'tokens_in', 'tokens_out')
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (name, queue_name, outcome, engine, model, le) DO UPDATE
    SET count = totals.count + excluded.count, sum = totals.sum + excluded.sum
), levels AS (
    -- Durations by the hour and for all time, events by the minute and by the hour.
    INSERT INTO tally AS kept
        (seconds, measure, start, queue_name, outcome, labels, bin, count, sum, least, most)
    SELECT level.seconds, measure, level.start, queue_name, outcome, labels, bin,
        sum(count), sum(sum), min(least), max(most)
    FROM (SELECT *, measure = ANY(%(durations)s) AS durations FROM measured) AS measured
    CROSS JOIN LATERAL (
        VALUES (CASE WHEN durations THEN 3600 ELSE 60 END, start),
            (CASE WHEN durations THEN 0 ELSE 3600 END,
             CASE WHEN durations THEN '-infinity' ELSE date_bin('1 hour', start, 'epoch') END)
    ) AS level (seconds, start)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    ORDER BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT (seconds, measure, start, queue_name, outcome, labels, bin) DO UPDATE
    SET count = kept.count + excluded.count, sum = kept.sum + excluded.sum,
        least = least(kept.least, excluded.least), most = greatest(kept.most, excluded.most)
)

-- name: pending
-- Sources with rows to count, found without writing; and those whose mark is ahead of the
-- transactions of this server.
SELECT source, misnumbered
FROM metric_marks
CROSS JOIN LATERAL (
    SELECT counted_below > pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS misnumbered
) AS numbers
WHERE misnumbered
   -- the newest, from the end of the index; a search for any row may read the whole table
   OR source = 'attempts' AND counted_below <= (SELECT max(recorded_xid) FROM job_attempts)
   OR source = 'ai_calls' AND counted_below <= (SELECT max(recorded_xid) FROM ai_metrics)
   OR source = 'submissions' AND EXISTS (SELECT FROM metric_submissions)
ORDER BY source;

-- name: renumber
-- For a dump that was restored into another server, whose transaction numbers may be lower. Rows
-- below the dump's mark are counted already: their number becomes null. The others get the number
-- of this transaction and are counted next. Rows written since the restore have a number equal to
-- their xmin and are not changed. Some rows are renumbered at a time, the highest numbers first;
-- counting resumes after the last.
WITH mark AS MATERIALIZED (
    SELECT counted_below AS low FROM metric_marks
    WHERE source = '$source'
      AND counted_below > pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    FOR UPDATE SKIP LOCKED
), foreign_rows AS MATERIALIZED (
    SELECT source.ctid AS place, recorded_xid >= low AS uncounted FROM mark, $table AS source
    WHERE recorded_xid IS NOT NULL AND source.xmin <> recorded_xid::text::xid8::xid
    ORDER BY recorded_xid DESC LIMIT %(most)s
), renumbered AS (
    UPDATE $table
    SET recorded_xid = CASE WHEN uncounted THEN pg_current_xact_id()::text::bigint END
    FROM foreign_rows WHERE $table.ctid = place
), moved AS (
    UPDATE metric_marks SET counted_below = 0
    WHERE source = '$source' AND EXISTS (SELECT FROM mark)
      AND (SELECT count(*) FROM foreign_rows) < %(most)s
)
SELECT (SELECT count(*) FROM foreign_rows) AS renumbered FROM mark;

-- name: forget
-- Sums by the minute, and durations by the hour, that are too old for charts.
DELETE FROM tally
WHERE start < now() - %(kept)s::interval
  AND (seconds = 60 OR seconds = 3600 AND measure = ANY(%(durations)s));

-- name: totals
SELECT name, queue_name, outcome, engine, model, le, count, sum FROM metric_totals
ORDER BY name, queue_name, outcome, engine, model, le;

-- name: last_seen
-- How long ago a worker of each queue last renewed its lease, whether or not it is live.
SELECT queue_name, min(date_part('epoch', clock_timestamp() - last_seen_at)) AS seconds
FROM workers CROSS JOIN LATERAL unnest(queues) AS queue_name
GROUP BY queue_name ORDER BY queue_name;

-- name: window
-- Counts in a window up to now, and in the window of the same length before it.
SELECT CASE measure WHEN 'ended' THEN outcome WHEN 'called' THEN 'ai_' || outcome
            ELSE measure END AS name, queue_name,
    coalesce(sum(count) FILTER (WHERE start > date_trunc('minute', now()) - age), 0)::bigint AS now,
    coalesce(sum(count) FILTER (WHERE start <= date_trunc('minute', now()) - age), 0)::bigint
        AS before
FROM tally, make_interval(mins => %(minutes)s) AS age
WHERE seconds = 60 AND measure IN ('ended', 'failed', 'retried', 'called')
  AND start > date_trunc('minute', now()) - 2 * age
GROUP BY 1, 2;

-- name: snapshot
-- The time of the snapshot, how far rows are counted, and the first submission.
SELECT now(), (SELECT counted_below FROM metric_marks WHERE source = 'attempts') AS attempts,
    (SELECT counted_below FROM metric_marks WHERE source = 'ai_calls') AS ai_calls,
    (SELECT date_part('epoch', now() - min(ready_at)) FROM jobs WHERE $jobs AND state = 'waiting')
        AS oldest_waiting_s,
    coalesce(
        CASE WHEN %(whole)s THEN least(
            (SELECT to_timestamp(min(least)) FROM tally
             WHERE seconds = 3600 AND measure = 'submitted'
               AND (%(queue)s::text IS NULL OR queue_name = %(queue)s)),
            (SELECT min(created_at) FROM metric_submissions
             WHERE %(queue)s::text IS NULL OR queue_name = %(queue)s)
        ) END,
        (SELECT created_at FROM jobs WHERE $jobs ORDER BY job_id LIMIT 1)
    ) AS first;

-- name: kept
SELECT measure, NULL::timestamptz AS start, outcome, labels, bin, sum(count)::bigint AS count,
    sum(sum) AS sum, min(least) AS least, max(most) AS most
FROM tally
WHERE seconds = %(level)s AND start >= %(low)s AND measure = ANY(%(durations)s)
  AND (%(queue)s::text IS NULL OR queue_name = %(queue)s)
GROUP BY measure, outcome, labels, bin
UNION ALL
-- Sums by the hour if the chart's bins are that wide, and by the minute before the first hour.
SELECT measure, date_bin(%(minute)s, start, 'epoch'), outcome, labels, bin,
    sum(count)::bigint, NULL, min(least), max(most)
FROM tally
WHERE (seconds = 3600 AND start >= %(hours)s
       OR seconds = 60 AND start >= %(since)s AND start < %(hours)s)
  AND measure IN ('submitted', 'started', 'ended', 'failure')
  AND (%(queue)s::text IS NULL OR queue_name = %(queue)s)
GROUP BY 1, 2, 3, 4, 5;

-- name: read
-- Rows within a chart's extent that are not counted, and counted ones between `since` and the
-- first whole hour after it (`low`), as durations are kept by the hour only.
WITH fresh AS (
    SELECT source.*, CASE WHEN %(queue)s::text IS NULL THEN '' ELSE coalesce(
        (SELECT queue_name FROM jobs WHERE jobs.job_id = source.job_id), 'unknown'
    ) END AS queue_name
    FROM (
        SELECT *, true AS counts FROM $table WHERE $at >= %(since)s AND $uncounted
        UNION ALL
        SELECT *, false FROM $table
        WHERE $at >= %(since)s AND $at < %(low)s AND %(since)s::timestamptz < %(low)s::timestamptz
          AND coalesce(recorded_xid, 0) < %(mark)s
    ) AS source
), measured AS ($measure)
SELECT measure, start, outcome, labels, bin, count, sum, least, most
FROM measured
WHERE (%(queue)s::text IS NULL OR queue_name = %(queue)s)
  -- An attempt may have started long before it ended.
  AND (measure <> 'started' OR start >= date_bin(%(minute)s, %(since)s, 'epoch'));

-- name: read_submissions
WITH fresh AS ($submissions), measured AS ($measure)
SELECT measure, start, outcome, labels, bin, count, sum, least, most
FROM measured
WHERE %(queue)s::text IS NULL OR queue_name = %(queue)s;

-- name: uncounted_submissions
SELECT queue_name, submitted, failed, created_at FROM metric_submissions
WHERE created_at >= %(since)s

-- name: submitted_jobs
-- Job ids contain the time of submission, by the clock of the submitting process.
SELECT queue_name, 1 AS submitted, 0 AS failed, created_at FROM jobs
WHERE $jobs AND created_at >= %(since)s AND job_id >= %(lowest_id)s::uuid

-- name: read_jobs
-- Failed and cancelled jobs in their present state, by index-only scans; and failures without an
-- attempt, which are photos refused at submission.
SELECT measure, date_bin(%(minute)s, finished_at, 'epoch') AS start, outcome,
    labels, bin, count(*), NULL::float8 AS sum, min(date_part('epoch', finished_at)) AS least,
    max(date_part('epoch', finished_at)) AS most
FROM (
    SELECT 'job' AS measure, 'failed' AS outcome, '{}'::text[] AS labels, attempts AS bin, finished_at
    FROM jobs WHERE $jobs AND state = 'failed' AND finished_at >= %(since)s
    UNION ALL
    SELECT 'job', 'cancelled', '{}', 0, finished_at
    FROM jobs WHERE $jobs AND state = 'cancelled' AND finished_at >= %(since)s
    UNION ALL
    SELECT 'failure', 'failed', ARRAY[coalesce(error_type, 'unknown')], 0, finished_at
    FROM jobs WHERE $jobs AND state = 'failed' AND attempts = 0 AND finished_at >= %(since)s
) AS ended
GROUP BY 1, 2, 3, 4, 5;
