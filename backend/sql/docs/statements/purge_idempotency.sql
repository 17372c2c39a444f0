-- write: drive, limit
-- These answers are kept as long as all others: the request that removed the drive may still be repeated.
DELETE FROM idempotency t
USING (
	SELECT user_id, key
	FROM idempotency
	WHERE drive = $1 AND created_at < now() - interval '{{IDEMPOTENCY_TEXT}} h'
	LIMIT $2
) p
WHERE t.user_id = p.user_id AND t.key = p.key
