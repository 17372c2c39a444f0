-- read: users, keys
SELECT i.user_id, i.key, i.status, i.fingerprint, i.headers, i.body,
	i.created_at < now() - interval '{{IDEMPOTENCY_TEXT}} h'
FROM unnest($1::bigint[], $2::bytea[]) k (user_id, key)
JOIN idempotency i ON i.user_id = k.user_id AND i.key = k.key
