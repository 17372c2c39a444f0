-- write
-- Index: account_pkey; session_account and device_key_account for the rows that are deleted with the account
DELETE FROM account
WHERE id = $1
