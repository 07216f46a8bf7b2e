-- Incidents, and whether their beginning and end were reported.

-- name: open
-- An incident that is already open keeps its id; its severity and message are updated.
INSERT INTO incidents (name, queue_name, severity, message)
SELECT * FROM unnest(%(names)s::text[], %(queues)s::text[], %(severities)s::text[],
    %(messages)s::text[])
ON CONFLICT (name, queue_name) WHERE ended_at IS NULL DO UPDATE
SET severity = excluded.severity, message = excluded.message;

-- name: end_others
UPDATE incidents SET ended_at = clock_timestamp()
WHERE ended_at IS NULL
  AND NOT EXISTS (
      SELECT FROM unnest(%(names)s::text[], %(queues)s::text[]) AS firing (name, queue_name)
      WHERE firing.name = incidents.name AND firing.queue_name = incidents.queue_name
  );

-- name: untold
-- Locked until it is reported; other processes that check skip it.
SELECT incident_id, name, queue_name, severity, message, began_at, ended_at, told_at,
    extract(epoch FROM clock_timestamp())::bigint AS timestamp
FROM incidents
WHERE (told_at IS NULL OR end_told_at IS NULL) AND (told_at IS NULL OR ended_at IS NOT NULL)
ORDER BY began_at, incident_id
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: mark_told
UPDATE incidents SET told_at = clock_timestamp() WHERE incident_id = %(incident_id)s;

-- name: mark_end_told
UPDATE incidents SET end_told_at = clock_timestamp() WHERE incident_id = %(incident_id)s;
