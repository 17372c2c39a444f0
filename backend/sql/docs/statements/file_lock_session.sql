-- write: session
-- The session's row before those of its locks: whoever ends it goes the same way.
WITH seen AS (
	UPDATE session s SET locks_at = now()
	WHERE s.id = $1 AND (s.locks_at IS NULL OR s.locks_at < now() - {{locks_step}})
)
SELECT
FROM session s
WHERE s.id = $1
FOR KEY SHARE
