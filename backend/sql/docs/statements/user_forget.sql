-- write: users, keys
DELETE FROM idempotency i
USING unnest($1::bigint[], $2::bytea[]) k (user_id, key)
WHERE i.user_id = k.user_id AND i.key = k.key
