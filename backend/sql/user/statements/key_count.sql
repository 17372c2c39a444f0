-- read
-- Index: device_key_account
SELECT count(*)
FROM device_key
WHERE account_id = $1
