-- write
-- Index: session_expires, idempotency_created
DELETE FROM session
WHERE expires_ns <= $1
