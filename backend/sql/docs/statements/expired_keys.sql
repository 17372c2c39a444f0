-- write: limit
DELETE FROM idempotency
WHERE ctid = ANY (ARRAY(
	SELECT ctid
	FROM idempotency
	WHERE created_at < now() - interval '{{IDEMPOTENCY_TEXT}} h'
	ORDER BY created_at
	LIMIT $1
	FOR UPDATE SKIP LOCKED
))
