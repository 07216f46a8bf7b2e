-- Answers to requests with an Idempotency-Key: queue/answers.py.

-- name: forget
-- Answers that are a day old: this one, and a few others, so that the table does not grow.
DELETE FROM api_answers WHERE expires_at <= now() AND (
    (caller = %(caller)s AND key = %(key)s)
    OR (caller, key) IN (
        SELECT caller, key FROM api_answers WHERE expires_at <= now()
        ORDER BY expires_at LIMIT 50 FOR UPDATE SKIP LOCKED
    )
);

-- name: claim
-- A key that nobody holds: a new one, or one whose request ended without an answer.
INSERT INTO api_answers (caller, key, digest, claim, held_until)
VALUES (%(caller)s, %(key)s, %(digest)s, gen_random_uuid(), now() + %(lease)s)
ON CONFLICT (caller, key) DO UPDATE SET
    digest = coalesce(EXCLUDED.digest, api_answers.digest),
    claim = EXCLUDED.claim,
    held_until = EXCLUDED.held_until
WHERE api_answers.status IS NULL AND api_answers.held_until <= now()
  AND coalesce(api_answers.digest = EXCLUDED.digest, true)
RETURNING claim, ref;

-- name: held
SELECT digest, status, answer::text AS answer FROM api_answers
WHERE caller = %(caller)s AND key = %(key)s;

-- name: renew
UPDATE api_answers SET held_until = now() + %(lease)s
WHERE claim = %(claim)s AND status IS NULL;

-- name: keep
UPDATE api_answers
SET digest = %(digest)s, status = %(status)s, answer = %(answer)s
WHERE claim = %(claim)s AND status IS NULL;

-- name: release
UPDATE api_answers SET held_until = now() WHERE claim = %(claim)s AND status IS NULL;

-- name: give_up
DELETE FROM api_answers WHERE claim = %(claim)s AND status IS NULL;
