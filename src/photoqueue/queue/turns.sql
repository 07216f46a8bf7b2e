-- Turns: parts of other statements, in the place of `$name`.
--
-- Jobs of one queue and priority run by their `turn`. Each job of a group (a `group_name`, else a
-- user) has a turn after the one before, and a group that comes to a queue where others wait begins
-- at the head: so the groups take turns, whoever has more jobs. Turns are given at submission; two
-- submissions of one group at the same moment may get the same ones, and then run side by side.
-- Jobs that become ready later, as retries do, come at the head, one a turn: many of them do not
-- hold up the others, and their own turn may belong to a queue that has been empty since.

-- name: head_turn
-- The turn at the head of the queue of `new`: of the job that is taken next, else of those running.
coalesce(
    (SELECT turn FROM jobs
     WHERE queue_name = new.queue_name AND -priority = -new.priority AND state = 'waiting'
       AND ready_at IS NOT NULL
     ORDER BY turn, job_id LIMIT 1),
    (SELECT max(turn) FROM jobs
     WHERE queue_name = new.queue_name AND priority = new.priority AND state = 'active'),
    0)

-- name: last_turn
-- The turn after which the next job of the group of `new` comes.
greatest($head_turn,
    (SELECT turn FROM jobs
     WHERE queue_name = new.queue_name AND -priority = -new.priority AND state = 'waiting'
       AND ready_at IS NOT NULL AND coalesce(group_name, user_id) = new.group_name
     ORDER BY turn DESC LIMIT 1))
