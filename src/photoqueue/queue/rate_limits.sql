-- The rate limit of services that engines ask, for all workers together: one row a service,
-- which says when it may be asked next. The row's lock puts simultaneous takers in a line,
-- and clock_timestamp() is read behind it; one clock, PostgreSQL's own, counts for all hosts.

-- name: take
-- Reserve the next free moment, unless it is further away than the caller's patience.
INSERT INTO ai_rate_limits AS held (name, free_at)
VALUES (%(name)s, clock_timestamp() + %(interval)s * interval '1 second')
ON CONFLICT (name) DO UPDATE
SET free_at = greatest(held.free_at, clock_timestamp()) + %(interval)s * interval '1 second'
WHERE held.free_at <= clock_timestamp() + %(patience)s * interval '1 second'
RETURNING extract(epoch FROM
    free_at - %(interval)s * interval '1 second' - clock_timestamp())::float8 AS seconds;

-- name: look
-- How far away the next free moment is.
SELECT extract(epoch FROM free_at - clock_timestamp())::float8 AS seconds
FROM ai_rate_limits WHERE name = %(name)s;

-- name: hold
-- The service itself asked for a pause.
INSERT INTO ai_rate_limits AS held (name, free_at)
VALUES (%(name)s, clock_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (name) DO UPDATE SET free_at = greatest(held.free_at, excluded.free_at);
