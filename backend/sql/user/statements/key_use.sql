-- write
-- Index: device_key_pkey
UPDATE device_key SET last_used_ns = $2
WHERE id = $1 AND (last_used_ns IS NULL OR last_used_ns < $2)
