-- read
-- Index: device_key_hash, account_pkey
SELECT t.id, t.account_id, t.name, t.created_ns, t.last_used_ns, NULL::bigint, {{account}}
FROM device_key t
JOIN account a ON a.id = t.account_id
WHERE t.hash = $1
