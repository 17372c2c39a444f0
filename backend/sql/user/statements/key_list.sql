-- read
-- Index: device_key_account
SELECT id, account_id, name, created_ns, last_used_ns, NULL::bigint
FROM device_key
WHERE account_id = $1 AND id > $2
ORDER BY id
LIMIT $3
