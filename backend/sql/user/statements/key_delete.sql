-- write
-- Index: device_key_pkey
DELETE FROM device_key
WHERE id = $1 AND account_id = $2
