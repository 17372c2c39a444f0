-- write
-- Index: account_pkey; session_account and device_key_account for what goes with it
DELETE FROM account
WHERE id = $1
