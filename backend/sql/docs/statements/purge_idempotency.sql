-- write: drive, limit
-- Answers are there as long as any: a repeat of what removed the drive may still come.
DELETE FROM idempotency t
USING (
	SELECT user_id, key
	FROM idempotency
	WHERE drive = $1 AND created_at < now() - interval '{{IDEMPOTENCY_TEXT}} h'
	LIMIT $2
) p
WHERE t.user_id = p.user_id AND t.key = p.key
