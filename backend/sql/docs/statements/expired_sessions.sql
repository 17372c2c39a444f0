-- write: limit
DELETE FROM session
WHERE id = ANY (ARRAY(
	SELECT id
	FROM session
	WHERE seen_at < now() - interval '{{SESSION_TIMEOUT_SECONDS}} s'
	ORDER BY seen_at
	LIMIT $1
	FOR UPDATE SKIP LOCKED
))
