-- write: session
-- Locks the session's row before the rows of its locks: the transaction that ends the session uses the same order.
WITH seen AS (
	UPDATE session s SET locks_at = now()
	WHERE s.id = $1 AND (s.locks_at IS NULL OR s.locks_at < now() - {{locks_step}})
)
SELECT
FROM session s
WHERE s.id = $1
FOR KEY SHARE
