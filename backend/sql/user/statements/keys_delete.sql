-- write
-- Index: device_key_account
DELETE FROM device_key
WHERE account_id = $1 AND id <> $2
