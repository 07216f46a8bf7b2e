-- The rate limits of services that engines use, shared by all workers: one row per service, with
-- the time from which the next request may be sent. The row's lock serializes simultaneous
-- requests, and clock_timestamp() is read after it is taken; PostgreSQL's clock is used for all
-- hosts.

-- name: take
-- Reserve the next free time, unless it is further away than the caller would wait.
INSERT INTO ai_rate_limits AS held (name, free_at)
VALUES (%(name)s, clock_timestamp() + %(interval)s * interval '1 second')
ON CONFLICT (name) DO UPDATE
SET free_at = greatest(held.free_at, clock_timestamp()) + %(interval)s * interval '1 second'
WHERE held.free_at <= clock_timestamp() + %(patience)s * interval '1 second'
RETURNING extract(epoch FROM
    free_at - %(interval)s * interval '1 second' - clock_timestamp())::float8 AS seconds;

-- name: look
-- How far away the next free time is.
SELECT extract(epoch FROM free_at - clock_timestamp())::float8 AS seconds
FROM ai_rate_limits WHERE name = %(name)s;

-- name: hold
-- The service requested a pause.
INSERT INTO ai_rate_limits AS held (name, free_at)
VALUES (%(name)s, clock_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (name) DO UPDATE SET free_at = greatest(held.free_at, excluded.free_at);
