-- write: users, keys
UPDATE idempotency i SET repeats = repeats + 1
FROM unnest($1::bigint[], $2::bytea[]) k (user_id, key)
WHERE i.user_id = k.user_id AND i.key = k.key
